"""A third party's plugin on our side: asked by verbs, in a process that is started when it is needed, and anew after it ended."""

from __future__ import annotations

import itertools
import threading
import weakref
from collections.abc import Callable, Iterable
from datetime import timedelta
from typing import Any, TypeVar

from certpush.errors import ContractViolation, ObserverFailed, TargetBug
from certpush.kit.settings import Settings
from certpush.plugins.checks import authors_hint, broken
from certpush.plugins.isolation import crossing, failing
from certpush.plugins.isolation.crossing import Plain
from certpush.plugins.isolation.frames import Malformed
from certpush.plugins.isolation.heard import Heard
from certpush.plugins.isolation.limits import deadline_of
from certpush.plugins.isolation.process import Ended, Process
from certpush.plugins.offers import Claim, Role
from certpush.rotation.calling import REPORT

T = TypeVar("T")
_NEVER_AGAIN = frozenset({"activate", "csr", "hear", "test"})
"""Not asked a second time where the process ended by another's fault: what came of it is settled by looking."""


class Plugin:
    """One entry point in one role."""

    def __init__(self, claim: Claim, role: Role) -> None:
        self.offer = claim.offer
        self.who = f"the plugin for {claim.offer.name} ({claim.offer.author})"
        self.heard = Heard(claim.offer.name)
        self._claim = claim
        self._role = role
        self._lock = threading.Lock()
        self._lanes = itertools.count()
        self._process: Process | None = None
        self._started: list[Process] = []
        self._twins: list[Plugin] = []
        self._closed = False
        weakref.finalize(self, _end, self._started)  # also where nobody closes it

    def load(self) -> Plain:
        """Have the plugin imported in its process, and give what it declares.

        Raises:
            PluginBroken: it cannot be imported, or is not what it must be.

        """
        with self._lock:
            return self._loaded()

    def _loaded(self) -> Plain:
        if self._closed:
            raise self.bug("was closed already; use what comes of a Fleet inside of its `with`")
        process = Process(self.heard)
        self._started[:] = [process]
        entry = [self._claim.entry_point.name, self._claim.entry_point.value]
        offer = [self.offer.name, self.offer.distribution, self.offer.version, self.offer.module]
        request = {"verb": "load", "offer": offer, "entry": entry, "role": self._role, "level": self.heard.level, "last": True}
        try:
            declared = self.read(process.ask(self.number(), request, deadline_of("load")), "load")
        except Ended as ended:
            broken(self.offer, f"{ended.why} while it was loaded", hint=authors_hint(self.offer))
        except (ContractViolation, TargetBug, ObserverFailed) as error:
            process.end("is not used")
            broken(self.offer, f"cannot be used: {error.message}", hint=error.hint)
        except BaseException:
            process.end("is not used")
            raise
        self._process = process
        return crossing.converted(declared, dict[str, Any])

    def living(self) -> Process:
        """The process that it lives in, started if it must be."""
        with self._lock:
            if self._process is None or not self._process.alive:
                self._loaded()
            assert self._process is not None  # noqa: S101 - or it raised
            return self._process

    def twin(self) -> Plugin:
        """The same plugin in a process for one target alone: another one ended the common process, or this one did."""
        twin = Plugin(self._claim, self._role)
        twin.heard = self.heard
        with self._lock:
            twin._closed = self._closed
            self._twins.append(twin)
        return twin

    def number(self) -> int:
        """A number for a conversation that nobody had before."""
        return next(self._lanes)

    def once(self, verb: str, **arguments: Any) -> Any:
        """Ask something for which nothing has to be opened."""
        return Lane(self).ask(verb, last=True, **arguments)

    def table(self, settings: Settings) -> Plain:
        """The table of these settings, for the plugin alone; what is secret in it never comes back in words."""
        self.keep_out(crossing.secrets_in(settings))
        return crossing.table_of(settings)

    def keep_out(self, secrets: Iterable[str]) -> None:
        """Never repeat these, whatever the plugin says."""
        self.heard.keep_out(secrets)

    def close(self) -> None:
        """End the process, if there is one."""
        with self._lock:
            self._closed = True
            _end(self._started)
            twins = [*self._twins]
        for one in twins:
            one.close()

    def read(self, answer: Plain, verb: str) -> Any:
        """What was answered; raises what was raised."""
        if "error" in answer:
            raise failing.again(answer["error"], self.bug, self.heard.without_secrets)
        if "odd" in answer:
            raise self.odd(verb)
        return answer.get("value")

    def odd(self, verb: str) -> TargetBug | ObserverFailed:
        """An answer that is none."""
        return self.bug(f"answered {verb} with something that is no answer to it")

    def bug(self, what: str) -> TargetBug | ObserverFailed:
        """What it did wrong, under its name."""
        if self._role is Role.OBSERVER:
            return ObserverFailed(f"{self.who} {what}", hint="report it to the plugin's authors")
        return TargetBug(f"{self.who} {what}", hint=REPORT)


def _end(processes: list[Process]) -> None:
    for one in processes:
        one.end("is not needed any more")


class Lane:
    """A conversation about one target or observer, in whichever process the plugin lives: one that is new is told first what to open."""

    def __init__(self, plugin: Plugin, opening: Callable[[], Plain] | None = None) -> None:
        self._plugin = plugin
        self._opening = opening
        self._process: Process | None = None
        self._number = -1

    def ask(self, verb: str, *, within: timedelta | None = None, last: bool = False, **arguments: Any) -> Any:
        """Ask, and give the answer; raises the errors of the contract.

        Raises:
            TargetBug: whatever else went wrong in the plugin.

        """
        message = {"verb": verb, "last": last, **arguments}
        return self._patiently(verb, lambda: self._ask(message, within or deadline_of(verb)))

    def open(self) -> None:
        """Have it opened; raises like ``ask``."""
        self._patiently("open", self._opened)

    def _patiently(self, verb: str, attempt: Callable[[], T]) -> T:
        """Try a second time where the process ended by the fault of another target; in one for itself, where that is not known."""
        try:
            return attempt()
        except Ended as ended:
            if ended.lane == self._number or (ended.lane is None and not ended.shared) or verb in _NEVER_AGAIN:
                raise self._bug(ended, verb) from None
            if ended.shared:
                self._plugin = self._plugin.twin()
        try:
            return attempt()
        except Ended as ended:
            raise self._bug(ended, verb) from None

    def _ask(self, message: Plain, within: timedelta) -> Any:
        verb: str = message["verb"]
        process = self._opened()
        try:
            return self._plugin.read(process.ask(self._number, message, within), verb)
        except Malformed as error:
            raise self._plugin.bug(f"cannot be asked to {verb}: {error}") from None

    def _opened(self) -> Process:
        if self._process is not None and self._process.alive:
            return self._process
        process, self._number = self._plugin.living(), self._plugin.number()
        if self._opening is not None:
            message = {**self._opening(), "last": False}
            self._plugin.read(process.ask(self._number, message, deadline_of("open")), message["verb"])
        self._process = process
        return process

    @property
    def alive(self) -> bool:
        """Whether what this is about is open."""
        return self._process is not None and self._process.alive

    def _bug(self, ended: Ended, verb: str) -> TargetBug | ObserverFailed:
        if ended.lane in (None, self._number):
            return self._plugin.bug(f"{ended.why} (in {verb}{', when several targets were under way' if ended.shared else ''})")
        return self._plugin.bug(f"was ended in {verb}, because for another target it {ended.why}")
