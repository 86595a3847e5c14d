"""What checks find, and what a device shows to a person."""

from __future__ import annotations

import enum

from certpush.records import record


class Severity(enum.StrEnum):
    """How bad a finding is: an error stops a rotation before it starts."""

    OK = "ok"
    INFO = "info"
    WARNING = "warning"
    ERROR = "error"


@record(frozen=True, slots=True)
class Finding:
    """What a check found, and (``hint``) what to do about it."""

    severity: Severity
    code: str
    message: str
    hint: str = ""


@record(frozen=True, slots=True)
class Identity:
    """What a device shows before anyone logs in, for a person to compare: an SSH host key or a TLS leaf.

    ``setting`` is the settings field that pins it, ``value`` what to put there.
    """

    setting: str
    value: str
    shown: tuple[str, ...]
    compare: str
