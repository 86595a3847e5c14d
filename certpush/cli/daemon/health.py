"""The health file: what a container engine, or a person, is told of a daemon without asking it."""

from __future__ import annotations

import json
import logging
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from certpush.cli.daemon.held_file import HeldFile
from certpush.errors import CertpushError, ConfigError

FILE_NAME = "health.json"
_log = logging.getLogger("certpush.daemon")


@dataclass(slots=True)
class HealthFile:
    """Written anew, whole, at every sign of life; a disk that is full stops no rotation.

    A second daemon leaves it alone, and whoever reads it knows of a daemon that was killed,
    whatever became of its process number.
    """

    file: HeldFile
    _complained: bool = False

    def write(self, *, now: datetime, alive_for: timedelta, about: dict[str, Any]) -> None:
        """Say that all is well for so long, unless it is written again."""
        document = {**about, "at": _moment(now), "alive_until": _moment(now + alive_for)}
        try:
            written = self.file.put(json.dumps(document, indent=2).encode() + b"\n")
            complaint = "" if written else "is that of another daemon, which lives; name another one: --health-file"
        except (OSError, CertpushError) as error:
            complaint = f"cannot be written: {_reason(error)}"
        if complaint and not self._complained:
            _log.warning("the health file %s %s", self.file.path, complaint)
        self._complained = bool(complaint)

    def close(self) -> None:
        """The daemon ends: the next one may have it."""
        self.file.close()


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


def _moment(when: datetime) -> str:
    from certpush.cli.receipts import moment

    return moment(when) or ""


def _reason(error: OSError | CertpushError) -> str:
    return str(error.strerror) if isinstance(error, OSError) else error.message
