"""Put a fault into any target, at any verb: to test what the core makes of it."""

from __future__ import annotations

import os
import signal
import threading
from abc import ABC, abstractmethod
from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from typing import Literal, TypeAlias, TypeVar

from certpush.model import CertificateBundle, CertificateRequest, Endpoint, Expected, Finding, Installed, Staged
from certpush.target import Target

Verb: TypeAlias = Literal[
    "inspect", "preflight", "changes", "stage", "activate", "confirm", "rollback", "endpoints", "tidy", "csr", "close"
]
T = TypeVar("T")


class Fault(ABC):
    """What goes wrong: ``deed`` does the verb's work, ``lie`` is an answer without it."""

    @abstractmethod
    def strike(self, deed: Callable[[], T], lie: Callable[[], T]) -> T:
        """Go wrong once."""


@dataclass(frozen=True)
class Raise(Fault):
    """Raise this error instead of the work, or ``after`` the work was done."""

    error: BaseException
    after: bool = False

    def strike(self, deed: Callable[[], T], lie: Callable[[], T]) -> T:
        """See the class."""
        del lie
        if self.after:
            deed()
        raise self.error


@dataclass(frozen=True)
class Hang(Fault):
    """Stand still for so many seconds, then do the work, late as it is. A test ends it early by ``over.set()``."""

    seconds: float
    after: bool = False
    over: threading.Event = field(default_factory=threading.Event)

    def strike(self, deed: Callable[[], T], lie: Callable[[], T]) -> T:
        """See the class."""
        del lie
        if self.after:
            answer = deed()
            self.over.wait(self.seconds)
            return answer
        self.over.wait(self.seconds)
        return deed()


@dataclass(frozen=True)
class Lie(Fault):
    """Claim success and do nothing."""

    def strike(self, deed: Callable[[], T], lie: Callable[[], T]) -> T:
        """See the class."""
        del deed
        return lie()


@dataclass(frozen=True)
class Exit(Fault):
    """Call ``sys.exit``, as a script turned plugin does."""

    code: int = 1
    after: bool = False

    def strike(self, deed: Callable[[], T], lie: Callable[[], T]) -> T:
        """See the class."""
        del lie
        if self.after:
            deed()
        raise SystemExit(self.code)


@dataclass(frozen=True)
class Kill(Fault):
    """End the whole process at once, as the out-of-memory killer does. Only in a child process of the test."""

    after: bool = False

    def strike(self, deed: Callable[[], T], lie: Callable[[], T]) -> T:
        """See the class."""
        del lie
        if self.after:
            deed()
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError("a process survived SIGKILL")


class FaultyTarget(Target):
    """``inner``, but with a fault at one verb, the first ``times`` times (None: always). Wrap again for a second one."""

    def __init__(self, inner: Target, *, at: Verb, fault: Fault, times: int | None = None) -> None:
        self.inner = inner
        self.calls: list[Verb] = []
        """Which verbs were called, in order."""
        self._at = at
        self._fault = fault
        self._left = times

    def _do(self, verb: Verb, deed: Callable[[], T], lie: Callable[[], T]) -> T:
        self.calls.append(verb)
        if verb != self._at or self._left == 0:
            return deed()
        if self._left is not None:
            self._left -= 1
        return self._fault.strike(deed, lie)

    def inspect(self) -> Installed:
        """A lie tells of a certificate that was never there."""
        return self._do("inspect", self.inner.inspect, lambda: Installed("00" * 32, {}))

    def preflight(self, request: CertificateRequest) -> tuple[Finding, ...]:
        """A lie finds nothing."""
        return self._do("preflight", lambda: self.inner.preflight(request), lambda: ())

    def changes(self, request: CertificateRequest) -> tuple[str, ...]:
        """A lie says that nothing changes."""
        return self._do("changes", lambda: self.inner.changes(request), lambda: ())

    def csr(self, request: CertificateRequest) -> bytes:
        """A lie is no signing request."""
        return self._do("csr", lambda: self.inner.csr(request), lambda: b"")

    def stage(self, bundle: CertificateBundle) -> Staged:
        """A lie names what was never uploaded."""
        return self._do("stage", lambda: self.inner.stage(bundle), lambda: Staged({"id": bundle.fingerprint}))

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
        """A lie switches nothing."""
        self._do("activate", lambda: self.inner.activate(staged, bundle), lambda: None)

    def confirm(self, staged: Staged) -> None:
        """A lie leaves the timer armed."""
        self._do("confirm", lambda: self.inner.confirm(staged), lambda: None)

    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        """A lie claims the old certificate and brings nothing back."""
        return self._do("rollback", lambda: self.inner.rollback(to, staged, previous), lambda: Expected.leaf(to.fingerprint))

    def endpoints(self) -> tuple[Endpoint, ...]:
        """A lie has nowhere to look."""
        return self._do("endpoints", self.inner.endpoints, lambda: ())

    def tidy(self, keep: Collection[str]) -> None:
        """A lie leaves everything lying about."""
        self._do("tidy", lambda: self.inner.tidy(keep), lambda: None)

    def close(self) -> None:
        """A lie leaves the connection open."""
        self._do("close", self.inner.close, lambda: None)
