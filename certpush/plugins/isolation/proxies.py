# ruff: noqa: D102 - the verbs are those of Target and Observer
"""Targets and observers of a third party, as the core sees them: every verb is asked of the plugin's process."""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any, TypeVar

from certpush.kit.settings import Settings
from certpush.model import CertificateBundle, CertificateRequest, Endpoint, Event, Expected, Finding, Installed, Staged
from certpush.observer import Observer, Run
from certpush.plugins.isolation import crossing, hearsay
from certpush.plugins.isolation.crossing import Unreadable
from certpush.plugins.isolation.plugin import Lane, Plugin
from certpush.target import Target

T = TypeVar("T")


class IsolatedTarget(Target):
    """A target in its plugin's process. Where that ended, the next verb opens it anew: what it needs stands in the handles."""

    def __init__(self, plugin: Plugin, settings: Settings, *, switch_within: timedelta) -> None:
        self._plugin = plugin
        self._lane = Lane(plugin, lambda: {"verb": "open", "table": plugin.table(settings)})
        self._switch_within = switch_within
        self._lane.open()

    def inspect(self) -> Installed:
        return self._ask("inspect", crossing.installed_in)

    def stage(self, bundle: CertificateBundle) -> Staged:
        return self._ask("stage", crossing.staged_in, bundle=self._sent(bundle))

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
        sent = self._sent(bundle)
        self._lane.ask("activate", within=self._switch_within, staged=crossing.staged_out(staged), bundle=sent)

    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        return self._ask(
            "rollback",
            crossing.expected_in,
            to=crossing.installed_out(to),
            staged=None if staged is None else crossing.staged_out(staged),
            previous=None if previous is None else self._sent(previous),
        )

    def preflight(self, request: CertificateRequest) -> tuple[Finding, ...]:
        return self._ask("preflight", crossing.findings_in, request=crossing.request_out(request))

    def changes(self, request: CertificateRequest) -> tuple[str, ...]:
        return self._ask("changes", crossing.texts_in, request=crossing.request_out(request))

    def csr(self, request: CertificateRequest) -> bytes:
        return self._ask("csr", _bytes_in, request=crossing.request_out(request))

    def confirm(self, staged: Staged) -> None:
        self._lane.ask("confirm", staged=crossing.staged_out(staged))

    def endpoints(self) -> tuple[Endpoint, ...]:
        return self._ask("endpoints", crossing.endpoints_in)

    def tidy(self, keep: Collection[str]) -> None:
        self._lane.ask("tidy", keep=sorted(keep))

    def close(self) -> None:
        if self._lane.alive:  # or its connections are gone with the process that had them
            self._lane.ask("close", last=True)

    def _sent(self, bundle: CertificateBundle) -> crossing.Plain:
        self._plugin.keep_out(crossing.key_lines(bundle))
        return crossing.bundle_out(bundle)

    def _ask(self, verb: str, read: Callable[[object], T], **arguments: Any) -> T:
        answered = self._lane.ask(verb, **arguments)
        try:
            return read(answered)
        except Unreadable:
            raise self._plugin.odd(verb) from None


def _bytes_in(data: object) -> bytes:
    return crossing.converted(data, str).encode("ascii", "replace")


class IsolatedObserver(Observer):
    """An observer in its plugin's process."""

    def __init__(self, plugin: Plugin, settings: Settings, run: Run) -> None:
        told = {"name": run.name, "command": run.command, "targets": dict(run.targets), "memory": str(run.memory.path)}
        self._lane = Lane(plugin, lambda: {"verb": "attend", "table": plugin.table(settings), "run": told})
        self._plugin = plugin
        self._lane.open()

    def hear(self, event: Event) -> None:
        self._lane.ask("hear", event=hearsay.event_out(event))

    def close(self) -> str:
        return self._text("close")

    def test(self) -> str:
        return self._text("test")

    def _text(self, verb: str) -> str:
        answered = self._lane.ask(verb, last=True)
        if not isinstance(answered, str | None):
            raise self._plugin.odd(verb)
        return crossing.shown(answered or "")
