"""How far two clocks may be apart before nothing is asked: a wrong one of ours would have everything renewed at once."""

from __future__ import annotations

from datetime import datetime, timedelta

from certpush.errors import ClockSkew

MOST_SKEW = timedelta(seconds=30)
"""step-ca gives tokens 60 s of leeway; half of that is left for the way."""


def refuse_skew(whose: str, skew: timedelta, now: datetime) -> None:
    """Refuse to go on when this machine's clock and the CA's differ by more than 30 s.

    Raises:
        ClockSkew: with both clocks' readings.

    """
    if abs(skew) > MOST_SKEW:
        from certpush.stepca.durations import format_moment

        raise ClockSkew(
            f"{whose}: the clocks differ by {round(abs(skew).total_seconds())} s"
            f" (here {format_moment(now)}, there {format_moment(now + skew)})",
            hint="set the clock that is wrong, and keep it right (timedatectl set-ntp true); tokens live five minutes",
        )
