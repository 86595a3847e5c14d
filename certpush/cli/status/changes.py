"""What changed between two looks, one line each with its moment: for a log, a pipe, a terminal that cannot move lines."""

from __future__ import annotations

from datetime import UTC, datetime

from certpush.cli.console import Console, safe
from certpush.cli.receipts import left, moment, short
from certpush.cli.status.looking import Sight
from certpush.cli.status.table import due_in, waits
from certpush.errors import CertpushError
from certpush.model import Standing, TargetStatus


class Changes:
    """Tells of each target what is new since the last look; at the first look, how it stands."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._known: dict[str, TargetStatus] = {}

    def saw(self, sight: Sight) -> None:
        """Tell what is new."""
        found = {one.target: one for one in sight.statuses}
        for name, status in found.items():
            told = _told(self._known.get(name), status, sight.at)
            if told:
                self._tell(sight.at, f"{safe(name)}: {told}", good=status.standing in (Standing.OK, Standing.DUE))
        for name in [known for known in self._known if known not in found]:
            self._tell(sight.at, f"{safe(name)}: no longer looked at", good=True)
        self._known = found

    def failed(self, error: CertpushError) -> None:
        """Tell why nothing could be seen."""
        self._tell(datetime.now(UTC), f"nothing could be looked at: {_one_line(error.message)}", good=False)

    def waiting(self, seconds: float) -> None:
        """Nobody watches."""

    def _tell(self, at: datetime, text: str, *, good: bool) -> None:
        write = self._console.line if good else self._console.result
        write(f"{moment(at)} {text}")


def _told(before: TargetStatus | None, now: TargetStatus, at: datetime) -> str:
    """What is new about it; empty where nothing is."""
    if before is None:
        return _stands(now, at)
    if before.standing is not now.standing:
        return f"{_stands(now, at)} (was {before.standing})"
    was, serves = _fingerprint(before), _fingerprint(now)
    if was != serves and serves:
        return f"{short(was)} -> {short(serves)}, {_stands(now, at)}"
    return _stands(now, at) if (before.problems, before.waiting) != (now.problems, now.waiting) else ""


def _stands(status: TargetStatus, at: datetime) -> str:
    life = f", {left(status.not_after, at)} left" if status.not_after and status.not_after > at else ""
    due = f", due {_when(due_in(status, at))}" if status.due else ""
    problems = "".join(f": {_one_line(problem)}" for problem in (*status.problems, *waits(status))[:1])
    return f"{status.standing}{life}{due}{problems}"


def _when(due: str) -> str:
    return due if due == "now" else f"in {due}"


def _fingerprint(status: TargetStatus) -> str | None:
    return status.served[0].fingerprint if status.served else status.installed


def _one_line(text: str) -> str:
    return safe("; ".join(text.split("\n")))
