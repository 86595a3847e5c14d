"""certpush init, called as a script would and typed at as a person would."""

from __future__ import annotations

import json
import os
import pty
import select
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

import pytest

from certpush.testing.authority import EmbeddedCa
from certpush.testing.lab.step_ca import RealCa, find_step_ca

PATIENCE = 30.0


@dataclass(frozen=True)
class Ended:
    """How a call ended."""

    code: int
    out: str
    err: str

    @property
    def document(self) -> dict[str, Any]:
        return json.loads(self.out)


class Terminal:
    """A person at a terminal: reads what is shown, and types."""

    def __init__(self, command: list[str], environment: dict[str, str], directory: Path) -> None:
        self.shown = ""
        self._read_to = 0
        self.process, self._fd = pty.fork()
        if self.process == 0:
            os.chdir(directory)
            os.execve(command[0], command, environment)

    def sees(self, text: str) -> Self:
        """Wait until it is shown, behind what was seen before."""
        ends = time.monotonic() + PATIENCE
        while (found := self.shown.find(text, self._read_to)) < 0:
            assert time.monotonic() < ends, f"never shown: {text!r}; shown so far:\n{self.shown}"
            assert self._listens(), f"it ended without showing {text!r}; shown:\n{self.shown}"
        self._read_to = found + len(text)
        return self

    def types(self, text: str, end: str = "\n") -> Self:
        os.write(self._fd, (text + end).encode())
        return self

    def answers(self, question: str, text: str) -> Self:
        return self.sees(question).sees(": ").types(text)

    def ends(self) -> int:
        """Wait for the end; gives the exit code."""
        return self.stops("")

    def stops(self, key: str) -> int:
        """Press it until that is heard (Python misses a signal that comes just before it begins to read); gives the exit code."""
        ends, heard = time.monotonic() + PATIENCE, ""
        self.types(key, "")
        while self._listens():
            assert time.monotonic() < ends, f"it does not end; shown:\n{self.shown}"
            if heard == self.shown:
                self.types(key, "")
            heard = self.shown
        return self._reap()

    def close(self) -> None:
        if self.process:
            os.kill(self.process, signal.SIGKILL)
            self._reap()
        os.close(self._fd)

    def _reap(self) -> int:
        _, status = os.waitpid(self.process, 0)
        self.process = 0
        return os.waitstatus_to_exitcode(status)

    def _listens(self) -> bool:
        """Whether the other side is there still; what it shows within a second is read."""
        ready, _, _ = select.select([self._fd], [], [], 1)
        if not ready:
            return True
        try:
            text = os.read(self._fd, 65536)
        except OSError:  # Linux says so when the other side of a terminal is closed
            return False
        self.shown += text.decode(errors="replace").replace("\r\n", "\n")
        return bool(text)


def environment(home: Path) -> dict[str, str]:
    own = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE")}
    usual = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(home), "TERM": "xterm", "LANG": "C.UTF-8"}
    return {**usual, "STATE_DIRECTORY": str(home.parent / "state"), **own}  # root's own place would be the machine's


@dataclass(frozen=True)
class Person:
    """Somebody with a home directory, who runs certpush."""

    home: Path

    @property
    def configuration(self) -> Path:
        """Where the tests have it written: root's own place is the machine's."""
        return self.home / "etc" / "certpush.toml"

    @property
    def written(self) -> str:
        assert stat.S_IMODE(self.configuration.stat().st_mode) == 0o600
        assert stat.S_IMODE(self.configuration.parent.stat().st_mode) == 0o700
        return self.configuration.read_text()

    @property
    def files(self) -> dict[str, str]:
        """Everything at home, by path."""
        return {str(path.relative_to(self.home)): path.read_text() for path in sorted(self.home.rglob("*")) if path.is_file()}

    @property
    def folders(self) -> list[str]:
        return [str(path.relative_to(self.home)) for path in sorted(self.home.rglob("*")) if path.is_dir()]

    def command(self, *words: object) -> list[str]:
        return [sys.executable, "-m", "certpush", *(str(word) for word in words)]

    def certpush(self, *words: object, **more: str) -> Ended:
        """Run it without a terminal."""
        done = subprocess.run(
            self.command(*words),
            capture_output=True,
            text=True,
            timeout=PATIENCE,
            check=False,
            env={**environment(self.home), **more},
            stdin=subprocess.DEVNULL,
            cwd=self.home,
        )
        assert "Traceback" not in done.stderr
        return Ended(done.returncode, done.stdout, done.stderr)

    def init(self, *words: object, **more: str) -> Ended:
        return self.certpush("init", "--config", self.configuration, *words, **more)


@pytest.fixture(scope="session")
def ca(request: pytest.FixtureRequest) -> RealCa | EmbeddedCa:
    """A real step-ca where there is one: what init asks of a CA is compared for both elsewhere."""
    served: RealCa | EmbeddedCa = request.getfixturevalue("real_ca" if find_step_ca() else "embedded_ca")
    return served


@pytest.fixture
def person(tmp_path: Path) -> Person:
    home = tmp_path / "home"
    home.mkdir()
    return Person(home)


@pytest.fixture
def terminal(person: Person) -> Iterator[Callable[..., Terminal]]:
    """Open a terminal in which ``certpush init`` runs with these options."""
    with ExitStack() as opened:

        def start(*words: object, **more: str) -> Terminal:
            command = person.command("init", "--config", person.configuration, *words)
            shown = Terminal(command, {**environment(person.home), **more}, person.home)
            opened.callback(shown.close)
            return shown

        yield start


@pytest.fixture
def password_file(ca, person: Person) -> Path:
    path = person.home / "ca-password"
    path.touch(mode=0o600)
    path.write_text(ca.password + "\n")
    return path


@pytest.fixture
def known(ca, password_file: Path) -> tuple[str, ...]:
    """The options with which a script says which CA, and how to prove itself to it."""
    return ("--ca-url", ca.url, "--fingerprint", ca.fingerprint, "--password-file", str(password_file))
