"""One thread keeps all deadlines: each holds by itself, and what is over bites nobody."""

from __future__ import annotations

import threading
import time

import pytest

from certpush.errors import TargetUnreachable
from certpush.kit.ssh.watchdog import Watchdog


def test_the_earliest_of_many_deadlines_is_kept_first_and_the_others_still_hold():
    closed, bitten = [], threading.Event()
    with Watchdog(lambda: closed.append("late"), 30, "the late one"):
        time.sleep(0.05)  # the thread waits for the late one by now
        with (
            pytest.raises(TargetUnreachable, match=r"the early one took longer than 0\.05 s"),
            Watchdog(lambda: (closed.append("early"), bitten.set()), 0.05, "the early one"),
        ):
            assert bitten.wait(20)
        assert closed == ["early"]
    assert closed == ["early"]


def test_many_deadlines_need_one_thread_and_none_once_they_are_over():
    before = threading.active_count()
    dogs = [Watchdog(lambda: None, 60, "nothing") for _ in range(50)]
    for dog in dogs:
        dog.__enter__()
    assert threading.active_count() <= before + 1
    for dog in dogs:
        dog.__exit__(None, None, None)
    until = time.monotonic() + 10
    while any(one.name == "watchdog" for one in threading.enumerate()) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(one.name == "watchdog" for one in threading.enumerate())


def test_a_close_that_hangs_holds_up_no_other_deadline():
    free, bitten = threading.Event(), threading.Event()

    def both() -> None:
        with Watchdog(lambda: free.wait(20), 0.02, "the stuck one"):
            with pytest.raises(TargetUnreachable, match="the other"), Watchdog(bitten.set, 0.2, "the other"):
                assert bitten.wait(15)
            free.set()

    with pytest.raises(TargetUnreachable, match="the stuck one"):
        both()


def test_what_is_over_in_time_is_not_bitten():
    bitten: list[str] = []
    with Watchdog(lambda: bitten.append("it"), 2, "what was quick"):
        pass
    time.sleep(2.5)  # nothing can be waited for: that nothing comes is what is tested
    assert bitten == []
