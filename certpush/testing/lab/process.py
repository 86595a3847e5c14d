"""Starting a server as a child process, waiting until it answers, and ending it by its id."""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import socket
import subprocess
import threading
import time
import weakref
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from certpush.errors import CertpushError
from certpush.testing.lab.heir import Heir, heir
from certpush.testing.own_directory import OwnDirectory

__all__ = [
    "LabError",
    "NotPossibleHere",
    "OwnDirectory",
    "ServerProcess",
    "answers",
    "children",
    "descendants",
    "find_program",
    "free_port",
    "wait_until",
]

START_SECONDS = 20.0
STOP_SECONDS = 5.0
PORTS = range(20_000, 32_768)
"""Below those that systems give to outgoing connections (Linux: from 32768 on). Who starts servers in several processes deals them out."""
_FOUND: deque[int] = deque(maxlen=50)
_FINDING = threading.Lock()


class LabError(CertpushError):
    """A server of the lab did not come up; the message carries the end of its log."""


class NotPossibleHere(LabError):
    """This machine lacks a program or a right that the server needs."""


def free_port(host: str = "127.0.0.1") -> int:
    """Find a port that nobody listens on now.

    Not one that the system would give for the asking: it gives those to every connection that
    goes out, and what starts a second later would find its port taken. Nor one that it found a
    moment ago: whoever asked for that has perhaps not begun to listen.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with _FINDING:
        for port in random.SystemRandom().sample(PORTS, 100):
            with socket.socket(family) as probe, contextlib.suppress(OSError):
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                probe.bind((host, port))
                if port not in _FOUND:
                    _FOUND.append(port)
                    return port
    raise LabError("no port is free here")


def find_program(name: str, *places: Path) -> Path | None:
    """Find a program in PATH, in the given folders, or where Debian keeps servers (PATH of users lacks sbin)."""
    folders = [*os.environ.get("PATH", "").split(os.pathsep), *map(str, places), "/usr/local/sbin", "/usr/sbin", "/sbin"]
    found = shutil.which(name, path=os.pathsep.join(folder for folder in folders if folder))
    return Path(found) if found else None


def answers(host: str, port: int) -> bool:
    """Whether something accepts connections there."""
    try:
        socket.create_connection((host, port), timeout=1).close()
    except OSError:
        return False
    return True


def children(pid: int) -> list[int]:
    """The processes that this one started, in any of its threads; none where it has ended."""
    found: list[int] = []
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):  # that thread has ended: what it started belongs to another now
                found += map(int, (thread / "children").read_text().split())
    return found


def descendants(pid: int) -> list[int]:
    """The same with theirs, which sessions and groups of their own do not hide."""
    return [one for child in children(pid) for one in (child, *descendants(child))]


def wait_until(true: Callable[[], bool], what: str, seconds: float = START_SECONDS) -> None:
    """Look again and again until it is so.

    Raises:
        LabError: it was not so within ``seconds``.

    """
    deadline = time.monotonic() + seconds
    pause = 0.005
    while not true():
        if time.monotonic() > deadline:
            raise LabError(f"{what}: not within {seconds:g} s")
        time.sleep(pause)
        pause = min(pause * 1.5, 0.1)


class ServerProcess:
    """One server as a child process with its output in a log file; ended at the latest with this process, also where that is killed."""

    def __init__(self, command: Sequence[str], *, log_path: Path, environment: Mapping[str, str], cwd: Path | None = None) -> None:
        self._name = Path(command[0]).name
        self._log_path = log_path
        inherits = heir()  # there before the first server, so that it goes after the last
        self._popen = _start(command, log_path, environment, cwd)
        inherits.take(self._popen.pid)
        self._finalizer = weakref.finalize(self, _end, self._popen, inherits)

    @property
    def pid(self) -> int:
        """The child's process id."""
        return self._popen.pid

    @property
    def running(self) -> bool:
        """Whether it has not ended."""
        return self._popen.poll() is None

    def wait_until_ready(self, ready: Callable[[], bool], seconds: float = START_SECONDS) -> None:
        """Wait until ``ready`` says so; where the server ends before, or takes too long, end it.

        Raises:
            LabError: with the end of the server's log.

        """
        try:
            wait_until(lambda: not self.running or ready(), self._name, seconds)
        except LabError as error:
            self.stop()
            raise LabError(f"{error.message}\n{self.log_end()}") from None
        if not self.running:
            raise LabError(f"{self._name} ended with status {self._popen.returncode}\n{self.log_end()}")

    def signal(self, number: int) -> None:
        """Send it a signal."""
        self._popen.send_signal(number)

    def stop(self) -> None:
        """End it and wait for its end; repeating it is harmless."""
        self._finalizer()

    def log_end(self, lines: int = 15) -> str:
        """The last lines of its log."""
        with contextlib.suppress(OSError):
            return "\n".join(self._log_path.read_text(errors="replace").splitlines()[-lines:])
        return ""


def _start(command: Sequence[str], log_path: Path, environment: Mapping[str, str], cwd: Path | None) -> subprocess.Popen[bytes]:
    with log_path.open("ab") as log:
        # A session of its own: Ctrl-C at the terminal reaches us alone, and we end it in order.
        return subprocess.Popen(  # noqa: S603 -- the lab starts the servers it was asked for
            list(command),
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            env=dict(environment),
            cwd=cwd,
            start_new_session=True,
        )


def _end(popen: subprocess.Popen[bytes], inherits: Heir) -> None:
    popen.terminate()
    try:
        popen.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait()
    inherits.forget(popen.pid)
