"""The contract, held against a real sshd: files behind a real nginx, and a directory of an account's own."""

from __future__ import annotations

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from certpush.kit.settings import Duration
from certpush.model import Endpoint, Secret
from certpush.testing.authority import Authority
from certpush.testing.contract import EndsAndSecrets, GoingBack, InTheProcess, TargetCase, TargetContract, Trial
from certpush.testing.files_on_disk import Reload, everything_in, plant, write_pair
from certpush.testing.lab import hurry
from certpush.testing.lab.nginx import Nginx
from certpush.testing.lab.process import free_port
from certpush.testing.lab.ssh_keys import unknown_key
from certpush.testing.lab.sshd import Sshd
from certpush_ssh import certpush_target
from certpush_ssh.settings import SshTargetSettings

RESCUE_AFTER = Duration(seconds=4)  # long enough for a confirmation over a connection of its own on a busy machine
PASSWORD = "correct horse battery staple"  # noqa: S105 - made up, and searched for in all that the target says


def the_case(sshd: Sshd, folder: Path, reload: Reload, **more: Any) -> TargetCase[SshTargetSettings]:
    """Put files behind this sshd on trial."""
    login: dict[str, Any] = {
        "host": sshd.host,
        "user": sshd.user,
        "host_key": sshd.host_key_fingerprint,
        "connect_timeout": Duration(seconds=10),
    }
    if "password" not in more:
        login["identity"] = Secret(sshd.client_key_path.read_text())
    settings = {"reload": reload.command, "rescue_after": RESCUE_AFTER, **login, **more}
    wrong = {"password": Secret("correct horse battery stable")} if "password" in more else {"identity": Secret(unknown_key())}
    return TargetCase(
        kind=certpush_target(),
        settings=SshTargetSettings(port=sshd.port, **settings),
        unreachable=SshTargetSettings(port=free_port(), **settings),
        wrong_login=SshTargetSettings(port=sshd.port, **settings | wrong),
        secrets=(PASSWORD, sshd.client_key_path.read_text().splitlines()[2]),
        snapshot=lambda: everything_in(folder),
        broken_switch=reload.broken,
        foreign=lambda bundle: plant(folder, bundle),
        rescue_after=timedelta(seconds=RESCUE_AFTER.total_seconds()),
        wait=lambda length: hurry.pass_time(length, lambda: hurry.timers(folder)),
    )


@pytest.fixture(scope="module")
def own_sshd() -> Iterator[Sshd]:
    """One sshd for all tests, in which whoever runs them logs in."""
    with Sshd() as sshd:
        yield sshd


@pytest.fixture(scope="module")
def deploy_sshd() -> Iterator[Sshd]:
    """One sshd for all tests, in which an account without rights logs in, where the lab can make one."""
    with Sshd(user="deploy", password=PASSWORD) if os.geteuid() == 0 else Sshd() as sshd:
        yield sshd


class TestNginxBehindSsh(TargetContract):
    """Two files, taken up by a server that had a certificate before certpush came."""

    @pytest.fixture
    def target_case(self, own_sshd: Sshd, tmp_path: Path) -> Iterator[TargetCase[SshTargetSettings]]:
        """See Trial."""
        folder = tmp_path / "tls"
        folder.mkdir(mode=0o755)
        fullchain, key = folder / "svc.crt", folder / "svc.key"
        write_pair(Authority("Before").issue("before.example"), fullchain, key)
        with Nginx(fullchain, key) as nginx:
            reload = Reload(tmp_path, nginx.reload_command)
            case = the_case(own_sshd, folder, reload, fullchain=str(fullchain), key_file=str(key), check=tuple(nginx.check_command))
            case.endpoints = (Endpoint(nginx.host, nginx.port),)
            yield case


class TestManagedDirectoryBySsh(Trial, GoingBack, EndsAndSecrets, InTheProcess):
    """A directory of an account's own, which logs in by password where the lab can make one: what differs there."""

    @pytest.fixture
    def target_case(self, deploy_sshd: Sshd, tmp_path: Path) -> TargetCase[SshTargetSettings]:
        """See Trial."""
        owner = deploy_sshd.home.stat()
        folder = deploy_sshd.home / tmp_path.name / "tls"
        folder.mkdir(parents=True)
        for path in (folder.parent, folder):
            os.chown(path, owner.st_uid, owner.st_gid)
        login = {"password": Secret(PASSWORD)} if deploy_sshd.user == "deploy" else {}
        return the_case(deploy_sshd, folder, Reload(folder.parent, ["true"]), directory=str(folder), **login)
