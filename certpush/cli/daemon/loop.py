"""The loop of the daemon: renew, wait until something is due, and again; every sign of life comes from here."""

from __future__ import annotations

import logging
import os
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol

from certpush._version import __version__
from certpush.cli.daemon.health import HealthFile
from certpush.cli.daemon.notify import Notifier
from certpush.cli.daemon.story import Run, counted, run_of, tell
from certpush.cli.receipts import moment
from certpush.config import Configuration
from certpush.errors import CertpushError, LockHeld
from certpush.fleet.needs import how_often, longest_switch
from certpush.kit.settings import format_duration
from certpush.kit.tls import utc_now
from certpush.model import Event, Receipt

if TYPE_CHECKING:
    from certpush.fleet.receipts import Receipts

_log = logging.getLogger("certpush.daemon")
_STEP = timedelta(seconds=30)
_MISSED_STEPS = 4  # so many signs of life may be late before the daemon counts as dead
_LEAST = timedelta(minutes=1)  # between two runs: what is due and fails stays due


class Renewing(Protocol):
    """What the loop wants of a ``Fleet``."""

    def renew(self, *, stop: threading.Event | None = None) -> Receipts:
        """Renew what is due."""
        ...

    def waits(self) -> Mapping[str, datetime]:
        """Until when those that failed wait."""
        ...


class Telling(Protocol):
    """What the loop wants of ``LostRuns``."""

    def tell(self, configuration: Configuration, error: CertpushError, ended: Iterable[Receipt] = ()) -> None:
        """A run failed as a whole."""
        ...

    def over(self, configuration: Configuration, receipts: Iterable[Receipt]) -> None:
        """A run came to its end."""
        ...


class Heard(Protocol):
    """What the loop wants of ``Signals``."""

    stop: threading.Event

    @property
    def pending(self) -> bool:
        """Whether something was asked."""
        ...

    def take_reload(self) -> bool:
        """Whether the configuration is to be read again."""
        ...

    def wait(self, seconds: float) -> None:
        """Wait, at most until the next signal."""
        ...


