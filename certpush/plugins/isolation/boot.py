"""The first that runs in a plugin's process: bounds it, and stays beside it, so that nothing is left of it when it ends.

Run as a script, before anything of certpush is imported: ``boot.py FD PARENT PATHS``. The process
that was started becomes the guard. It forks once; the copy serves the plugin, and whatever that
starts, even what detaches itself, becomes the guard's child when its parent is gone, and is
ended by it.
"""

from __future__ import annotations

import contextlib
import ctypes
import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

_SET_PDEATHSIG, _SET_NO_NEW_PRIVS, _SET_CHILD_SUBREAPER = 1, 38, 36  # linux/prctl.h
_AWAITED = frozenset({signal.SIGTERM, signal.SIGCHLD})


def main(arguments: list[str]) -> NoReturn:
    """Serve the plugin in a copy of this process, and guard it."""
    channel, parent, paths, bounds = int(arguments[0]), int(arguments[1]), json.loads(arguments[2]), json.loads(arguments[3])
    for which, most in bounds.items():
        _bound(getattr(resource, which), most)
    _control(_SET_NO_NEW_PRIVS, 1)
    _control(_SET_CHILD_SUBREAPER, 1)
    _control(_SET_PDEATHSIG, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_BLOCK, _AWAITED)
    if os.getppid() != parent:  # it went before this could be asked for
        os._exit(0)
    guard = os.getpid()
    plugin = os.fork()
    if plugin:
        os.close(channel)
        _stand_guard(plugin)
    _control(_SET_PDEATHSIG, signal.SIGKILL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _AWAITED)
    if os.getppid() != guard:
        os._exit(0)
    _look_at_no_other_process()
    sys.path[:] = paths
    from certpush.plugins.isolation.serving import serve

    serve(socket.socket(fileno=channel))


def _bound(which: int, most: int) -> None:
    with contextlib.suppress(ValueError, OSError):  # not every system has every limit
        _, hard = resource.getrlimit(which)
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(which, (most, most))


def _control(what: int, value: int) -> None:
    with contextlib.suppress(AttributeError, OSError):  # only Linux has it
        ctypes.CDLL(None).prctl(what, value, 0, 0, 0)


_SYS_PTRACE, _SYS_ADMIN, _PERFMON = 19, 21, 38  # linux/capability.h
_CAPABILITIES_VERSION = 0x20080522
_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446  # system calls, linux/landlock.h
_REFER, _PATH_BENEATH = 1 << 13, 1


def _look_at_no_other_process() -> None:
    """Deny itself the memory, environment and descriptors of every other process, also of this user, and also as root.

    Landlock does that for whoever is in a domain, and this one denies nothing else: what it
    handles (to link between folders, which every domain would deny) is allowed everywhere. It
    lets pass who has certain capabilities, as root has; without new privileges, these are gone for good.
    """
    _drop((_SYS_PTRACE, _SYS_ADMIN, _PERFMON))
    with contextlib.suppress(AttributeError, OSError):  # Linux before 5.19 does not have it
        call = ctypes.CDLL(None).syscall
        handled = ctypes.c_uint64(_REFER)
        rules = call(_CREATE_RULESET, ctypes.byref(handled), ctypes.c_size_t(8), 0)
        if rules < 0:
            return
        root = os.open("/", os.O_PATH)
        everywhere = ctypes.create_string_buffer(_REFER.to_bytes(8, sys.byteorder) + root.to_bytes(4, sys.byteorder), 12)
        if call(_ADD_RULE, rules, _PATH_BENEATH, everywhere, 0) == 0:
            call(_RESTRICT_SELF, rules, 0)
        os.close(root)
        os.close(rules)


def _drop(capabilities: tuple[int, ...]) -> None:
    with contextlib.suppress(AttributeError, OSError):  # only Linux has them
        libc, header = ctypes.CDLL(None), (ctypes.c_uint32 * 2)(_CAPABILITIES_VERSION, 0)
        held = (ctypes.c_uint32 * 6)()  # effective, permitted, inheritable; the lower half of each, then the upper
        if libc.capget(header, held) == 0:
            for one in capabilities:
                for which in range(3):
                    held[3 * (one // 32) + which] &= ~(1 << one % 32)
            libc.capset(header, held)


# --- the guard -----------------------------------------------------------------------------------


def _stand_guard(plugin: int) -> NoReturn:
    """Wait until the plugin ends, or certpush wants it to or is gone; leave nothing behind, and end as the plugin did."""
    status = None
    while status is None and signal.sigwait(_AWAITED) == signal.SIGCHLD:
        status = _reap(plugin)
    if status is None:
        os.kill(plugin, signal.SIGKILL)
    _end_all()
    _end_like(status)


def _reap(plugin: int) -> int | None:
    """Take note of every child that ended; gives how the plugin did, if it is one of them."""
    found = None
    with contextlib.suppress(ChildProcessError):
        while True:
            ended, status = os.waitpid(-1, os.WNOHANG)
            if not ended:
                break
            found = status if ended == plugin else found
    return found


def _end_all() -> None:
    """End what is left below this process: each generation becomes its child when the one before is gone."""
    with contextlib.suppress(ChildProcessError):
        while True:
            for child in _children():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(child, signal.SIGKILL)
            os.waitpid(-1, 0)


def _children() -> Iterator[int]:
    own = str(os.getpid())
    for status in Path("/proc").glob("[0-9]*/stat"):
        with contextlib.suppress(OSError):
            if status.read_text(errors="replace").rpartition(")")[2].split()[1] == own:
                yield int(status.parent.name)


def _end_like(status: int | None) -> NoReturn:
    if status is None:
        os._exit(0)
    if os.WIFSIGNALED(status):
        ending = os.WTERMSIG(status)
        with contextlib.suppress(OSError):
            signal.signal(ending, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, _AWAITED)
        os.kill(os.getpid(), ending)
    os._exit(os.waitstatus_to_exitcode(status) & 0xFF)


if __name__ == "__main__":
    main(sys.argv[1:])
