"""What a target must not do to the process that runs it: it is caught in the act, so that the suite goes on and can name it."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from typing import Any, NoReturn
from unittest import mock

_ENDS = "which would have ended certpush, with all other targets, in the middle of whatever they did: raise an error of certpush.errors"
_FORKED = (
    "forked the process: the copy has all keys, locks and connections, and goes on as if it were certpush. "
    "Use subprocess, without preexec_fn, or a thread"
)
_real_exit = os._exit


class Attempt(BaseException):
    """What a target tried; not an Exception, so that few plugins catch it."""


class _Confined(threading.local):
    """What this thread tried, where it is one that a target runs in."""

    attempts: list[str] | None = None


_here = _Confined()


@contextlib.contextmanager
def attempts_of_this_thread() -> Iterator[list[str]]:
    """While inside, what runs in this thread is watched; the list says in words what it tried."""
    _here.attempts = []
    yield _here.attempts
    _here.attempts = None


@contextlib.contextmanager
def confined() -> Iterator[None]:
    """While inside, threads that are watched cannot end the process by any of Python's own ways; all others can."""
    ends: dict[str, Any] = {name: _stopped(f"os.{name}", getattr(os, name)) for name in ("_exit", "abort", "execv", "execve")}
    ends |= {"kill": _stopped("os.kill", os.kill, _is_ours), "killpg": _stopped("os.killpg", os.killpg, _is_our_group)}
    raising = _stopped("signal.raise_signal", signal.raise_signal)
    with mock.patch.multiple(os, **ends), mock.patch.object(signal, "raise_signal", raising):
        yield


def _stopped(name: str, real: Callable[..., Any], applies: Callable[[int], bool] = lambda _: True) -> Callable[..., Any]:
    def instead(*arguments: Any, **more: Any) -> Any:
        if _here.attempts is None or not applies(arguments[0] if arguments else 0):
            return real(*arguments, **more)
        return _stop(f"called {name}, {_ENDS}")

    return instead


def _stop(attempt: str) -> NoReturn:
    assert _here.attempts is not None
    _here.attempts.append(attempt)
    raise Attempt(attempt)


def _is_ours(pid: int) -> bool:
    return pid in (os.getpid(), 0, -1, -os.getpgrp())


def _is_our_group(group: int) -> bool:
    return group in (0, os.getpgrp())


def _note_the_fork() -> None:
    if _here.attempts is not None:
        _here.attempts.append(_FORKED)


def _end_the_copy() -> None:
    if _here.attempts is not None:
        _real_exit(0)


# Nothing else sees every fork, also one from native code or by a name that was imported before.
os.register_at_fork(after_in_parent=_note_the_fork, after_in_child=_end_the_copy)
