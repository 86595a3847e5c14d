"""Many rotations at once, on threads; waiting gives the slot to another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from typing import TypeVar

T = TypeVar("T")
_THREADS_PER_SLOT = 2  # a waiting rotation keeps its thread, and another one works meanwhile
_SHORT = 0.5  # seconds; giving the slot away for less costs more than it brings


class Slots:
    """How many rotations work at the same moment."""

    def __init__(self, count: int) -> None:
        self.count = count
        self._free = threading.BoundedSemaphore(count)
        self._mine = threading.local()

    def pause(self, seconds: float) -> None:
        """Wait; long waits give the slot away meanwhile."""
        if seconds < _SHORT or not getattr(self._mine, "held", False):
            time.sleep(seconds)
            return
        self._free.release()
        try:
            time.sleep(seconds)
        finally:
            self._free.acquire()

    def work(self, job: Callable[[], T]) -> T:
        """Do the job once a slot is free."""
        with self._free:
            self._mine.held = True
            try:
                return job()
            finally:
                self._mine.held = False


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
                done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
                for future in done:
                    yield future.result()
        except BaseException:
            stop.set()
            raise