@dataclass(kw_only=True)
class Loop:
    """Renews until it is asked to stop. Each run has a fleet of its own, as those of a timer do: nothing grows old in memory."""

    configuration: Configuration
    load: Callable[[], Configuration]
    """Reads the configuration again, and refuses one that no run could use."""
    open_fleet: Callable[[Configuration, Callable[[Event], None]], AbstractContextManager[Renewing]]
    signals: Heard
    notifier: Notifier
    health: HealthFile
    lost: Telling
    at_most: timedelta | None = None
    """The longest time between two looks, where a person said one."""
    clock: Callable[[], datetime] = utc_now
    monotonic: Callable[[], float] = time.monotonic
    runs: int = 0
    last: Run | None = None
    _refused: str = ""
    _next: datetime | None = None
    _written: float = 0.0
    _patience: timedelta = timedelta()
    _started: datetime = field(init=False)

    def run(self) -> None:
        """Until SIGTERM. A run that fails is told, and followed by the next one."""
        self._started = self.clock()
        self.notifier.tell(READY=1, STATUS="started")
        while not self.signals.stop.is_set():
            if self.signals.take_reload():
                self._reload()
            dues = self._renew()
            if not self.signals.stop.is_set():
                self._sleep(dues)
        self.notifier.tell(STOPPING=1, STATUS="stopping")
        self._write_health("stopped", timedelta())
        self.health.close()
        _log.info("stopped, after %s", counted(self.runs, "run"))

    # --- a run ---

    def _renew(self) -> list[datetime]:
        """Renew once; gives when the targets are due next, and when those that failed may be tried again."""
        self._patience = longest_switch(self.configuration.targets.values())
        self.notifier.be_patient(self._patience)
        self.notifier.tell(STATUS="looking at what is served")
        self._write_health("working", self._patience)
        began, problem = self.clock(), None
        receipts: list[Receipt] = []
        next_ones: list[datetime] = []
        try:
            with self.open_fleet(self.configuration, self._heard) as fleet:
                receipts += self._told(fleet.renew(stop=self.signals.stop))
                next_ones = _next_ones(receipts, fleet.waits())
        except CertpushError as error:
            problem = error
        except Exception as error:  # noqa: BLE001 - what one run met, the next may not meet
            problem = CertpushError(f"certpush itself failed: {type(error).__name__}")
        self.runs += 1
        self.last = run_of(receipts, began, self.clock(), problem)
        _log.log(self.last.level, "%s", self.last.text)
        self._tell_observers(receipts, problem)
        return next_ones

    def _tell_observers(self, receipts: Sequence[Receipt], problem: CertpushError | None) -> None:
        """They hear each target by themselves, but of a run that failed as a whole nothing."""
        if problem is None:
            self.lost.over(self.configuration, receipts)
        elif not isinstance(problem, LockHeld):  # somebody puts another state in the place of this one
            self.lost.tell(self.configuration, problem, receipts)

    def _told(self, receipts: Iterable[Receipt]) -> Iterator[Receipt]:
        """The receipts, each told as it comes: a sign of life."""
        for receipt in receipts:
            self.notifier.alive()
            self._still_working()
            tell(receipt, self.clock())
            yield receipt

    def _heard(self, _event: Event) -> None:
        """A target got further: the run is alive, whichever thread it is in."""
        self.notifier.alive()

    # --- between runs ---

    def _sleep(self, dues: Iterable[datetime]) -> None:
        """Until something is due. The clock may be set meanwhile, and the machine may sleep: whichever ends first counts."""
        longest = self.at_most or how_often(one for one in self.configuration.targets.values() if one.enabled)
        self._next = next_look(self.clock(), longest, dues)
        end = self.monotonic() + longest.total_seconds()
        step = min(_STEP, self.notifier.watchdog / 3) if self.notifier.watchdog else _STEP
        self.notifier.be_patient(timedelta())
        self.notifier.tell(STATUS=f"{self.last.text if self.last else ''}; next look {moment(self._next)}")
        while not self.signals.pending:
            left = min((self._next - self.clock()).total_seconds(), end - self.monotonic())
            if left <= 0:
                return
            self.notifier.alive()
            self._write_health("waiting", _MISSED_STEPS * step)
            self.signals.wait(min(left, step.total_seconds()))

    def _reload(self) -> None:
        """Take the new configuration; a broken one is told, and the old one stays."""
        self.notifier.tell(RELOADING=1, MONOTONIC_USEC=time.monotonic_ns() // 1000, STATUS="reading the configuration again")
        try:
            self.configuration, self._refused = self.load(), ""
            _log.info("the configuration was read again: %s, a look every %s at most", *self.in_short())
        except CertpushError as error:
            self._refused = error.message
            _log.error("the new configuration is not taken, the old one stays: %s; %s", error.message, error.hint)
        self.notifier.tell(READY=1)

    def in_short(self) -> tuple[str, str]:
        """How many targets there are, and how often they are looked at, for a line of the log."""
        enabled = [one for one in self.configuration.targets.values() if one.enabled]
        return counted(len(enabled), "target"), format_duration(self.at_most or how_often(enabled))

    # --- health ---

    def _still_working(self) -> None:
        """A thousand receipts in a few seconds need not be a thousand files."""
        if self.monotonic() - self._written >= 1:
            self._write_health("working", self._patience)

    def _write_health(self, doing: str, alive_for: timedelta) -> None:
        self._written = self.monotonic()
        self.health.write(now=self.clock(), alive_for=alive_for, about=self._about(doing))

    def _about(self, doing: str) -> dict[str, Any]:
        return {
            "certpush": __version__,
            "pid": os.getpid(),
            "doing": doing,
            "started": moment(self._started),
            "runs": self.runs,
            "next": moment(self._next) if doing == "waiting" else None,
            "last": self.last.document if self.last else None,
            "refused_configuration": self._refused or None,
        }


def _next_ones(receipts: Sequence[Receipt], waits: Mapping[str, datetime]) -> list[datetime]:
    names = {one.target for one in receipts}
    return [*(one.due for one in receipts if one.due is not None), *(until for name, until in waits.items() if name in names)]


def next_look(now: datetime, longest: timedelta, dues: Iterable[datetime]) -> datetime:
    """When something is due next: at the latest after ``longest``, for what is served may change, and not at once again.

    What was due before was just looked at; when it is tried again is another moment, or the latest.
    """
    return max(now + min(_LEAST, longest), min([now + longest, *(due for due in dues if due > now)]))
