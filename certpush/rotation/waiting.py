"""Waiting for a maintenance window, and when not to: comfort ends where danger begins. Pure."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from certpush.model import CertificateBundle, CertificateSpec
from certpush.records import record
from certpush.schedule import danger_from

if TYPE_CHECKING:  # most targets have none
    from certpush.window import Window

_BACKDATED = timedelta(minutes=10)  # a certificate made in this very window may have begun so long before it


@record(frozen=True, slots=True)
class Wait:
    """In words; ``until`` is None where waiting would be too long."""

    until: datetime | None
    text: str


def waiting(window: Window | None, in_danger: datetime | None, now: datetime) -> Wait | None:
    """Whether a switch waits for its window; None where there is none, or it is open. ``in_danger`` is what must not be waited for."""
    if window is None or window.opened(now):
        return None
    opens = window.next_opening(now)
    there = f"{opens.astimezone(window.zone):%a %Y-%m-%d %H:%M}"
    if in_danger is not None and in_danger <= opens:
        return Wait(None, f"its window opens on {there} only, which would be too late")
    return Wait(opens, f"waits for its window, {window.text}, which opens on {there}")


def too_late_next_time(window: Window | None, spec: CertificateSpec, current: CertificateBundle, now: datetime) -> str:
    """Why a certificate that is not due is replaced in this window: danger begins before the next one. Empty where it does not."""
    opened = window.opened(now) if window else None
    if window is None or opened is None or current.not_before + _BACKDATED >= opened:
        return ""
    opens = window.next_opening(now)
    if danger_from(current.not_before, current.not_after, spec.danger_left) >= opens:
        return ""
    return f"due in this window: the next one opens on {opens.astimezone(window.zone):%a %Y-%m-%d %H:%M}, which would be too late"
