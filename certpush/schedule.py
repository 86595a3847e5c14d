"""When a certificate is due. Pure: certificate and clock in, moments out; timers are the operating system's job."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from fractions import Fraction

_JITTER = Fraction(1, 20)  # of the lifetime, as step's renewal daemon spreads it


def due_at(not_before: datetime, not_after: datetime, renew_at: Fraction, name: str) -> datetime:
    """From when a certificate is to be replaced.

    ``renew_at`` is the fraction of the lifetime that may pass. A part that depends only on
    ``name`` comes off, so that a thousand certificates made together do not come due together;
    it only ever moves the moment earlier.
    """
    lifetime = not_after - not_before
    share = int.from_bytes(hashlib.sha256(name.encode()).digest()[:8], "big") / 2**64
    return not_before + lifetime * float(renew_at) - lifetime * float(_JITTER) * share


def danger_from(not_before: datetime, not_after: datetime, danger_left: Fraction) -> datetime:
    """From when so little of the lifetime is left that a person should know."""
    return not_after - (not_after - not_before) * float(danger_left)


_LOOKS = 4  # between due and danger: enough for three that fail and one that does not
_STEPS = tuple(timedelta(minutes=one) for one in (1, 2, 5, 10, 15, 30, 60, 120, 180, 240, 360, 720, 1440))  # what divides an hour or a day


def room(lifetime: timedelta, renew_at: Fraction, danger_left: Fraction) -> timedelta:
    """How long a certificate may be due before a person should know; where danger begins before that, until it ends."""
    share = 1 - renew_at - danger_left
    return lifetime * float(share if share > 0 else 1 - renew_at)


def look_every(rooms: Iterable[timedelta]) -> timedelta:
    """How often to look, so that each certificate is tried several times between due and danger; once a day at least.

    A step that divides an hour or a day, so that calendars of timers and of cron can say it.
    """
    longest = min((one / _LOOKS for one in rooms), default=_STEPS[-1])
    return next((step for step in reversed(_STEPS) if step <= longest), _STEPS[0])
