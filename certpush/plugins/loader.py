"""Load kinds by name: those of certpush in this process, those of others in one of their own."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any, Generic, Self, TypeVar

from certpush.errors import PluginBroken, PluginNotFound
from certpush.observer import ObserverKind
from certpush.plugins.admission import Admission, Listener
from certpush.plugins.offers import Claim, Offer, Role, claims_of, conflict_of, read_claims, shown
from certpush.target import TargetKind

if TYPE_CHECKING:  # who has no plugins of others needs nothing to keep them apart
    from certpush.plugins.isolation.plugin import Plugin

T = TypeVar("T")


class PluginLoader:
    """Loads what it is asked for by name, once. Use it as a context manager, or ``close`` it: the processes of plugins end with it."""

    def __init__(self) -> None:
        self._admission = Admission()
        self._claims: tuple[Claim, ...] | None = None
        self._targets: _Once[TargetKind[Any]] = _Once()
        self._observers: _Once[ObserverKind[Any]] = _Once()
        self._apart: list[Plugin] = []
        """Plugins of others, each in its process."""
        self._overhearing: list[tuple[str, Listener]] = []
        self._lock = threading.RLock()

    def load_kind(self, name: str) -> TargetKind[Any]:
        """Give the kind of target that is called ``name``; nothing else is imported, and of others nothing in this process.

        Raises:
            PluginNotFound: nobody offers it; the hint names the nearest one.
            PluginConflict: two distributions claim the name, or one claims a name of certpush.
            PluginBroken: it is made for another certpush, cannot be imported, or is not what it must be.

        """
        return self._targets.get(name, lambda: self._target(self._find(name, lambda one: not one.own_observer)))

    def load_observer(self, name: str) -> ObserverKind[Any]:
        """Give the kind of observer that is called ``name``; checked and refused like ``load_kind``."""
        return self._observers.get(name, lambda: self._observer(self._find(name, lambda one: not one.own_target)))

    def listeners(self) -> list[tuple[str, Listener]]:
        """The loaded plugins that implement ``certpush_observe``, by their names."""
        with self._lock:
            return [*self._admission.listeners(), *self._overhearing]

    def close(self) -> None:
        """End the processes of plugins; what is loaded from them cannot be used any more."""
        for plugin in self._apart:
            plugin.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self.close()

    def _target(self, claim: Claim) -> TargetKind[Any]:
        if claim.offer.built_in:
            with self._lock:
                return self._admission.target(claim)
        from certpush.plugins.isolation.kinds import overhearing, target_kind

        kind, overhears = target_kind(self._set_apart(claim, Role.TARGET))
        if overhears:  # in another process than its targets: what hears must not hold up, or take along, what rotates
            with self._lock:
                self._overhearing.append((claim.offer.name, overhearing(self._set_apart(claim, Role.TARGET))))
        return kind

    def _observer(self, claim: Claim) -> ObserverKind[Any]:
        if claim.offer.built_in:
            with self._lock:
                return self._admission.observer(claim)
        from certpush.plugins.isolation.kinds import observer_kind

        return observer_kind(self._set_apart(claim, Role.OBSERVER))

    def _set_apart(self, claim: Claim, role: Role) -> Plugin:
        from certpush.plugins.isolation.plugin import Plugin
        from certpush.plugins.requirement import refuse_misfit

        refuse_misfit(claim)
        plugin = Plugin(claim, role)
        self._apart.append(plugin)
        return plugin

    def _find(self, name: str, may_be_meant: Callable[[Offer], bool]) -> Claim:
        with self._lock:
            self._claims = read_claims() if self._claims is None else self._claims
        rivals = claims_of(name, self._claims)
        conflict = conflict_of(rivals)
        if conflict:
            raise conflict
        if not rivals:
            raise _not_found(name, sorted({claim.offer.name for claim in self._claims if may_be_meant(claim.offer)}))
        return rivals[0]


class _Once(Generic[T]):
    """What was loaded, by name. Who loads one waits for nobody who loads another, and what is broken is not tried again."""

    def __init__(self) -> None:
        self._loaded: dict[str, T] = {}
        self._broken: dict[str, PluginBroken] = {}
        self._turns: dict[str, threading.RLock] = {}
        self._lock = threading.Lock()

    def get(self, name: str, load: Callable[[], T]) -> T:
        with self._lock:
            turn = self._turns.setdefault(name, threading.RLock())
        with turn:
            if name in self._broken:
                raise PluginBroken(self._broken[name].message, hint=self._broken[name].hint)
            if name not in self._loaded:
                try:
                    self._loaded[name] = load()
                except PluginBroken as error:
                    self._broken[name] = error
                    raise
            return self._loaded[name]


def _not_found(name: str, known: list[str]) -> PluginNotFound:
    import difflib

    near = difflib.get_close_matches(name, known, n=1)
    suggestion = f"did you mean {near[0]!r}? " if near else ""
    return PluginNotFound(
        f"no installed plugin offers the kind {shown(name[:80])!r}",
        hint=f"{suggestion}kinds here: {', '.join(known) or 'none'}; looked for in {sys.prefix}",
    )
