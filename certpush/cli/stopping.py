"""Ctrl-C and its kin: before the switch a clean stop, inside the switch to its end."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

from certpush.cli.console import Console

_OTHERS = (signal.SIGTERM, signal.SIGHUP)
_SIGNALS = (signal.SIGINT, *_OTHERS)


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

    with _answering(_SIGNALS, ask_to_stop):
        yield stop


@contextmanager
def ended_by_signals() -> Iterator[None]:
    """Have SIGTERM and SIGHUP end a command that switches nothing as Ctrl-C does: what it made for itself is then cleared away."""
    asked: list[int] = []

    def end(number: int, _frame: FrameType | None) -> None:
        asked.append(number)
        if len(asked) == 1:  # a second one would break off the clearing away
            raise KeyboardInterrupt

    with _answering(_OTHERS, end):
        yield


@contextmanager
def _answering(signals: tuple[signal.Signals, ...], answer: Callable[[int, FrameType | None], None]) -> Iterator[None]:
    # What was ignored before us (nohup, a job in the background) was ignored on purpose.
    heard = [number for number in signals if signal.getsignal(number) != signal.SIG_IGN]
    before = {number: signal.signal(number, answer) for number in heard}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
