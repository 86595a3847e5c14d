"""Many rotations at once, on threads; waiting gives the slot to another."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future
    from queue import SimpleQueue

T = TypeVar("T")
_THREADS_PER_SLOT = 2  # a waiting rotation keeps its thread, and another one works meanwhile
_HEARD_WITHIN = 1.0  # seconds; a signal that comes just before the main thread falls asleep is heard when it wakes, and not before
_MOMENT = 0.003  # seconds; fewer ends than one in that time leave most of the CPU idle
_SHORT = 0.5  # seconds; giving the slot away for less costs more than it brings


class Slots:
    """How many rotations work at the same moment."""

    def __init__(self, count: int, sleep: Callable[[float], None] = time.sleep) -> None:
        self.count = count
        self._sleep = sleep
        self._free = count
        self._returning = 0
        lock = threading.Lock()
        self._beginning, self._coming_back = threading.Condition(lock), threading.Condition(lock)
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
        with self._beginning:
            self._beginning.wait_for(lambda: self._free and not self._returning)
            self._free -= 1

    def _take_back(self) -> None:
        """Before anybody who only begins: a device's own timer may be running for who comes back."""
        with self._coming_back:
            self._returning += 1
            self._coming_back.wait_for(lambda: self._free)
            self._returning -= 1
            self._free -= 1
            self._wake_next()

    def _give(self) -> None:
        with self._beginning:
            self._free += 1
            self._wake_next()

    def _wake_next(self) -> None:
        """Wake one who can go on. Waking all of them for each slot would cost more than many a look."""
        if self._free:
            (self._coming_back if self._returning else self._beginning).notify()


def all_of(jobs: Iterable[Callable[[], T]], slots: Slots, stop: threading.Event, *, at_first: int | None = None) -> Iterator[T]:
    """Do every job, and give the results as they come. ``jobs`` is drawn from as slots come free, so memory stays flat.

    With ``at_first`` so many are under way, and one more whenever none ended for a moment: of
    jobs that compute more than they wait, a few take all of the CPU, and more of them would
    only keep each other from it.

    When the caller goes away (an exception, an early end) ``stop`` is set and the jobs under
    way are waited for: none is left in the middle of a switch.
    """
    from concurrent.futures import ThreadPoolExecutor  # a look at one endpoint does without
    from queue import SimpleQueue

    waiting = iter(jobs)
    most = max(1, slots.count * _THREADS_PER_SLOT)
    with ThreadPoolExecutor(max_workers=most, thread_name_prefix="certpush") as pool:
        under_way, room = 0, min(at_first or most, most)
        ended: SimpleQueue[Future[T]] = SimpleQueue()
        try:
            while True:
                for job in islice(waiting, room - under_way):
                    pool.submit(slots.work, job).add_done_callback(ended.put)
                    under_way += 1
                if not under_way:
                    return
                future = _next(ended, _HEARD_WITHIN if room == most else _MOMENT)
                if future is None:
                    room = min(room + 1, most)
                    continue
                under_way -= 1
                yield future.result()
        except BaseException:
            stop.set()
            raise


def _next(ended: SimpleQueue[T], within: float) -> T | None:
    from queue import Empty

    try:
        return ended.get(timeout=within)
    except Empty:
        return None
