"""A deadline that holds: when it passes, the connection is closed under the feet of whoever waits.

paramiko's own timeouts do not cover every wait: `recv_exit_status` ignores the channel's timeout
(paramiko#1787), and a server that trickles a byte a second keeps any per-read timeout alive.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from types import TracebackType
from typing import Self

from certpush.errors import TargetUnreachable

_LINGERS = 1.0  # seconds that the thread stays once no deadline is left: the next one is mostly near


class Watchdog:
    """``with Watchdog(close, seconds, "what is waited for")``: afterwards it was in time, or TargetUnreachable is raised."""

    def __init__(self, close: Callable[[], object], seconds: float, what: str) -> None:
        self._what = f"{what} took longer than {seconds:g} s"
        self._close = close
        self._seconds = max(0.0, seconds)
        self._biting: threading.Thread | None = None

    def bite(self) -> None:
        """Close it, in a thread of its own: closing may wait, and other deadlines must not wait for that."""
        self._biting = threading.Thread(target=self._close, daemon=True)
        self._biting.start()

    def __enter__(self) -> Self:
        _WATCH.begin(self, time.monotonic() + self._seconds)
        return self

    def __exit__(self, _type: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None) -> None:
        _WATCH.end(self)
        if self._biting is not None:
            self._biting.join()
            raise TargetUnreachable(self._what, hint="see whether the machine is overloaded, or a firewall swallows packets") from error


class _Watch:
    """Watches over all deadlines in one thread: a fleet has a dozen for each target, and each would else start its own."""

    def __init__(self) -> None:
        self._changed = threading.Condition()
        self._deadlines: dict[Watchdog, float] = {}
        self._wakes = 0.0
        self._thread: threading.Thread | None = None

    def begin(self, one: Watchdog, deadline: float) -> None:
        with self._changed:
            self._deadlines[one] = deadline
            if self._thread is None or not self._thread.is_alive():  # it ended, or stayed behind in a fork
                self._thread = threading.Thread(target=self._keep, name="watchdog", daemon=True)
                self._thread.start()
            elif deadline < self._wakes:
                self._changed.notify()

    def end(self, one: Watchdog) -> None:
        """From now on it does not bite any more; whether it did is known."""
        with self._changed:
            self._deadlines.pop(one, None)

    def _keep(self) -> None:
        with self._changed:
            while self._deadlines:
                now = time.monotonic()
                self._wakes = min(now + _LINGERS, *self._deadlines.values())
                self._changed.wait(max(0.0, self._wakes - now))
                for one in self._overdue():
                    one.bite()
            self._thread = None

    def _overdue(self) -> list[Watchdog]:
        now = time.monotonic()
        late = [one for one, deadline in self._deadlines.items() if deadline <= now]
        for one in late:
            del self._deadlines[one]
        return late


_WATCH = _Watch()
