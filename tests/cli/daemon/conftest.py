"""A daemon whose fleet, clock and signals are the test's: a day passes in a moment."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace
from typing import Self

import pytest

from certpush.cli.daemon.health import HealthFile
from certpush.cli.daemon.held_file import HeldFile
from certpush.cli.daemon.loop import Loop
from certpush.cli.daemon.notify import Notifier
from certpush.config import Configuration, from_tables
from certpush.errors import CertpushError
from certpush.model import Action, Outcome, Plan, Receipt, WayBack, WayBackKind

BEGIN = datetime(2026, 11, 27, 6, 0, tzinfo=UTC)


def configuration(lifetime: str = "24h", *names: str) -> Configuration:
    targets = {
        name: {"kind": "file", "names": ["a.lan"], "verify": "files", "directory": "/srv/a", "lifetime": lifetime}
        for name in names or ("wiki",)
    }
    return from_tables({"ca": {"url": "https://ca.lan"}, "target": targets}, {"HOME": "/nonexistent"})


def receipt(outcome: Outcome = Outcome.UNCHANGED, *, target: str = "wiki", error: CertpushError | None = None, **more) -> Receipt:
    plan = Plan(Action.NOTHING, "not due", (), WayBack(WayBackKind.EXACT, ""))
    return Receipt(target=target, outcome=outcome, plan=plan, error=error, **more)


@dataclass
class World:
    """Time passes while the daemon waits, and at its ``moments`` something happens."""

    wall: datetime = BEGIN
    seconds: float = 100.0
    waits: list[float] = field(default_factory=list)
    moments: dict[int, Callable[[], None]] = field(default_factory=dict)
    """By the number of the wait."""
    stop: threading.Event = field(default_factory=threading.Event)
    reload: bool = False

    @property
    def pending(self) -> bool:
        return self.reload or self.stop.is_set()

    def take_reload(self) -> bool:
        asked, self.reload = self.reload, False
        return asked

    def wait(self, seconds: float) -> None:
        assert seconds > 0
        self.waits.append(seconds)
        self.pass_by(seconds)
        self.moments.pop(len(self.waits), lambda: None)()

    def pass_by(self, seconds: float) -> None:
        self.wall += timedelta(seconds=seconds)
        self.seconds += seconds


@dataclass
class Fleets:
    """Plays ``Fleet``: what each run gives, and when it was."""

    world: World
    gives: list[object] = field(default_factory=list)
    """For each run its receipts, or what it raises; the last run sets ``stop``."""
    began: list[datetime] = field(default_factory=list)
    waits_of: dict[str, datetime] = field(default_factory=dict)
    seen: list[Configuration] = field(default_factory=list)

    def open(self, configuration: Configuration, observe) -> Fleets:
        self.seen.append(configuration)
        self.observe = observe
        return self

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is held open."""

    def waits(self) -> dict[str, datetime]:
        return self.waits_of

    def renew(self, *, stop: threading.Event) -> Iterator[Receipt]:
        self.began.append(self.world.wall)
        given = self.gives.pop(0)
        if not self.gives:
            stop.set()
        if isinstance(given, Exception):
            raise given
        for one in given:
            self.observe(SimpleNamespace(phase="planned"))
            yield one


@dataclass
class Lost:
    """Plays ``LostRuns``: what observers are told of whole runs."""

    told: list[tuple[object, ...]] = field(default_factory=list)

    def tell(self, _: Configuration, error: CertpushError, ended: Sequence[Receipt]) -> None:
        self.told.append((error.message, [one.target for one in ended]))

    def over(self, _: Configuration, receipts: Sequence[Receipt]) -> None:
        self.told.append(("over", [one.target for one in receipts]))


class Recorder(Notifier):
    """Writes down what it tells: a socket holds ten messages, and nobody empties it here."""

    def __init__(self, watchdog: timedelta | None, told: list[str]) -> None:
        super().__init__(None, watchdog)
        self._told = told

    def tell(self, **words: str | int) -> None:
        self._told += [f"{name}={value}" for name, value in words.items()]


@dataclass
class Bench:
    """A loop with all that it hears and says."""

    world: World
    fleets: Fleets
    directory: Path
    told: list[str] = field(default_factory=list)
    """What the service manager heard."""
    lost: Lost = field(default_factory=Lost)
    loads: list[Configuration | CertpushError] = field(default_factory=list)

    @property
    def health_path(self) -> Path:
        return self.directory / "health.json"

    def load(self) -> Configuration:
        loaded = self.loads.pop(0)
        if isinstance(loaded, CertpushError):
            raise loaded
        return loaded

    def run(self, *gives: object, first: Configuration | None = None, watchdog: timedelta | None = None, **more) -> Loop:
        self.fleets.gives = list(gives)
        loop = Loop(
            configuration=first or configuration(),
            load=self.load,
            open_fleet=self.fleets.open,
            signals=self.world,
            notifier=Recorder(watchdog, self.told),
            health=HealthFile(HeldFile(self.health_path, 0o600)),
            lost=self.lost,
            clock=lambda: self.world.wall,
            monotonic=lambda: self.world.seconds,
            **more,
        )
        loop.run()
        return loop


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    world = World()
    return Bench(world, Fleets(world), tmp_path)
