"""A maintenance window: when a target may be rotated with nobody at hand. Wall-clock time, whatever the season does to it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta, tzinfo

from certpush.errors import ConfigError
from certpush.records import record

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_FORM = re.compile(r"(?:(?P<days>[A-Za-z,\- ]+?) +)?(?P<opens>\d\d?:\d\d) *- *(?P<closes>\d\d?:\d\d)")
_DAY = timedelta(days=1)
_AHEAD = 15  # days; a window of one weekday that falls into the hour that spring leaves out opens a week later


@record(frozen=True, slots=True)
class Window:
    """Opens on some weekdays at a time of the day, and closes at the next ``closes`` after it, perhaps beyond midnight.

    ``zone`` is whose time it is; None is this machine's.
    """

    text: str
    days: frozenset[int]
    opens: timedelta
    closes: timedelta
    zone: tzinfo | None = None

    @classmethod
    def parse(cls, text: str) -> Window:
        """Read ``Sat 02:00-05:00``, ``Mon-Fri 22:00-04:00``, ``Sat,Sun 01:00-05:00``, or ``02:00-05:00`` for every day.

        Raises:
            ConfigError: it is none.

        """
        match = _FORM.fullmatch(text.strip())
        if not match:
            raise _odd(text, "it is no window")
        opens, closes = _since_midnight(match["opens"], text), _since_midnight(match["closes"], text)
        if opens == closes or opens >= _DAY:
            raise _odd(text, "it never closes, or never opens")
        return cls(text.strip(), _days(match["days"], text), opens, closes if closes > opens else closes + _DAY)

    def opened(self, now: datetime) -> datetime | None:
        """Since when it is open; None while it is closed."""
        return next((opens for opens, closes in self._around(now) if opens <= now < closes), None)

    def next_opening(self, now: datetime) -> datetime:
        """When it opens next; where it is open now, the time after this one."""
        return next(opens for opens, _ in self._around(now) if opens > now)

    def longest_wait(self) -> timedelta:
        """The longest time between two openings."""
        days = sorted(self.days)
        return max(((after - before - 1) % 7 + 1) * _DAY for before, after in zip(days, (*days[1:], days[0]), strict=True))

    def _around(self, now: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Each opening from yesterday's on, with its end."""
        today = now.astimezone(self.zone).date()
        for number in range(-1, _AHEAD):
            day = today + number * _DAY
            if day.weekday() in self.days:
                # An hour that comes twice in autumn counts from its first to its last minute.
                opens, closes = self._moment(day, self.opens, fold=0), self._moment(day, self.closes, fold=1)
                if opens < closes:
                    yield opens, closes

    def _moment(self, day: date, since_midnight: timedelta, *, fold: int) -> datetime:
        # Added to a time without a zone: two hours after midnight are two o'clock, also on the day that has no two o'clock.
        there = (datetime.combine(day, time()) + since_midnight).replace(fold=fold)
        moment = (there.astimezone() if self.zone is None else there.replace(tzinfo=self.zone)).astimezone(UTC)
        # A time that spring leaves out is read as one before or after the gap, by which zone it is; after it is meant.
        left_out = there.replace(fold=0) - moment.astimezone(self.zone).replace(tzinfo=None, fold=0)
        return moment + max(left_out, timedelta(0))


def _since_midnight(clock: str, text: str) -> timedelta:
    hour, minute = (int(part) for part in clock.split(":"))
    if minute >= 60 or timedelta(hours=hour, minutes=minute) > _DAY:
        raise _odd(text, f"{clock} is no time of the day")
    return timedelta(hours=hour, minutes=minute)


def _days(named: str | None, text: str) -> frozenset[int]:
    if named is None:
        return frozenset(range(7))
    found: set[int] = set()
    for part in named.split(","):
        first, dash, last = (word.strip() for word in part.partition("-"))
        begin, end = _weekday(first, text), _weekday(last if dash else first, text)
        found.update((begin + step) % 7 for step in range((end - begin) % 7 + 1))
    return frozenset(found)


def _weekday(word: str, text: str) -> int:
    short = word.capitalize()[:3]
    if short not in _DAYS or word.lower() not in (short.lower(), _FULL[short]):
        raise _odd(text, f"{word[:20]!a} is no day of the week")
    return _DAYS.index(short)


_FULL = dict(zip(_DAYS, ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"), strict=True))


def _odd(text: str, why: str) -> ConfigError:
    return ConfigError(
        f"window = {text[:80]!a}: {why}", hint='write it as "Sat 02:00-05:00", "Mon-Fri 22:00-04:00", or "02:00-05:00" for every day'
    )
