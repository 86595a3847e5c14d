"""How often a CA is asked for a certificate: the rest of a fleet waits for its turn."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from certpush.errors import Interrupted

_NAP = 1.0  # seconds; who waits for long looks in between whether it is to stop


class Pace:
    """At most ``per_second`` turns in a second; 0 is no limit. Used from many threads at once."""

    def __init__(self, per_second: float, pause: Callable[[float], None], now: Callable[[], float] = time.monotonic) -> None:
        self._between = 1 / per_second if per_second else 0.0
        self._pause = pause
        self._now = now
        self._next = 0.0
        self._lock = threading.Lock()

    def turn(self, stop: threading.Event) -> None:
        """Wait until it is one's turn.

        Raises:
            Interrupted: ``stop`` was set meanwhile.

        """
        with self._lock:
            mine = max(self._now(), self._next)
            self._next = mine + self._between
        while (left := mine - self._now()) > 0:
            self._pause(min(left, _NAP))
            if stop.is_set():
                raise Interrupted("stopped while it waited for its turn at the CA", hint="run it again when you like")
