"""Logging to stderr. Libraries that might log a body are held back, whatever the verbosity."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from certpush.cli.console import safe

_OWN = ("certpush", "certpush.", "certpush_")


class OnlyOwn(logging.Filter):
    """Lets our own records through, and of other libraries warnings at most, once a person asked for more than errors.

    proxmoxer.core logs whole request bodies, the private key among them, at INFO. This stands on
    the handler: a level can be lowered by anybody, and a filter on a logger is not asked about
    the records of the loggers below it.
    """

    def __init__(self, *, strangers_from: int) -> None:
        super().__init__()
        self._strangers_from = max(strangers_from, logging.WARNING)

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether the record is shown."""
        own = record.name == _OWN[0] or record.name.startswith(_OWN[1:])
        return own or record.levelno >= self._strangers_from


class _Lines(logging.Formatter):
    """One printable line a record. No traceback: what exceptions say and hold may be secret."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{record.levelname.lower()}: {record.name}: {safe(_message(record).replace(chr(10), '; '))}"


class _TimedLines(_Lines):
    """The same, with when it was."""

    def format(self, record: logging.LogRecord) -> str:
        return f"{_when(record)} {super().format(record)}"


class _JsonLines(logging.Formatter):
    """One JSON object a record."""

    def format(self, record: logging.LogRecord) -> str:
        import json  # only for logs of that form

        return json.dumps(
            {
                "at": _when(record),
                "level": record.levelname.lower(),
                "logger": record.name,
                "message": _message(record),
            }
        )


def _when(record: logging.LogRecord) -> str:
    return f"{datetime.fromtimestamp(record.created, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _message(record: logging.LogRecord) -> str:
    failed = record.exc_info[0] if record.exc_info else None
    return f"{record.getMessage()} ({failed.__name__})" if failed else record.getMessage()


def set_up_logging(*, verbosity: int, form: Literal["text", "json"]) -> None:
    """Send log records to stderr: our warnings; with -v what happens, with -vv details of our own."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if form == "json" else _Lines())
    # A library's complaint comes as an error of ours, too; by itself it would only be noise.
    handler.addFilter(OnlyOwn(strangers_from=logging.WARNING if verbosity else logging.CRITICAL))
    root = logging.getLogger()
    root.handlers = [handler]
    logging.captureWarnings(True)  # a library's warning would come past all of this, straight to stderr
    root.setLevel([logging.WARNING, logging.INFO, logging.DEBUG][min(verbosity, 2)])
    logging.raiseExceptions = False  # a stream that went away must not bring a traceback


def show_times(environ: Mapping[str, str]) -> None:
    """Have each line of text say when it was, for a command that runs for months; the journal of systemd knows by itself."""
    if _goes_to_the_journal(environ.get("JOURNAL_STREAM", "")):
        return
    for handler in logging.getLogger().handlers:
        if isinstance(handler.formatter, _Lines):
            handler.setFormatter(_TimedLines())


def _goes_to_the_journal(stream: str) -> bool:
    """Whether stderr is the file that ``$JOURNAL_STREAM`` names, ``device:inode``: who redirects it inherits the variable all the same."""
    try:
        here = os.fstat(sys.stderr.fileno())
    except (OSError, ValueError):  # it is no file
        return False
    return stream == f"{here.st_dev}:{here.st_ino}"
