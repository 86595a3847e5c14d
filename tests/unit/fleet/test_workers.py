"""Many at once: never more than there are slots, and nothing is left behind."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from functools import partial

import pytest

from certpush.fleet import workers
from certpush.fleet.workers import Slots, all_of
from certpush.testing.lab.process import wait_until

MANY = 40


def test_every_job_is_done_once_and_told():
    assert sorted(all_of((partial(int, number) for number in range(MANY)), Slots(4), threading.Event())) == list(range(MANY))


def test_no_jobs_are_no_work():
    assert list(all_of([], Slots(1), threading.Event())) == []


@pytest.mark.parametrize("count", [1, 3])
def test_never_more_work_than_there_are_slots(count):
    lock, now, most = threading.Condition(), 0, 0

    def job() -> None:
        nonlocal now, most
        with lock:
            now += 1
            most = max(most, now)
            lock.wait(0.005)
            now -= 1

    list(all_of((job for _ in range(MANY)), Slots(count), threading.Event()))
    assert most == count


def test_who_waits_long_gives_the_slot_to_another():
    waits = threading.Event()
    slots = Slots(1, sleep=lambda _: waits.wait(20))

    def waiting() -> str:
        slots.pause(30)
        return "waited"

    def working() -> str:
        waits.set()
        return "worked"

    assert sorted(all_of([waiting, working], slots, threading.Event())) == ["waited", "worked"]
    assert waits.is_set()


def test_a_short_wait_keeps_the_slot():
    slots = Slots(1, sleep=lambda _: None)
    slots.work(lambda: slots.pause(0.1))
    assert slots._free == 1


def test_outside_of_a_job_waiting_is_just_waiting():
    slept: list[float] = []
    slots = Slots(2, sleep=slept.append)
    slots.pause(60)
    assert slept == [60]
    assert slots._free == 2


def test_who_comes_back_goes_before_who_only_begins():
    """A device's timer may be running for who comes back."""
    order: list[str] = []
    asleep, busy_now, wake = threading.Event(), threading.Event(), threading.Event()

    def sleep(_: float) -> None:
        asleep.set()
        wake.wait(20)

    slots = Slots(1, sleep=sleep)

    def returning() -> None:
        slots.pause(30)
        order.append("back")

    def busy() -> None:
        busy_now.set()
        wait_until(both_wait, "both wait for the slot", 20)

    def both_wait() -> bool:
        return bool(slots._beginning._waiters and slots._coming_back._waiters)

    def begin(job: Callable[[], None], then: threading.Event) -> threading.Thread:
        thread = threading.Thread(target=slots.work, args=(job,))
        thread.start()
        then.wait(20)
        return thread

    threads = [begin(returning, asleep), begin(busy, busy_now)]
    threads.append(threading.Thread(target=slots.work, args=(lambda: order.append("begun"),)))
    threads[-1].start()
    wake.set()
    for one in threads:
        one.join(30)
    assert order == ["back", "begun"]
    assert slots._free == 1


def test_nobody_is_left_asleep_where_many_begin_and_come_back_by_turns():
    """Each slot that comes free wakes one alone: it must be one who can go on."""
    slots, done = Slots(2, sleep=lambda _: time.sleep(0.001)), []

    def job(number: int) -> None:
        for _ in range(number % 4):
            slots.pause(30)
        done.append(number)

    threads = [threading.Thread(target=slots.work, args=(partial(job, number),), daemon=True) for number in range(60)]
    for one in threads:
        one.start()
    for one in threads:
        one.join(30)
    assert sorted(done) == list(range(60))
    assert (slots._free, slots._returning) == (2, 0)


def test_jobs_that_end_at_once_need_no_more_than_a_few_threads(monkeypatch):
    monkeypatch.setattr(workers, "_MOMENT", 60)
    names = set(all_of([lambda: threading.current_thread().name] * MANY, Slots(16), threading.Event(), at_first=2))
    assert len(names) <= 2


def test_jobs_that_wait_get_as_many_as_there_are_slots():
    """One that begins with few must not make dead machines wait for each other."""
    together = threading.Barrier(16)
    waits = [partial(together.wait, 30) for _ in range(16)]
    assert sorted(all_of(waits, Slots(16), threading.Event(), at_first=1)) == list(range(16))


def test_a_slot_comes_back_from_a_job_that_fails():
    slots = Slots(1)
    with pytest.raises(ZeroDivisionError):
        slots.work(lambda: 1 // 0)
    assert slots.work(lambda: "free") == "free"


def test_an_exception_reaches_the_caller_and_stops_the_others():
    stop = threading.Event()
    with pytest.raises(ZeroDivisionError):
        list(all_of([lambda: 1 // 0], Slots(1), stop))
    assert stop.is_set()


def test_who_leaves_early_stops_what_was_not_begun_and_waits_for_what_was():
    stop, done = threading.Event(), []

    def job(number: int) -> int:
        done.append(number)
        return number

    results = all_of((partial(job, number) for number in range(1000)), Slots(1), stop)
    next(results)
    results.close()
    assert stop.is_set()
    assert len(done) < 10  # jobs are drawn as slots come free
    assert not [one for one in threading.enumerate() if one.name.startswith("certpush")]
