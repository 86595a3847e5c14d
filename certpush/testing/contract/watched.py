"""A target under watch: whatever it does, the suite goes on and can say what it was."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Collection
from datetime import timedelta
from typing import Any, TypeVar

import pytest

from certpush.errors import CertpushError
from certpush.model import CertificateBundle, CertificateRequest, Endpoint, Expected, Finding, Installed, Staged
from certpush.target import Target
from certpush.testing.contract.confinement import Attempt, attempts_of_this_thread

T = TypeVar("T")


class WatchedThread:
    """A thread of its own for what a plugin does: each deed has a deadline, and only errors of certpush may come out."""

    def __init__(self, patience: timedelta) -> None:
        self._patience = patience.total_seconds()
        self._work: queue.SimpleQueue[tuple[Callable[[], Any], queue.SimpleQueue[Any]] | None] = queue.SimpleQueue()
        threading.Thread(target=self._serve, daemon=True).start()

    def _serve(self) -> None:
        with attempts_of_this_thread() as attempts:
            while (job := self._work.get()) is not None:
                deed, answers = job
                attempts.clear()
                try:
                    answer, error = deed(), None
                except BaseException as raised:  # noqa: BLE001 - handed to the test, whatever it is
                    answer, error = None, raised
                answers.put((answer, Attempt(attempts[0]) if attempts else error))

    def do(self, verb: str, deed: Callable[[], T]) -> T:
        """Have it done; ``verb`` is what a message calls it."""
        answers: queue.SimpleQueue[tuple[T, BaseException | None]] = queue.SimpleQueue()
        self._work.put((deed, answers))
        try:
            answer, error = answers.get(timeout=self._patience)
        except queue.Empty:
            pytest.fail(f"{verb} did not come back within {self._patience:g} s: every wait needs a deadline", pytrace=False)
        if error is None:
            return answer
        if isinstance(error, Attempt):
            pytest.fail(f"{verb} {error}", pytrace=False)
        if isinstance(error, CertpushError | NotImplementedError):
            raise error
        raise AssertionError(
            f"{verb} let {type(error).__name__} escape ({error}): raise the classes of certpush.errors, such as "
            "TargetUnreachable or TargetRefused; certpush.kit.boundary.translate() helps",
        ) from error

    def end(self) -> None:
        """Let the thread go."""
        self._work.put(None)


class Watched(Target):
    """A target whose verbs are done in a watched thread."""

    def __init__(self, make: Callable[[], Target], patience: timedelta) -> None:
        self.closed = False
        self._thread = WatchedThread(patience)
        self._do = self._thread.do
        self.inner: Target = self._do("open()", make)

    def end(self) -> None:
        """Let the thread go."""
        self._thread.end()

    def inspect(self) -> Installed:
        """See Target."""
        return self._do("inspect()", self.inner.inspect)

    def preflight(self, request: CertificateRequest) -> tuple[Finding, ...]:
        """See Target."""
        return self._do("preflight()", lambda: self.inner.preflight(request))

    def changes(self, request: CertificateRequest) -> tuple[str, ...]:
        """See Target."""
        return self._do("changes()", lambda: self.inner.changes(request))

    def stage(self, bundle: CertificateBundle) -> Staged:
        """See Target."""
        return self._do("stage()", lambda: self.inner.stage(bundle))

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
        """See Target."""
        self._do("activate()", lambda: self.inner.activate(staged, bundle))

    def confirm(self, staged: Staged) -> None:
        """See Target."""
        self._do("confirm()", lambda: self.inner.confirm(staged))

    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        """See Target."""
        return self._do("rollback()", lambda: self.inner.rollback(to, staged, previous))

    def endpoints(self) -> tuple[Endpoint, ...]:
        """See Target."""
        return self._do("endpoints()", self.inner.endpoints)

    def tidy(self, keep: Collection[str]) -> None:
        """See Target."""
        self._do("tidy()", lambda: self.inner.tidy(keep))

    def close(self) -> None:
        """See Target."""
        self.closed = True
        self._do("close()", self.inner.close)
