"""Setbacks: targets that failed, how often in a row, and until when nothing new is tried on them unattended."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple

from certpush.state.database import Database


class Setback(NamedTuple):
    """``tries`` failed one after another, the last one ``at``; the next one does not come before ``until``."""

    target: str
    tries: int
    until: datetime
    at: datetime
    error: str

    def holds(self, now: datetime) -> bool:
        """Whether the target still waits; not by what a clock wrote down that has been set back since."""
        return self.at <= now < self.until


class Setbacks:
    """The journal's table of them: one row for each target that failed and has not succeeded since."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def of(self, target: str) -> Setback | None:
        """The target's setback; None where its last try succeeded, or none was made."""
        with self._database.reading() as connection:
            row = connection.execute("SELECT tries, until, at, error FROM setbacks WHERE target = ?", (target,)).fetchone()
        return None if row is None else Setback(target, row[0], datetime.fromisoformat(row[1]), datetime.fromisoformat(row[2]), row[3])

    def waits(self) -> dict[str, datetime]:
        """Until when each target that failed waits, by its name."""
        with self._database.reading() as connection:
            rows = connection.execute("SELECT target, until FROM setbacks").fetchall()
        return {target: datetime.fromisoformat(until) for target, until in rows}

    def record(self, setback: Setback) -> None:
        """Write it down in place of the one before."""
        row = (setback.target, setback.tries, setback.until.isoformat(), setback.at.isoformat(), setback.error)
        with self._database.writing() as connection:
            connection.execute("INSERT OR REPLACE INTO setbacks VALUES (?, ?, ?, ?, ?)", row)

    def clear(self, target: str) -> None:
        """The target succeeded: nothing holds it back any more."""
        if self.of(target) is not None:  # mostly there is none, and looking costs no write to the disk
            with self._database.writing() as connection:
                connection.execute("DELETE FROM setbacks WHERE target = ?", (target,))
