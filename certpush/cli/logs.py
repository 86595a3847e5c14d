"""Logging to stderr; libraries that log bodies are held back whatever the verbosity."""

from __future__ import annotations

import json
import logging
import sys
from typing import Literal

# proxmoxer.core logs whole request bodies, the private key among them, at INFO.
_CLAMPED = ("proxmoxer", "proxmoxer.core", "paramiko", "paramiko.transport", "urllib3", "urllib3.connectionpool", "requests")


class _OnlyWarnings(logging.Filter):
    """Lets warnings through only; a filter, because levels can be lowered by anybody."""

    def filter(self, record: logging.LogRecord) -> bool:
        return record.levelno >= logging.WARNING


class _JsonLines(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return json.dumps(
            {"at": self.formatTime(record), "level": record.levelname.lower(), "logger": record.name, "message": record.getMessage()}
        )


def set_up_logging(*, verbosity: int, form: Literal["text", "json"]) -> None:
    """Send log records to stderr: warnings; with -v what happens, with -vv details of our own."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(_JsonLines() if form == "json" else logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    root.handlers = [handler]
    root.setLevel([logging.WARNING, logging.INFO, logging.DEBUG][min(verbosity, 2)])
    for name in _CLAMPED:
        logger = logging.getLogger(name)
        if not any(isinstance(one, _OnlyWarnings) for one in logger.filters):
            logger.addFilter(_OnlyWarnings())
