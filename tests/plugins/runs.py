"""Runs as observers hear them, without anything being rotated."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from certpush import Event, Observer, ObserverKind, Outcome, Receipt, Run, Validity
from certpush.errors import CertpushError, Interrupted, TargetUnreachable
from certpush.kit.memory import Memory
from certpush.model import Action, Plan
from certpush.observer import ENDED

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
DAY = timedelta(hours=24)


def receipt(target: str, outcome: Outcome = Outcome.ROTATED, error: CertpushError | None = None) -> Receipt:
    return Receipt(target, outcome, Plan(Action.OBTAIN, ""), error=error)


def failed(target: str, error: CertpushError | None = None, outcome: Outcome = Outcome.FAILED) -> Receipt:
    return receipt(target, outcome, error or TargetUnreachable(f"{target}: nothing answers at {target}.lan:443", hint="start it"))


def skipped(target: str) -> Receipt:
    return receipt(target, Outcome.FAILED, Interrupted(f"{target}: not begun"))


@dataclass
class Scheduler:
    """Runs an observer of a kind again and again; time passes when it is told to."""

    kind: ObserverKind[Any]
    settings: Any
    directory: Path
    targets: dict[str, str] = field(default_factory=lambda: {"wiki": "ssh", "mail": "file"})
    now: datetime = NOON
    born: datetime = NOON

    def clock(self) -> datetime:
        return self.now

    def open(self, command: str = "renew") -> Observer:
        run = Run(
            name="it", command=command, targets=self.targets, memory=Memory(self.directory / "observers" / "it.json"), clock=self.clock
        )
        return self.kind.open(self.settings, run)

    def validity(self) -> Validity:
        """Of a certificate of one day that is as old as ``born`` says."""
        return Validity(self.born, self.born + DAY, self.born + DAY * 5 / 6, self.born + DAY * 2 / 3)

    def run(self, *receipts: Receipt, command: str = "renew", known: bool = True) -> str:
        """One run that ends with these receipts; gives what the observer says of it."""
        observer = self.open(command)
        self.hear(observer, *receipts, known=known)
        return observer.close()

    def hear(self, observer: Observer, *receipts: Receipt, known: bool = True) -> None:
        """What an observer that was opened hears now."""
        for one in receipts:
            observer.hear(Event(ENDED, one.target, self.now, receipt=one, validity=self.validity() if known else None))
