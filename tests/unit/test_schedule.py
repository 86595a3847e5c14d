"""When a certificate is due: pure arithmetic, and jitter that only ever moves a renewal earlier."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from certpush.schedule import danger_from, due_at, look_every, room

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
LIFETIMES = st.timedeltas(min_value=timedelta(minutes=1), max_value=timedelta(days=3650))
SHARES = st.fractions(min_value=Fraction(1, 10), max_value=Fraction(9, 10))


@given(LIFETIMES, SHARES, st.text())
def test_a_renewal_never_comes_later_than_its_share_of_the_lifetime_and_at_most_a_twentieth_earlier(lifetime, share, name):
    due = due_at(BEGIN, BEGIN + lifetime, share, name)
    latest = BEGIN + lifetime * float(share)
    assert latest - lifetime / 20 - timedelta(milliseconds=1) <= due <= latest


def test_a_name_has_always_the_same_moment_and_names_are_spread():
    end = BEGIN + timedelta(days=30)
    moments = {due_at(BEGIN, end, Fraction(2, 3), f"target-{number}") for number in range(100)}
    assert len(moments) == 100
    assert due_at(BEGIN, end, Fraction(2, 3), "a") == due_at(BEGIN, end, Fraction(2, 3), "a")


def test_danger_begins_when_the_given_share_is_left():
    assert danger_from(BEGIN, BEGIN + timedelta(days=60), Fraction(1, 6)) == BEGIN + timedelta(days=50)


@given(LIFETIMES, SHARES, SHARES)
def test_between_due_and_danger_it_is_looked_several_times_unless_that_is_too_short_for_a_timer(lifetime, renew_at, danger_left):
    between = room(lifetime, renew_at, danger_left)
    every = look_every([between, timedelta(days=30)])
    assert timedelta(minutes=1) <= every <= timedelta(days=1)
    assert every == timedelta(minutes=1) or 4 * every <= between
    assert 86400 % every.total_seconds() == 0


def test_certificates_of_a_day_are_looked_at_every_hour_and_those_of_a_year_once_a_day():
    shares = Fraction(2, 3), Fraction(1, 6)
    assert look_every([room(timedelta(hours=24), *shares)]) == timedelta(hours=1)
    assert look_every([room(timedelta(days=395), *shares)]) == look_every([]) == timedelta(days=1)


def test_a_danger_that_begins_before_it_is_due_counts_from_due_to_the_end():
    assert room(timedelta(hours=10), Fraction(9, 10), Fraction(1, 2)) == timedelta(hours=1)
