"""The machine below a box: a mount namespace is its disk, a process namespace is the time between two starts."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import weakref
from collections.abc import Mapping, Sequence
from pathlib import Path

from certpush.testing.lab.process import LabError, NotPossibleHere, children, descendants, find_program, wait_until

_INIT = Path(__file__).with_name("init.py")
_MOUNTS = Path(__file__).parent / "skeleton/lab/mounts.sh"
_ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}
_PATIENCE_SECONDS = 30.0


class Hardware:
    """Holds the disk from the start on; is switched on and off. All of it ends with this process at the latest."""

    def __init__(self, root: Path, log: Path, size: str) -> None:
        self._root = root
        self._log = log
        self._unshare, self._nsenter = _program("unshare"), _program("nsenter")
        self._on: subprocess.Popen[bytes] | None = None
        self._disk = self._make_disk(size)
        self._finalizer = weakref.finalize(self, _end, self._disk)

    @property
    def on(self) -> bool:
        """Whether it runs."""
        return self._on is not None and self._on.poll() is None

    @property
    def processes(self) -> list[int]:
        """What runs in it, as this machine counts; nothing where it is switched off."""
        return descendants(self._on.pid) if self._on is not None and self.on else []

    def path(self, inside: str) -> Path:
        """Where a path of the tree can be reached from outside; a link in it must not be absolute."""
        return Path(f"/proc/{self._disk.pid}/root{self._root}{inside}")

    def switch_on(self) -> None:
        """Start process 1; what it starts is up a moment later."""
        into = [self._nsenter, f"--mount=/proc/{self._disk.pid}/ns/mnt", "--"]
        alone = [self._unshare, "--pid", "--uts", "--fork", "--kill-child", "--"]
        with self._log.open("ab") as log:
            self._on = subprocess.Popen(  # noqa: S603 -- our own
                [*into, *alone, sys.executable, "-P", str(_INIT), str(self._root)],
                stdin=subprocess.PIPE,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=_ENVIRONMENT | {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")},
                start_new_session=True,
            )
        weakref.finalize(self, _end, self._on)

    def switch_off(self) -> None:
        """End all its processes at once, as a power failure would; the disk stays."""
        if self._on:
            _end(self._on)
            self._on = None

    def remove(self) -> None:
        """Switch it off, and let go of the disk."""
        self.switch_off()
        self._finalizer()

    def command(self, command: Sequence[str], environment: Mapping[str, str] | None = None) -> list[str]:
        """Wrap a command so that it runs in the box, as root.

        Raises:
            LabError: the box is switched off.

        """
        init = self._init()
        into = [self._nsenter, f"--target={init}", "--mount", "--pid", "--uts", "--"]
        variables = [f"{name}={value}" for name, value in (environment or {}).items()]
        return [
            *into,
            _program("chroot"),
            str(self._root),
            "/usr/bin/env",
            "-i",
            "PATH=/sbin:/bin:/usr/sbin:/usr/bin",
            *variables,
            *command,
        ]

    def on_the_disk(self, *command: str) -> None:
        """Run a command of this machine that sees the disk as the box does (``mount``).

        Raises:
            LabError: it failed.

        """
        done = subprocess.run(  # noqa: S603 -- our own
            [self._nsenter, f"--mount=/proc/{self._disk.pid}/ns/mnt", "--", *command], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise LabError(f"{' '.join(command)}: {done.stderr.strip()}")

    def _init(self) -> int:
        if self._on is None or not self.on:
            raise LabError("the box is switched off")
        outside = self._on.pid
        wait_until(lambda: bool(children(outside)), "process 1 of the box")
        return children(outside)[0]

    def _make_disk(self, size: str) -> subprocess.Popen[bytes]:
        disk = subprocess.Popen(  # noqa: S603 -- our own
            [self._unshare, "--mount", "--", "/bin/sh", str(_MOUNTS), str(self._root), size],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=_ENVIRONMENT,
            start_new_session=True,
        )
        with disk.stdout or contextlib.nullcontext(None) as said:
            words = said.readline() if said else b""
            if words != b"ready\n":
                _end(disk)
                raise NotPossibleHere(
                    f"this machine allows no mount namespace for a box of its own: {words.decode(errors='replace').strip()}",
                    hint="run with CAP_SYS_ADMIN (docker run --cap-add SYS_ADMIN)",
                )
        return disk


def _program(name: str) -> str:
    found = find_program(name)
    if found is None:
        raise NotPossibleHere(f"there is no {name} here", hint="apt-get install util-linux coreutils")
    return str(found)


def _end(popen: subprocess.Popen[bytes]) -> None:
    """End it by the end of its standard input; the kernel ends what it holds."""
    if popen.stdin:
        with contextlib.suppress(OSError):
            popen.stdin.close()
    try:
        popen.wait(5)
    except subprocess.TimeoutExpired:
        with contextlib.suppress(ProcessLookupError):
            os.kill(popen.pid, signal.SIGKILL)
        popen.wait()
