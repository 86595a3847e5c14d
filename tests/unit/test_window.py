"""Maintenance windows: by the clock on the wall, across midnight, and on the two days of the year that have no 24 hours."""

from __future__ import annotations

import time
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certpush.errors import ConfigError
from certpush.window import Window

WEEK = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def window(text: str, hours: int = 0) -> Window:
    parsed = Window.parse(text)
    return Window(parsed.text, parsed.days, parsed.opens, parsed.closes, timezone(timedelta(hours=hours)))


@pytest.mark.parametrize(
    ("text", "days"),
    [
        ("02:00-05:00", WEEK),
        ("Sat 02:00-05:00", ("Sat",)),
        ("saturday 2:00 - 5:00", ("Sat",)),
        ("Sat,Sun 02:00-05:00", ("Sat", "Sun")),
        ("Mon-Fri 02:00-05:00", WEEK[:5]),
        ("Fri-Mon 02:00-05:00", ("Mon", "Fri", "Sat", "Sun")),
        ("Mon - Tue, Sat 02:00-05:00", ("Mon", "Tue", "Sat")),
        (" Wed-Wed 02:00-05:00 ", ("Wed",)),
    ],
)
def test_days_are_named_listed_and_spanned(text, days):
    parsed = Window.parse(text)
    assert parsed.days == {WEEK.index(day) for day in days}
    assert (parsed.opens, parsed.closes) == (timedelta(hours=2), timedelta(hours=5))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "it is no window"),
        ("Sat", "it is no window"),
        ("02:00", "it is no window"),
        ("02:00-05:00 Sat", "it is no window"),
        ("Sat 02:00:00-05:00", "it is no window"),
        ("Sut 02:00-05:00", "'Sut' is no day of the week"),
        ("Sax 02:00-05:00", "'Sax' is no day of the week"),
        ("Mon- 02:00-05:00", "'' is no day of the week"),
        ("25:00-05:00", "25:00 is no time of the day"),
        ("24:01-05:00", "24:01 is no time of the day"),
        ("02:60-05:00", "02:60 is no time of the day"),
        ("02:00-02:00", "it never closes, or never opens"),
        ("24:00-02:00", "it never closes, or never opens"),
    ],
)
def test_what_is_none_is_refused_with_examples(text, why):
    with pytest.raises(ConfigError) as refused:
        Window.parse(text)
    assert refused.value.message == f"window = {text!r}: {why}"
    assert '"Mon-Fri 22:00-04:00"' in refused.value.hint


@pytest.mark.parametrize(
    ("now", "since"),
    [
        ("2026-11-27 21:59:59", None),
        ("2026-11-27 22:00", "2026-11-27 22:00"),  # a Friday
        ("2026-11-28 03:59:59", "2026-11-27 22:00"),
        ("2026-11-28 04:00", None),
        ("2026-11-28 23:00", None),
    ],
)
def test_a_window_goes_on_beyond_midnight_of_its_day(now, since):
    assert window("Mon-Fri 22:00-04:00").opened(utc(now)) == (utc(since) if since else None)


def test_a_whole_day_is_a_window():
    whole = window("Sun 00:00-24:00")
    assert whole.opened(utc("2026-11-29 23:59")) == utc("2026-11-29 00:00")
    assert whole.opened(utc("2026-11-30 00:00")) is None


def test_it_opens_next_after_this_time_also_while_it_is_open():
    nightly = window("Sat 02:00-05:00", hours=5)
    assert nightly.next_opening(utc("2026-11-27 20:59")) == utc("2026-11-27 21:00")
    assert nightly.next_opening(utc("2026-11-27 21:00")) == utc("2026-12-04 21:00")


@pytest.mark.parametrize(("text", "days"), [("Sat 1:00-2:00", 7), ("Sat,Sun 1:00-2:00", 6), ("1:00-2:00", 1), ("Mon,Thu 1:00-2:00", 4)])
def test_the_longest_wait_is_between_the_days_that_are_furthest_apart(text, days):
    assert window(text).longest_wait() == timedelta(days=days)


@given(st.timedeltas(timedelta(0), timedelta(days=36500)), st.sampled_from(["Sat 02:00-05:00", "Mon-Fri 22:00-04:00", "1:00-2:00"]))
def test_the_next_opening_is_when_it_is_open_and_nothing_before_it_is(since, text):
    one, now = window(text, hours=-7), utc("2000-01-01") + since
    opens = one.next_opening(now)
    assert now < opens <= now + one.longest_wait()
    assert one.opened(opens) == opens
    assert one.opened(opens - timedelta(seconds=1)) is None


# --- summer time ---------------------------------------------------------------------------------


@pytest.fixture
def central_europe(monkeypatch: pytest.MonkeyPatch):
    """This machine's own zone, as POSIX spells it: at two o'clock on 29 March to three, at three on 25 October back to two."""
    with monkeypatch.context() as here:
        here.setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3")
        time.tzset()
        yield
    time.tzset()


@pytest.mark.usefixtures("central_europe")
@pytest.mark.parametrize(
    ("text", "opens", "closes"),
    [
        ("01:00-05:00", "2026-03-29 00:00", "2026-03-29 03:00"),  # three hours
        ("02:00-05:00", "2026-03-29 01:00", "2026-03-29 03:00"),  # from what would have been two
        ("01:00-05:00", "2026-10-24 23:00", "2026-10-25 04:00"),  # five hours
        ("01:00-02:30", "2026-03-29 00:00", "2026-03-29 01:30"),  # until what would have been half past two
        ("02:00-03:00", "2026-10-25 00:00", "2026-10-25 02:00"),  # from the first two to the last three
        ("22:00-04:00", "2026-10-24 20:00", "2026-10-25 03:00"),
        ("12:00-13:00", "2026-07-01 10:00", "2026-07-01 11:00"),
        ("12:00-13:00", "2026-01-01 11:00", "2026-01-01 12:00"),
    ],
)
def test_the_clock_on_the_wall_counts(text, opens, closes):
    local, first, last = Window.parse(text), utc(opens), utc(closes)
    assert local.next_opening(first - timedelta(minutes=1)) == first
    assert local.opened(first) == first == local.opened(last - timedelta(seconds=1))
    assert local.opened(last) is None


@pytest.mark.usefixtures("central_europe")
def test_a_window_in_the_hour_that_spring_leaves_out_opens_the_next_time():
    left_out = Window.parse("Sun 02:00-03:00")
    assert left_out.next_opening(utc("2026-03-28 12:00")) == utc("2026-04-05 00:00")
