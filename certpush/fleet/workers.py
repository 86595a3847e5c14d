"""Many rotations at once, on threads; waiting gives the slot to another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")
_THREADS_PER_SLOT = 2  # a waiting rotation keeps its thread, and another one works meanwhile
_HEARD_WITHIN = 1.0  # seconds; a signal that comes just before the main thread falls asleep is heard when it wakes, and not before
_SHORT = 0.5  # seconds; giving the slot away for less costs more than it brings


class Slots:
    """How many rotations work at the same moment."""

    def __init__(self, count: int, sleep: Callable[[float], None] = time.sleep) -> None:
        self.count = count
        self._sleep = sleep
        self._free = count
        self._returning = 0
        self._changed = threading.Condition()
        self._mine = threading.local()

    def pause(self, seconds: float) -> None:
        """Wait; long waits give the slot away meanwhile."""
        if seconds < _SHORT or not getattr(self._mine, "held", False):
            self._sleep(seconds)
            return
        self._give()
        try:
            self._sleep(seconds)
        finally:
            self._take_back()

    def work(self, job: Callable[[], T]) -> T:
        """Do the job once a slot is free."""
        self._take()
        self._mine.held = True
        try:
            return job()
        finally:
            self._mine.held = False
            self._give()

    def _take(self) -> None:
        with self._changed:
            self._changed.wait_for(lambda: self._free and not self._returning)
            self._free -= 1

    def _take_back(self) -> None:
        """Before anybody who only begins: a device's own timer may be running for who comes back."""
        with self._changed:
            self._returning += 1
            self._changed.wait_for(lambda: self._free)
            self._returning -= 1
            self._free -= 1
            self._changed.notify_all()

    def _give(self) -> None:
        with self._changed:
            self._free += 1
            self._changed.notify_all()


def all_of(jobs: Iterable[Callable[[], T]], slots: Slots, stop: threading.Event) -> Iterator[T]:
    """Do every job, and give the results as they come. ``jobs`` is drawn from as slots come free, so memory stays flat.

    When the caller goes away (an exception, an early end) ``stop`` is set and the jobs under
    way are waited for: none is left in the middle of a switch.
    """
    waiting = iter(jobs)
    threads = max(1, slots.count * _THREADS_PER_SLOT)
    with ThreadPoolExecutor(max_workers=threads, thread_name_prefix="certpush") as pool:
        under_way: set[Future[T]] = set()
        try:
            while True:
                for job in waiting:
                    under_way.add(pool.submit(slots.work, job))
                    if len(under_way) >= threads:
                        break
                if not under_way:
                    return
                done: set[Future[T]] = set()
                while not done:
                    done, under_way = wait(under_way, timeout=_HEARD_WITHIN, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except BaseException:
            stop.set()
            raise
