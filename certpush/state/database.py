"""The journal's file: private from its first byte, durable, and its tables in the format of this version."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path

from certpush.errors import JournalUnreadable, StateError
from certpush.model import Phase
from certpush.state.disk import ailment

VERSION = 2  # 1 had no setbacks
_BUSY_SECONDS = 10
_SETTLED = ", ".join(f"'{phase.value}'" for phase in Phase if phase.settled)
OPEN = f"phase NOT IN ({_SETTLED})"
"""The condition for what no run has brought to its end, as its index has it: each rotation asks, and a journal holds years."""
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS deployments (
    seq INTEGER PRIMARY KEY,
    id TEXT NOT NULL UNIQUE,
    target TEXT NOT NULL,
    certificate TEXT NOT NULL,
    wanted TEXT NOT NULL,
    phase TEXT NOT NULL,
    record TEXT NOT NULL,
    checksum TEXT NOT NULL
) STRICT;
CREATE INDEX IF NOT EXISTS deployments_by_target ON deployments (target, seq);
CREATE INDEX IF NOT EXISTS deployments_by_certificate ON deployments (certificate, seq);
CREATE INDEX IF NOT EXISTS deployments_open ON deployments (seq) WHERE {OPEN};
CREATE TABLE IF NOT EXISTS steps (
    seq INTEGER PRIMARY KEY,
    deployment TEXT NOT NULL,
    phase TEXT NOT NULL,
    at TEXT NOT NULL,
    note TEXT NOT NULL
) STRICT;
CREATE TABLE IF NOT EXISTS adoptions (
    target TEXT NOT NULL,
    fingerprint TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (target, fingerprint)
) STRICT;
CREATE TABLE IF NOT EXISTS pins (
    target TEXT NOT NULL,
    setting TEXT NOT NULL,
    value TEXT NOT NULL,
    at TEXT NOT NULL,
    PRIMARY KEY (target, setting)
) STRICT;
CREATE TABLE IF NOT EXISTS setbacks (
    target TEXT PRIMARY KEY,
    tries INTEGER NOT NULL,
    until TEXT NOT NULL,
    at TEXT NOT NULL,
    error TEXT NOT NULL
) STRICT;
"""
_STEP_WITHOUT_RECORD = "SELECT deployment FROM steps WHERE deployment NOT IN (SELECT id FROM deployments) LIMIT 1"


class Database:
    """The file, opened and found sound. Safe to use from many threads; one writer at a time."""

    def __init__(self, path: Path | None) -> None:
        self._path = path or Path(":memory:")
        self._lock = threading.RLock()
        try:
            self._connection = open_private(path) if path else connect(":memory:")
        except (sqlite3.Error, OSError) as error:
            raise self.damaged(error) from error
        try:
            self._prepare()
        except BaseException as error:
            self._connection.close()
            if isinstance(error, sqlite3.Error):
                raise self.damaged(error) from error
            raise

    @contextmanager
    def reading(self) -> Iterator[sqlite3.Connection]:
        """The connection, for looking."""
        with self._lock:
            try:
                yield self._connection
            except sqlite3.Error as error:
                raise self.damaged(error) from error

    @contextmanager
    def writing(self) -> Iterator[sqlite3.Connection]:
        """One transaction: all that is written inside, or nothing."""
        with self._lock:
            try:
                with self._connection:
                    self._connection.execute("BEGIN IMMEDIATE")
                    yield self._connection
            except sqlite3.OperationalError as error:
                hint = "free space on its disk and check its rights; without the journal nothing is changed on a target"
                raise self._not("written", error, hint) from error
            except sqlite3.DatabaseError as error:
                raise self.damaged(error) from error

    def close(self) -> None:
        """Give back the file."""
        with self._lock:
            self._connection.close()

    def damaged(self, why: object) -> StateError:
        """The error for what cannot be read, or does not fit together."""
        if isinstance(why, sqlite3.ProgrammingError):  # nobody's damage: a program went on with a fleet that it had closed
            return StateError("the journal was closed already", hint="use a Fleet, and what it gives, inside of its `with`")
        if isinstance(why, sqlite3.OperationalError | OSError):
            return self._not("opened", why, "check the state directory, its disk and who runs certpush")
        return JournalUnreadable(
            f"the journal {self._path} is damaged: {why}",
            hint="put back a backup of the state directory, or move the file away: targets are then looked at anew, and need --adopt",
        )

    def _not(self, done: str, why: object, hint: str) -> StateError:
        what, help_ = ailment(self._path.parent)
        return StateError(f"the journal {self._path} cannot be {done}: {why}{f' ({what})' if what else ''}", hint=help_ or hint)

    def _prepare(self) -> None:
        found = self._connection.execute("PRAGMA user_version").fetchone()[0]
        if found > VERSION:
            raise JournalUnreadable(
                f"the journal {self._path} was written by a newer certpush (format {found}, this one knows {VERSION})",
                hint="upgrade certpush; nothing was changed",
            )
        make_durable(self._connection)
        if found < VERSION:
            make_tables(self._connection)
        self._refuse_damage()

    def _refuse_damage(self) -> None:
        verdict = self._connection.execute("PRAGMA quick_check(1)").fetchone()[0]
        if verdict != "ok":
            raise self.damaged(verdict)
        lost = self._connection.execute(_STEP_WITHOUT_RECORD).fetchone()
        if lost:
            raise self.damaged(f"record {lost[0]} is gone")


def open_private(path: Path) -> sqlite3.Connection:
    """Open the file, or make it; SQLite gives its other files the same mode."""
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    try:
        os.fchmod(descriptor, 0o600)
    finally:
        os.close(descriptor)
    return connect(path)


def connect(path: Path | str) -> sqlite3.Connection:
    """Connect to a file that is there, or to none (``:memory:``); safe to use from many threads, one at a time."""
    connection = sqlite3.connect(path, timeout=_BUSY_SECONDS, check_same_thread=False, isolation_level=None)
    connection.text_factory = partial(str, encoding="utf-8", errors="replace")  # a changed byte is found by the checksum
    return connection


def make_durable(connection: sqlite3.Connection) -> None:
    """From now on what is committed survives the next power cut."""
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA journal_mode = WAL")


def make_tables(connection: sqlite3.Connection) -> None:
    """Those that are missing, in one transaction: a run killed in here leaves the file as it was, and the next one makes them."""
    connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
