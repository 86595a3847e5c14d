"""Ctrl-C and its kin: before the switch a clean stop, inside the switch to its end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from certpush.cli.console import Console

_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@contextmanager
def stoppable(console: Console) -> Iterator[threading.Event]:
    """Give the event that a signal sets. A second signal changes nothing: going back is never skipped."""
    stop = threading.Event()

    def ask_to_stop(_number: int, _frame: FrameType | None) -> None:
        first = not stop.is_set()
        stop.set()
        console.note(
            "stopping: nothing new is begun; what is being switched is brought to its end first"
            if first
            else "still finishing the switch or the way back, so that nothing is left half-way"
        )

    before = {number: signal.signal(number, ask_to_stop) for number in _SIGNALS}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
