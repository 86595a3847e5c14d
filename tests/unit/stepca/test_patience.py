"""Trying again: how often, how long, and when not."""

from datetime import UTC, datetime, timedelta

import pytest

from certpush.errors import IssuerUnreachable
from certpush.kit.allowance import allowing
from certpush.stepca.patience import CaBusy, persistently, wait_asked
from certpush.stepca.transport_errors import AnswerLost

NOW = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("5", 5),
        (" 7 ", 7),
        ("0", 1),
        ("3600", 3600),
        ("7200", 3600),
        ("9" * 400, 1),
        ("-1", 1),
        ("", 1),
        ("soon", 1),
        ("1.5", 1),
        ("²", 1),
        ("Tue, 24 Nov 2026 09:00:30 GMT", 30),
        ("Tue, 24 Nov 2026 09:00:30 -0000", 30),
        ("Tue, 24 Nov 2026 08:00:00 GMT", 1),
        ("Tue, 24 Nov 2099 09:00:00 GMT", 3600),
    ],
)
def test_retry_after_is_held_between_a_second_and_an_hour(header, seconds):
    assert wait_asked(header, NOW) == timedelta(seconds=seconds)


def failing(*errors):
    queue = list(errors)
    tries = []

    def attempt():
        tries.append(len(tries))
        if queue:
            raise queue.pop(0)
        return "done"

    return attempt, tries


def busy(seconds=2):
    return CaBusy("busy", wait=timedelta(seconds=seconds))


def test_a_busy_ca_is_asked_three_times_and_waited_for_as_it_says():
    slept = []
    attempt, tries = failing(busy(2), busy(3))
    with allowing(seconds=30):
        assert persistently(attempt, slept.append) == "done"
    assert (slept, len(tries)) == ([2, 3], 3)


def test_a_ca_that_stays_busy_ends_it_after_three_tries():
    slept = []
    attempt, tries = failing(*[busy()] * 9)
    with allowing(seconds=30), pytest.raises(CaBusy):
        persistently(attempt, slept.append)
    assert (len(tries), len(slept)) == (3, 2)


def test_a_lost_answer_is_followed_by_at_most_two_more_tries_without_a_wait(caplog):
    attempt, tries = failing(AnswerLost("lost"), AnswerLost("lost"))
    assert persistently(attempt, pytest.fail) == "done"
    assert len(tries) == 3
    assert caplog.text.count("trying again from the start") == 2
    attempt, tries = failing(*[AnswerLost("lost")] * 9)
    with pytest.raises(AnswerLost):
        persistently(attempt, pytest.fail)
    assert len(tries) == 3


def test_a_wait_beyond_the_deadline_is_reported_and_not_waited():
    attempt, tries = failing(busy(3600))
    with allowing(seconds=30), pytest.raises(IssuerUnreachable, match="asks to wait 1h") as refused:
        persistently(attempt, pytest.fail)
    assert refused.value.hint == "try again in 1h"
    assert refused.value.retryable
    assert len(tries) == 1


def test_when_the_time_is_over_nothing_is_tried_again():
    attempt, tries = failing(busy())
    with allowing(seconds=0), pytest.raises(CaBusy):
        persistently(attempt, pytest.fail)
    assert len(tries) == 1


def test_a_refusal_is_not_tried_again():
    attempt, tries = failing(IssuerUnreachable("no"))
    with pytest.raises(IssuerUnreachable):
        persistently(attempt, pytest.fail)
    assert len(tries) == 1


def test_a_lost_answer_that_took_all_the_time_is_what_is_reported():
    attempt, tries = failing(AnswerLost("lost"))
    with pytest.raises(AnswerLost, match="lost"), allowing(seconds=-1):
        persistently(attempt, pytest.fail)
    assert len(tries) == 1
