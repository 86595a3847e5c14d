"""One run at a time works on a target. flock: gone with the process that held it, so never stale."""

from __future__ import annotations

import fcntl
import os
import stat
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

from certpush.errors import LockHeld, StateError
from certpush.state.disk import ailment

STATE = "+state"
"""The lock on the state as a whole, which no target is called: shared by who uses it, held by who puts another in its place."""
_POLL_SECONDS = 0.05


class Locks:
    """Named locks in a directory of their own."""

    def __init__(self, directory: Path) -> None:
        self._directory = directory

    @contextmanager
    def hold(self, name: str, *, wait: float = 0.0, sleep: Callable[[float], None] = time.sleep) -> Iterator[None]:
        """Hold the lock ``name``; wait at most ``wait`` seconds for it.

        Raises:
            LockHeld: another run has it.

        """
        descriptor = self._acquire(name, wait, sleep)
        try:
            yield
        finally:
            os.close(descriptor)

    def share(self, name: str) -> int:
        """Hold the lock with others who share it, until the descriptor is closed that this gives.

        Raises:
            LockHeld: somebody has it alone.

        """
        descriptor = _try(self._path(name), fcntl.LOCK_SH)
        if descriptor is None:
            raise _held(name)
        return descriptor

    def _acquire(self, name: str, wait: float, sleep: Callable[[float], None]) -> int:
        path = self._path(name)
        until = time.monotonic() + wait
        while True:
            descriptor = _try(path)
            if descriptor is not None:
                return descriptor
            if time.monotonic() >= until:
                raise _held(name)
            sleep(_POLL_SECONDS)

    def _path(self, name: str) -> Path:
        return self._directory / f"{name.replace('/', '+')}.lock"


def _held(name: str) -> LockHeld:
    doing = "puts another state in the place of this one" if name == STATE else f"is working on {name}"
    return LockHeld(f"another run {doing}", hint="wait for it to end; a lock never outlives its process")


def _try(path: Path, how: int = fcntl.LOCK_EX) -> int | None:
    """The descriptor that holds the lock; None where another one does."""
    while True:
        descriptor = _open(path)
        try:
            _refuse_odd(descriptor, path)
            if not _locked(descriptor, path, how):
                os.close(descriptor)
                return None
            if _still_there(descriptor, path):
                return descriptor
        except BaseException:
            os.close(descriptor)
            raise
        os.close(descriptor)  # it was removed in between: whoever removed it holds nothing by that


def _open(path: Path) -> int:
    try:
        path.parent.mkdir(mode=0o700, exist_ok=True)
        return os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, 0o600)
    except OSError as error:
        _, help_ = ailment(path.parent.parent)
        raise StateError(
            f"the lock {path} cannot be made: {error.strerror}", hint=help_ or "check the state directory and its disk"
        ) from error


def _refuse_odd(descriptor: int, path: Path) -> None:
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        raise StateError(f"the lock {path} is not a plain file", hint="look who put it there, then remove it")


def _locked(descriptor: int, path: Path, how: int) -> bool:
    try:
        fcntl.flock(descriptor, how | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:  # a network file system without locks: two runs would each believe to be alone
        raise StateError(f"the lock {path} cannot be taken: {error.strerror}", hint="put [state] directory on a local disk") from error
    return True


def _still_there(descriptor: int, path: Path) -> bool:
    # Somebody may have removed and remade the file in between: then two runs would each hold "the" lock.
    try:
        here = path.lstat()
    except FileNotFoundError:
        return False
    mine = os.fstat(descriptor)
    return (here.st_dev, here.st_ino) == (mine.st_dev, mine.st_ino)
