"""When a certificate is due. Pure: certificate and clock in, moments out; timers are the operating system's job."""

from __future__ import annotations

import hashlib
from datetime import datetime
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
