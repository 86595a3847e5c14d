"""A real OpenSSH server, and settings that reach it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from certpush.kit.settings import Duration
from certpush.model import Secret
from certpush.testing.lab.sshd import Sshd
from certpush_ssh.settings import SshTargetSettings
from certpush_ssh.target import SshTarget

from ..conftest import not_run

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
def user_sshd() -> Iterator[Sshd]:
    import os

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
    import os

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
