"""The workers of a server that reloads: old ones go on accepting for some seconds, and serve what they served."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field

from certpush.testing.lab.proxmox.pins import PinCache
from certpush.testing.lab.proxmox.tls import Shown

_WORKERS = 2  # a real one has three; two are enough to disagree


@dataclass
class Worker:
    """One process that accepts connections; it keeps what it loaded at its start.

    A retired one accepts nothing more, and ends each connection with its next answer.
    """

    shown: Shown
    pins: PinCache = field(default_factory=PinCache)
    retired: bool = False


@dataclass
class _Generation:
    """Workers that were started together; they accept between two moments of the monotonic clock."""

    workers: tuple[Worker, ...]
    begins: float
    ends: float = float("inf")


class Workers:
    """All workers of one server, who take turns.

    ``load`` reads what new ones show. ``overlap`` and ``first_new`` are in seconds after a
    reload: until when old ones accept, and from when new ones do. ``retires``: old ones end
    their connections then; else these live on.
    """

    def __init__(self, load: Callable[[], Shown], *, overlap: float, first_new: float, retires: bool = True) -> None:
        self._load = load
        self._retires = retires
        self.overlap = overlap
        self.first_new = min(first_new, overlap)
        self._generations: list[_Generation] = []
        self._turn = itertools.count()
        self._lock = threading.Lock()

    def start(self) -> None:
        """Start with what is there now; nothing old is left."""
        with self._lock:
            for one in self._generations:
                _retire(one)
            self._generations = [self._new(time.monotonic())]

    def reload(self) -> None:
        """Start new ones beside the old."""
        with self._lock:
            now = time.monotonic()
            for old in self._generations:
                old.ends = min(old.ends, now + self.overlap)
            self._generations.append(self._new(now + self.first_new))

    def next(self) -> Worker:
        """Who takes the next connection."""
        with self._lock:
            accepting = self._accepting(time.monotonic())
            turn = next(self._turn)
            generation = accepting[turn % len(accepting)]
            return generation.workers[turn // len(accepting) % len(generation.workers)]

    @property
    def newest(self) -> Shown:
        """What the newest ones show."""
        with self._lock:
            return self._generations[-1].workers[0].shown

    @property
    def settled(self) -> bool:
        """Whether only the newest accept."""
        with self._lock:
            return self._accepting(time.monotonic()) == self._generations[-1:]

    def _accepting(self, now: float) -> list[_Generation]:
        for one in self._generations[:-1]:
            if one.ends <= now and self._retires:
                _retire(one)
        self._generations = [*(one for one in self._generations[:-1] if one.ends > now), self._generations[-1]]
        return [one for one in self._generations if one.begins <= now] or self._generations[-1:]

    def _new(self, begins: float) -> _Generation:
        shown = self._load()
        return _Generation(tuple(Worker(shown) for _ in range(_WORKERS)), begins)


def _retire(generation: _Generation) -> None:
    for worker in generation.workers:
        worker.retired = True
