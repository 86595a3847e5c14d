"""All hooks. A target hook returns a class; the class does the work, so no plugin is ever handed another's keys."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pluggy

if TYPE_CHECKING:
    from certpush.model import Event
    from certpush.observer import ObserverKind
    from certpush.target import TargetKind

hookspec = pluggy.HookspecMarker("certpush")
hookimpl = pluggy.HookimplMarker("certpush")


@hookspec
def certpush_target() -> TargetKind[Any]:  # type: ignore[empty-body]
    """Declare the kind of target that this plugin offers. Asked of one plugin at a time, when the configuration names it."""


@hookspec
def certpush_observer() -> ObserverKind[Any]:  # type: ignore[empty-body]
    """Declare the kind of observer that this plugin offers. Asked of one plugin at a time, when an ``[observer.NAME]`` names it."""


@hookspec
def certpush_observe(event: Event) -> None:
    """Hear what happens in a run, after every phase, if this plugin is loaded. Raising is logged by name and never alters the outcome."""
