"""What the world says to a daemon: stop, or read the configuration again. Whoever waits hears it at once."""

from __future__ import annotations

import logging
import select
import signal
import socket
import threading
from types import FrameType, TracebackType
from typing import Any, Self

_log = logging.getLogger("certpush.daemon")


class Signals:
    """SIGTERM and SIGINT ask to stop, SIGHUP to read the configuration again; while it is used as a context manager."""

    def __init__(self) -> None:
        self.stop = threading.Event()
        self._reload = False
        self._stops = 0
        self._ear, self._mouth = socket.socketpair()

    def __enter__(self) -> Self:
        self._ear.setblocking(False)
        self._mouth.setblocking(False)
        # The number of a signal is written here by the system's handler: one that comes just before we wait is not lost.
        self._former_mouth = signal.set_wakeup_fd(self._mouth.fileno(), warn_on_full_buffer=False)
        answers: dict[int, Any] = {signal.SIGTERM: self._ask_to_stop, signal.SIGINT: self._ask_to_stop, signal.SIGHUP: self._ask_to_reload}
        self._former = {number: signal.signal(number, answer) for number, answer in answers.items()}
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        for number, former in self._former.items():
            signal.signal(number, former)
        signal.set_wakeup_fd(self._former_mouth)
        self._ear.close()
        self._mouth.close()

    @property
    def pending(self) -> bool:
        """Whether something was asked that is not done yet."""
        return self._reload or self.stop.is_set()

    def take_reload(self) -> bool:
        """Whether the configuration is to be read again; True once for each time it was asked."""
        asked, self._reload = self._reload, False
        return asked

    def wait(self, seconds: float) -> None:
        """Wait, at most until the next signal."""
        if select.select([self._ear], [], [], max(0.0, seconds))[0]:
            self._ear.recv(4096)

    def _ask_to_stop(self, _number: int, _frame: FrameType | None) -> None:
        # A signal may come while an earlier one is still being answered: to set the event within its own set() waits for ever.
        self._stops += 1
        if self._stops == 1:
            self.stop.set()
            _log.info("asked to stop: nothing new is begun, and what is being switched is brought to its end first")

    def _ask_to_reload(self, _number: int, _frame: FrameType | None) -> None:
        self._reload = True
