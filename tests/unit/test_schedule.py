"""When a certificate is due: pure arithmetic, and jitter that only ever moves a renewal earlier."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from fractions import Fraction

from hypothesis import given
from hypothesis import strategies as st

from certpush.schedule import danger_from, due_at

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
