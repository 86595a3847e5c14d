"""When a certificate is due. Pure: certificate and clock in, moments out; timers are the operating system's job."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from datetime import datetime, timedelta
from fractions import Fraction

_JITTER = Fraction(1, 20)  # of the lifetime, as step's renewal daemon spreads it
_FIRST_WAIT, _LONGEST_WAIT = timedelta(minutes=5), timedelta(days=1)
_WAITS_LEFT = 6  # a wait takes that part of the time that is left, so that there is always one more try before the end
_DOUBLINGS = 16  # more of them change nothing: the longest wait is reached before


def due_at(not_before: datetime, not_after: datetime, renew_at: Fraction, name: str) -> datetime:
    """From when a certificate is to be replaced.

    ``renew_at`` is the fraction of the lifetime that may pass. A part that depends only on
    ``name`` comes off, so that a thousand certificates made together do not come due together;
    it only ever moves the moment earlier.
    """
    lifetime = not_after - not_before
    return not_before + lifetime * float(renew_at) - lifetime * float(_JITTER) * _share(name)


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


def next_try(now: datetime, tries: int, not_before: datetime, not_after: datetime, name: str) -> datetime:
    """When what failed ``tries`` times in a row is tried again: twice as long after each failure.

    A wait is never longer than a day, nor than a sixth of the time that is left to the
    certificate in place; after its end, the shortest wait stays. A part that depends only on
    name and number comes off, so that what failed together is not tried together.
    """
    first = min(_FIRST_WAIT, (not_after - not_before) / 60)
    wait: timedelta = min(first * 2 ** min(tries - 1, _DOUBLINGS), _LONGEST_WAIT, max((not_after - now) / _WAITS_LEFT, first))
    return now + wait - wait * (_share(f"{name} {tries}") / 4)


def _share(text: str) -> float:
    """A number from 0 to 1 that is always the same for a text, and spread over many."""
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") / 2**64
