"""How often a CA is asked."""

from __future__ import annotations

import contextlib
import threading

import pytest

from certpush.errors import Interrupted
from certpush.fleet.pace import Pace
from unit.fleet.conftest import Time

GO_ON = threading.Event()


def test_without_a_limit_nobody_waits():
    time = Time()
    pace = Pace(0, time.pause, time.now)
    for _ in range(100):
        pace.turn(GO_ON)
    assert time.waits == []


def test_the_first_goes_at_once_and_each_other_so_much_later():
    time = Time()
    pace = Pace(4, time.pause, time.now)
    for _ in range(5):
        pace.turn(GO_ON)
    assert time.waits == [0.25] * 4


def test_who_comes_late_does_not_wait_and_saves_nothing_up():
    time = Time()
    pace = Pace(1, time.pause, time.now)
    pace.turn(GO_ON)
    time.seconds += 60
    pace.turn(GO_ON)
    assert time.waits == []
    pace.turn(GO_ON)
    assert time.waits == [1.0]


def test_who_is_told_to_stop_while_waiting_leaves_soon():
    stop, time = threading.Event(), Time()
    pace = Pace(0.001, lambda seconds: (time.pause(seconds), stop.set()), time.now)
    pace.turn(GO_ON)
    with pytest.raises(Interrupted, match="waited for its turn at the CA"):
        pace.turn(stop)
    assert time.waits == [1.0]


def test_threads_share_one_pace():
    waits: list[float] = []
    pace = Pace(0.5, waits.append, lambda: 0.0)  # time stands still: each sees how far off its turn is
    stop = threading.Event()
    stop.set()

    def take() -> None:
        with contextlib.suppress(Interrupted):
            pace.turn(stop)

    threads = [threading.Thread(target=take) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(waits) == 7  # all but the first
    assert pace._next == 16.0
