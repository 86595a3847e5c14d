"""The health file: what a container engine, or a person, is told of a daemon without asking it."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from certpush.errors import CertpushError, ConfigError
from certpush.kit.files import write_file

FILE_NAME = "health.json"
_log = logging.getLogger("certpush.daemon")


@dataclass(slots=True)
class HealthFile:
    """Written anew, whole, at every sign of life; a disk that is full stops no rotation."""

    path: Path
    _complained: bool = False

    def write(self, *, now: datetime, alive_for: timedelta, about: dict[str, Any]) -> None:
        """Say that all is well for so long, unless it is written again."""
        document = {**about, "at": _moment(now), "alive_until": _moment(now + alive_for)}
        try:
            write_file(str(self.path), json.dumps(document, indent=2).encode() + b"\n", mode=0o644)
            self._complained = False
        except (OSError, CertpushError) as error:
            if not self._complained:
                _log.warning("the health file %s cannot be written: %s", self.path, _reason(error))
            self._complained = True


def read_health(path: Path) -> dict[str, Any]:
    """What the file says.

    Raises:
        ConfigError: there is none, or it is none of ours.

    """
    try:
        document = json.loads(path.read_bytes())
        datetime.fromisoformat(document["alive_until"])
    except OSError as error:
        raise ConfigError(f"the health file {path} cannot be read: {error.strerror}", hint="is the daemon running?") from None
    except (ValueError, TypeError, KeyError):
        raise ConfigError(f"{path} is no health file", hint="name the one that the daemon was given: --health-file") from None
    found: dict[str, Any] = document
    return found


def is_alive(document: dict[str, Any], now: datetime) -> bool:
    """Whether the daemon gave a sign of life in time."""
    return now <= datetime.fromisoformat(document["alive_until"])


def _moment(when: datetime) -> str:
    from certpush.cli.receipts import moment

    return moment(when) or ""


def _reason(error: OSError | CertpushError) -> str:
    return str(error.strerror) if isinstance(error, OSError) else error.message
