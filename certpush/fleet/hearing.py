"""One observer in a thread of its own: what it hears waits there, so that no rotation waits for it."""

from __future__ import annotations

import copy
import logging
import queue
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from datetime import timedelta

from certpush.errors import CertpushError
from certpush.kit.boundary import place_of
from certpush.model import Event
from certpush.observer import Observer

_log = logging.getLogger(__name__)
_MOST_WAITING = 20_000
"""Events; an observer that is so far behind hangs, and memory is needed for rotations."""


@dataclass(kw_only=True)
class Hearing:
    """What one observer hears of one run. Whatever it does, nothing is raised here, and nobody waits longer than its deadline."""

    name: str
    open: Callable[[], Observer]
    alone: Callable[[], AbstractContextManager[None]]
    """Held while it closes: keeps other runs from its memory."""
    phases: frozenset[str] | None = None
    deadline: timedelta = timedelta(seconds=30)
    _waiting: queue.SimpleQueue[Event | None] = field(default_factory=queue.SimpleQueue, init=False)
    _thread: threading.Thread | None = field(default=None, init=False)
    _failures: int = field(default=0, init=False)
    _deaf: bool = field(default=False, init=False)

    def start(self) -> None:
        """Open the observer, in its thread."""
        # A daemon: an observer that hangs must not keep the process from ending.
        thread = threading.Thread(target=self._listen, name=f"observer-{self.name}", daemon=True)
        try:
            thread.start()
        except RuntimeError:  # the system gives no more threads
            self._deaf = True
            _log.warning("observer %s hears nothing: no thread can be started", self.name)
        else:
            self._thread = thread

    def tell(self, event: Event) -> None:
        """Let it hear a copy of the event, whenever it comes to it."""
        if self._deaf or (self.phases is not None and event.phase not in self.phases):
            return
        if self._waiting.qsize() >= _MOST_WAITING:
            self._deaf = True
            _log.warning("observer %s does not keep up, and hears no more of this run", self.name)
            return
        try:
            self._waiting.put(own_copy(event))
        except Exception as error:  # noqa: BLE001 - a handle or an error of a plugin that cannot be copied
            _log.warning("observer %s is not told of %s of %s: %s", self.name, event.phase, event.target, place_of(error))

    def end(self) -> float:
        """Say that the run is over; gives until when (monotonic) its end may be waited for."""
        self._waiting.put(None)
        return time.monotonic() + self.deadline.total_seconds()

    def wait(self, until: float) -> None:
        """Wait for its end; one that takes longer is left behind."""
        if self._thread is None:
            return
        self._thread.join(max(0.0, until - time.monotonic()))
        if self._thread.is_alive():
            _log.warning("observer %s did not come to its end within %g s, and is left behind", self.name, self.deadline.total_seconds())

    def _listen(self) -> None:
        try:
            observer = self.open()
        except BaseException as error:  # noqa: BLE001 - an observer never alters the outcome, not even by SystemExit
            self._deaf = True
            _log.warning("observer %s cannot be opened and hears nothing: %s", self.name, told(error))
            return
        while (event := self._waiting.get()) is not None:
            self._hear(observer, event)
        self._close(observer)

    def _hear(self, observer: Observer, event: Event) -> None:
        try:
            observer.hear(event)
        except BaseException as error:  # noqa: BLE001 - as above
            self._failures += 1
            level = logging.WARNING if self._failures == 1 else logging.DEBUG
            _log.log(level, "observer %s failed on %s of %s: %s", self.name, event.phase, event.target, told(error))

    def _close(self, observer: Observer) -> None:
        try:
            with self.alone():
                done = observer.close()
            _log.info("observer %s: %s", self.name, done or "heard the run")
        except BaseException as error:  # noqa: BLE001 - as above
            _log.warning("observer %s failed at the end of the run: %s", self.name, told(error))


def own_copy(event: Event) -> Event:
    """What can be changed is copied: nothing of the core's is in an observer's hands, and no traceback of an error."""
    receipt = event.receipt
    if receipt is not None and receipt.error is not None:
        receipt = replace(receipt, error=copy.deepcopy(receipt.error))
    return replace(event, deployment=copy.deepcopy(event.deployment), receipt=receipt)


def told(error: BaseException) -> str:
    """What may be logged of what an observer raised: our own errors speak for themselves."""
    if isinstance(error, CertpushError):
        return f"{error.message} ({error.hint})" if error.hint else error.message
    return place_of(error)
