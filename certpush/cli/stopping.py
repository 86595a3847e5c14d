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
    asked: list[int] = []

    def ask_to_stop(number: int, _frame: FrameType | None) -> None:
        # A signal may come while an earlier one is still being answered: to set the event within its own set() waits for ever.
        asked.append(number)
        first = len(asked) == 1
        if first:
            stop.set()
        console.note(
            "stopping: nothing new is begun; what is being switched is brought to its end first"
            if first
            else "still finishing the switch or the way back, so that nothing is left half-way"
        )

    # What was ignored before us (nohup, a job in the background) was ignored on purpose.
    heard = [number for number in _SIGNALS if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, ask_to_stop) for number in heard}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
