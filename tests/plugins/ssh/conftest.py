"""A real OpenSSH server, and settings that reach it."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import pytest

from certpush.kit.settings import Duration
from certpush.kit.ssh.connection import Answer
from certpush.model import Secret
from certpush.testing.lab.sshd import Sshd
from certpush_ssh.settings import SshTargetSettings
from certpush_ssh.target import SshTarget

ACCOUNT_UID = 54321


@dataclass(frozen=True)
class Box:
    """A machine for tests: its server, and a directory on it that the login may (perhaps by sudo) write to."""

    sshd: Sshd
    tls: Path
    sudo: bool = False

    def login(self, **more) -> dict[str, object]:
        """What reaches it."""
        return {
            "host": self.sshd.host,
            "port": self.sshd.port,
            "user": self.sshd.user,
            "identity": Secret(self.sshd.client_key_path.read_text()),
            "host_key": self.sshd.host_key_fingerprint,
            "sudo": self.sudo,
            "connect_timeout": Duration(seconds=10),
        } | more

    def files(self, **more) -> SshTargetSettings:
        """Two single files."""
        return SshTargetSettings(**{"fullchain": f"{self.tls}/svc.crt", "key_file": f"{self.tls}/svc.key"} | self.login(**more))

    def managed(self, **more) -> SshTargetSettings:
        """A managed directory."""
        return SshTargetSettings(directory=str(self.tls), **self.login(**more))


@pytest.fixture(scope="session")
def root_sshd() -> Iterator[Sshd]:
    with Sshd() as sshd:
        yield sshd


@pytest.fixture(scope="session")
def user_sshd(not_run: Callable[[str], NoReturn]) -> Iterator[Sshd]:
    if os.geteuid() != 0:
        not_run("only root can start a server for another account")
    with Sshd(user="deploy", password="correct horse", sudo=True) as sshd:
        yield sshd


@pytest.fixture(params=["root", "user", "sudo"])
def any_box(request: pytest.FixtureRequest, open_directory: Path) -> Box:
    """The three ways to have the rights: as root, as an owner, by sudo."""
    return make_box(request, open_directory, request.param)


@pytest.fixture
def box(request: pytest.FixtureRequest, open_directory: Path) -> Box:
    """The usual one: login as a user who owns the directory."""
    return make_box(request, open_directory, "user")


@pytest.fixture
def root_box(request: pytest.FixtureRequest, open_directory: Path) -> Box:
    """Login as root."""
    return make_box(request, open_directory, "root")


@pytest.fixture
def sudo_box(request: pytest.FixtureRequest, open_directory: Path) -> Box:
    """Login as a user who may do everything by sudo."""
    return make_box(request, open_directory, "sudo")


def make_box(request: pytest.FixtureRequest, directory: Path, way: str) -> Box:
    sshd = request.getfixturevalue("root_sshd" if way == "root" else "user_sshd")
    tls = directory / "tls"
    tls.mkdir()
    (directory / "notes").touch()
    (directory / "notes").chmod(0o666)  # commands of any user may note that they ran
    if way == "user":
        os.chown(tls, ACCOUNT_UID, ACCOUNT_UID)
    return Box(sshd, tls, sudo=way == "sudo")


@pytest.fixture
def open_target(request: pytest.FixtureRequest) -> Callable[[SshTargetSettings], SshTarget]:
    """Open targets that are closed at the end."""

    def opened(settings: SshTargetSettings) -> SshTarget:
        target = SshTarget(settings)
        request.addfinalizer(target.close)
        return target

    return opened


@dataclass
class LocalMachine:
    """Stands for a connection: runs the scripts here, with any shell, and tells what they were."""

    home: Path
    shell: tuple[str, ...] = ("/bin/sh", "-s")
    environment: Mapping[str, str] = field(default_factory=lambda: {"PATH": "/usr/bin:/bin"})
    scripts: list[str] = field(default_factory=list)
    where = "this machine"
    alive = True
    strict = True
    algorithms = "none"

    def run(self, script: str, *, within: timedelta, sudo: bool = False, limit: int = 0) -> Answer:
        self.scripts.append(script)
        # Into files: what the script leaves running may hold a pipe open, and the exit status is what counts.
        with tempfile.TemporaryFile() as output, tempfile.TemporaryFile() as errors:
            ended = subprocess.run(
                self.shell, input=script.encode(), stdout=output, stderr=errors,
                timeout=within.total_seconds(), env=dict(self.environment), check=False,
            )  # fmt: skip
            output.seek(0)
            errors.seek(0)
            return Answer(ended.returncode, output.read(), errors.read())

    def upload(self, folder: str, files: Mapping[str, bytes], *, within: timedelta) -> str:
        self.discard(folder, within=within)
        (self.home / folder).mkdir(mode=0o700)
        for name, content in files.items():
            (self.home / folder / name).write_bytes(content)
        return str(self.home / folder)

    def discard(self, folder: str, *, within: timedelta) -> None:
        subprocess.run(["rm", "-rf", self.home / folder], check=True)

    def close(self) -> None:
        pass


@dataclass(frozen=True)
class LocalBox:
    """This machine, as if it were another one."""

    machine: LocalMachine
    tls: Path

    def files(self, **more) -> SshTargetSettings:
        return SshTargetSettings(
            **{"host": "localhost", "identity": Secret("x"), "fullchain": f"{self.tls}/svc.crt", "key_file": f"{self.tls}/svc.key"} | more
        )

    def managed(self, **more) -> SshTargetSettings:
        return SshTargetSettings(**{"host": "localhost", "identity": Secret("x"), "directory": str(self.tls)} | more)


@pytest.fixture
def local_box(open_directory: Path, monkeypatch: pytest.MonkeyPatch) -> LocalBox:
    """The scripts run here, by /bin/sh, without SSH: for what happens by the hundred, or with other shells."""
    tls, home = open_directory / "tls", open_directory / "home"
    tls.mkdir()
    home.mkdir()
    machine = LocalMachine(home)
    monkeypatch.setattr("certpush.kit.remote.shell.connect", lambda _: machine)
    return LocalBox(machine, tls)
