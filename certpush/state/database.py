"""The journal's file: private from its first byte, durable, and its tables in the format of this version."""

from __future__ import annotations

import os
import sqlite3
from pathlib import Path

VERSION = 1
_BUSY_SECONDS = 10
_SCHEMA = """
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
"""


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
    connection.text_factory = lambda text: text.decode(
        "utf-8", "replace"
    )  # a changed byte is found by the checksum, which names the record
    return connection


def make_durable(connection: sqlite3.Connection) -> None:
    """From now on what is committed survives the next power cut."""
    connection.execute("PRAGMA synchronous = FULL")
    connection.execute("PRAGMA journal_mode = WAL")


def make_tables(connection: sqlite3.Connection) -> None:
    """In one transaction: a run killed in here leaves an empty file, which the next one fills."""
    connection.executescript(f"BEGIN IMMEDIATE; {_SCHEMA} PRAGMA user_version = {VERSION}; COMMIT;")
