"""A place with a CA and files as targets, and certpush as its user runs it: a process of its own."""

from __future__ import annotations

import json
import os
import select
import shlex
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from certpush.testing import self_signed
from certpush.testing.lab.tls import TlsServer

PATIENCE_SECONDS = 120.0
_INHERITED = ("COVERAGE_", "PYTHONPATH")


def environment(home: Path, **more: str) -> dict[str, str]:
    """What the command gets to see: nothing of this machine's but what measures coverage."""
    own = {name: value for name, value in os.environ.items() if name.startswith(_INHERITED)}
    return {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(home), "TERM": "xterm", **own, **more}


def until(true: Callable[[], object], what: str) -> None:
    """Wait for a condition."""
    end = time.monotonic() + PATIENCE_SECONDS
    while not true():
        assert time.monotonic() < end, f"waited in vain for {what}"
        time.sleep(0.02)


class Gate:
    """A command that says when it begins, and ends when the test lets it, with the exit status that the test wants."""

    def __init__(self, directory: Path) -> None:
        directory.mkdir()
        entered, go, self._script = directory / "entered", directory / "go", directory / "wait"
        os.mkfifo(entered)
        os.mkfifo(go)
        self._script.write_text(f"#!/bin/sh\necho in > {entered}\nread status < {go}\nexit $status\n")
        self._script.chmod(stat.S_IRWXU)
        self._entered = os.open(entered, os.O_RDWR)  # open for both, so that neither side waits for the other to open it
        self._go = os.open(go, os.O_RDWR)

    @property
    def command(self) -> list[str]:
        return [str(self._script)]

    def entered(self) -> None:
        """Wait until the command has begun."""
        assert select.select([self._entered], [], [], PATIENCE_SECONDS)[0], "the command did not begin"
        assert os.read(self._entered, 3) == b"in\n"

    def open(self, status: int = 0) -> None:
        """Let the command end."""
        os.write(self._go, f"{status}\n".encode())

    def close(self) -> None:
        os.close(self._entered)
        os.close(self._go)


@dataclass
class Place:
    """A directory, a configuration in it, and the command."""

    directory: Path
    ca: Any
    targets: str
    password: str = ""
    more: dict[str, str] = field(default_factory=dict)
    """Further environment variables."""

    @property
    def configuration(self) -> Path:
        path = self.directory / "certpush.toml"
        path.write_text(f"""\
[ca]
url = "{self.ca.url}"
fingerprint = "{self.ca.fingerprint}"
provisioner = "{self.ca.provisioner}"
password = "{self.password or f"file:{self.directory}/password"}"

[defaults]
lifetime = "12h"

[state]
directory = "{self.directory}/state"

{self.targets}
""")
        return path

    def command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "certpush", "--config", str(self.configuration), *words]

    def run(self, *words: str, seconds: float = PATIENCE_SECONDS, **streams: Any) -> subprocess.CompletedProcess[str]:
        """Run the command to its end."""
        given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        return subprocess.run(
            self.command(*words), text=True, timeout=seconds, check=False, env=environment(self.directory, **self.more), **given
        )

    def start(self, *words: str, **streams: Any) -> subprocess.Popen[str]:
        """Begin the command."""
        given = {"stdin": subprocess.DEVNULL, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **streams}
        return subprocess.Popen(self.command(*words), text=True, env=environment(self.directory, **self.more), **given)

    def document(self, *words: str, code: int = 0, seconds: float = PATIENCE_SECONDS) -> dict[str, Any]:
        """What the command tells a machine; nothing else may stand on stdout."""
        done = self.run("--output", "json", *words, seconds=seconds)
        assert done.returncode == code, f"{done.stdout}\n{done.stderr}"
        document: dict[str, Any] = json.loads(done.stdout)
        assert document["exit"] == code
        return document

    def installed(self, name: str) -> bytes:
        """The certificate that a target has now."""
        return (self.directory / f"{name}.crt").read_bytes()


def file_target(directory: Path, name: str, *, port: int | None = None, reload: list[str] | None = None, more: str = "") -> str:
    """The table of a file target; without a port nothing serves it."""
    where = f'endpoints = ["127.0.0.1:{port}#{name}.home.example"]' if port else 'verify = "files"'
    return f"""
[target.{name}]
kind = "file"
names = ["{name}.home.example", "127.0.0.1"]
fullchain = "{directory}/{name}.crt"
key_file = "{directory}/{name}.key"
reload = {json.dumps(reload or ["/bin/true"])}
{where}
{more}
"""


@pytest.fixture
def place(tmp_path: Path, embedded_ca) -> Place:
    """One target whose files nothing serves."""
    (tmp_path / "password").touch(mode=0o600)
    (tmp_path / "password").write_text(embedded_ca.password + "\n")
    return Place(tmp_path, embedded_ca, file_target(tmp_path, "mail"))


@pytest.fixture
def gate(tmp_path: Path) -> Iterator[Gate]:
    """A command that waits for the test."""
    gate = Gate(tmp_path / "gate")
    yield gate
    gate.close()


@pytest.fixture
def serve(place: Place) -> Iterator[Callable[[str], TlsServer]]:
    """Start a TLS server that serves a target's files: ``serve("wiki")``; self-signed at first."""
    with ExitStack() as servers:

        def start(name: str) -> TlsServer:
            own = self_signed("made by the installer", life=timedelta(days=30))
            certificate, key = own.leaf_pem, own.key.reveal_pem()
            (place.directory / f"{name}.crt").write_bytes(certificate)
            (place.directory / f"{name}.key").touch(mode=0o600)
            (place.directory / f"{name}.key").write_bytes(key)
            server = TlsServer(place.directory / f"{name}.crt", place.directory / f"{name}.key")
            return servers.enter_context(server)

        yield start


@pytest.fixture
def shim(tmp_path: Path) -> Path:
    """A directory for PATH in which ``certpush`` is this one."""
    directory = tmp_path / "bin"
    directory.mkdir()
    script = directory / "certpush"
    script.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m certpush "$@"\n')
    script.chmod(stat.S_IRWXU)
    return directory
