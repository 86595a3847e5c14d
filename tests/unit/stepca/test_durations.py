"""Go's way to write time."""

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certpush.stepca.durations import format_go_duration, format_moment, parse_go_duration, parse_go_time


@pytest.mark.parametrize(
    ("text", "length"),
    [
        ("24h1m0s", timedelta(hours=24, minutes=1)),
        ("8760h1m0s", timedelta(days=365, minutes=1)),
        ("5m0s", timedelta(minutes=5)),
        ("1s", timedelta(seconds=1)),
        ("0", timedelta()),
        ("0s", timedelta()),
        ("1.5h", timedelta(minutes=90)),
        (".5m", timedelta(seconds=30)),
        ("1ms", timedelta(milliseconds=1)),
        ("3µs", timedelta(microseconds=3)),
        ("-5m", timedelta(minutes=-5)),
        ("+5m", timedelta(minutes=5)),
    ],
)
def test_go_durations_are_read(text, length):
    assert parse_go_duration(text) == length


@pytest.mark.parametrize("text", ["", "90d", "3600", "h", "1h2", "1 h", "--1h", "1h-2m", "9" * 30 + "h", "\uff11h"])
def test_what_go_would_not_read_is_refused(text):
    with pytest.raises(ValueError):
        parse_go_duration(text)


@pytest.mark.parametrize(
    ("length", "text"),
    [
        (timedelta(days=395), "9480h0m0s"),
        (timedelta(hours=24), "24h0m0s"),
        (timedelta(minutes=5), "5m0s"),
        (timedelta(seconds=1), "1s"),
        (timedelta(), "0s"),
        (timedelta(minutes=-5), "-5m0s"),
    ],
)
def test_lengths_are_written_as_go_does(length, text):
    assert format_go_duration(length) == text


@given(st.integers(min_value=-(10**9), max_value=10**9))
def test_what_is_written_reads_back(seconds):
    assert parse_go_duration(format_go_duration(timedelta(seconds=seconds))) == timedelta(seconds=seconds)


@given(st.text(max_size=40))
def test_no_text_breaks_the_reader(text):
    try:
        parse_go_duration(text)
        parse_go_time(text)
    except ValueError:
        pass


def test_moments_are_read_as_go_prints_them():
    assert parse_go_time("2026-11-24 10:37:55.626638873 +0000 UTC") == datetime(2026, 11, 24, 10, 37, 55, tzinfo=UTC)
    with pytest.raises(ValueError):
        parse_go_time("yesterday")
    with pytest.raises(ValueError):
        parse_go_time("2026-13-24 10:37:55 +0000 UTC")


def test_moments_are_written_in_utc():
    assert format_moment(datetime(2026, 11, 24, 10, 37, 55, 999, tzinfo=UTC)) == "2026-11-24T10:37:55Z"
