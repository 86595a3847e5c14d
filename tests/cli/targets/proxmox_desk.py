"""Where the user of a Proxmox node sits: the node, a configuration that fits it, the command, and what may be arranged to go wrong."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from certpush.testing.lab.proxmox import Answer, Broken, ProxmoxNode, totp_code
from cli.conftest import Ended
from plugins.proxmox.conftest import patience, start_node

__all__ = ["desk", "patience", "start_node"]  # fixtures, for who imports them

SECRET = "11111111-2222-3333-4444-555555555555"
SEED = "JBSWY3DPEHPK3PXP"
Arrange = Callable[["Desk"], object]


@dataclass
class Desk:
    """A node, a configuration that fits it, and the command."""

    directory: Path
    path: Path
    ca: Any
    node: ProxmoxNode
    run: Callable[..., Ended]
    table: dict[str, Any] = field(default_factory=dict)
    secrets: list[str] = field(default_factory=list)

    def secret(self, text: str) -> str:
        """A file that its owner alone may read, as a reference."""
        path = self.directory / f"secret-{len(self.secrets)}"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(text)
        self.secrets.append(text)
        return f"file:{path}"

    def file(self, name: str, content: bytes) -> str:
        (self.directory / name).write_bytes(content)
        return str(self.directory / name)

    def write(self) -> None:
        lines = "\n".join(f"{key} = {json.dumps(value)}" for key, value in self.table.items())
        self.path.write_text(
            f'[ca]\nurl = "{self.ca.url}"\nfingerprint = "{self.ca.fingerprint}"\nprovisioner = "{self.ca.provisioner}"\n'
            f'password = "file:{self.directory}/password"\n[state]\ndirectory = "{self.directory}/state"\n[target.proxmox]\n{lines}\n'
        )
        self.path.chmod(0o600)

    def certpush(self, *words: str) -> Ended:
        """What a person gets to see; never a secret."""
        self.write()
        ended = self.run(*words)
        assert not [one for one in self.secrets if len(one) > 6 and one in ended.out + ended.err]
        assert "Traceback" not in ended.err
        return ended

    def refused(self, *words: str, code: int, says: str, hint: str) -> Ended:
        """One error that names the target and says what to do, and what was served is served."""
        before = self.node.served()
        ended = self.certpush(*(words or ("deploy", "proxmox")))
        assert ended.code == code, ended.err
        assert ended.err.count("error: ") == 1
        (line,) = (line for line in ended.err.splitlines() if line.startswith("error: "))
        (advice,) = (line for line in ended.err.splitlines() if line.startswith("  hint: "))
        assert line.startswith("error: proxmox: ")
        assert says.format(node=self.node, at=f"{self.node.host}:{self.node.port}") in line
        assert hint.format(node=self.node) in advice
        assert self.node.served() == before
        return ended

    @property
    def at(self) -> str:
        return f"{self.node.host}:{self.node.port}"


@pytest.fixture
def desk(certpush, home: Path, tmp_path: Path, embedded_ca, start_node, patience) -> Desk:
    node = start_node()
    path = home / ".config" / "certpush" / "certpush.toml"
    path.parent.mkdir(parents=True)
    (tmp_path / "password").touch(mode=0o600)
    (tmp_path / "password").write_text(embedded_ca.password)
    made = Desk(tmp_path, path, embedded_ca, node, certpush)
    made.table = {
        "kind": "proxmox",
        "names": ["pve1.home.example", "127.0.0.1"],
        "host": node.host,
        "port": node.port,
        "token_id": node.token_id,
        "token": made.secret(node.token),
        "trust": f"sha256:{node.own_fingerprint}",
        "lifetime": "24h",
    }
    return made


# --- what may be arranged -----------------------------------------------------------------------


def written(**keys: Any) -> Arrange:
    """Keys of the target's table."""
    return lambda desk: desk.table.update(keys)


def kept(**secrets: str) -> Arrange:
    """Secrets that the table refers to."""
    return lambda desk: desk.table.update({key: desk.secret(text) for key, text in secrets.items()})


def without(*keys: str) -> Arrange:
    return lambda desk: [desk.table.pop(key) for key in keys]


def by_password(more: Arrange = lambda _: None) -> Arrange:
    """A login with user and password in place of the token."""

    def arrange(desk: Desk) -> None:
        without("token_id", "token")(desk)
        desk.table |= {"user": desk.node.user, "password": desk.secret(desk.node.password)}
        more(desk)

    return arrange


def second_factor(more: Arrange) -> Arrange:
    return by_password(lambda desk: (setattr(desk.node, "totp_secret", SEED), more(desk)))


def with_fault(**faults: Any) -> Arrange:
    return lambda desk: [setattr(desk.node.faults, name, value) for name, value in faults.items()]


def answering(how: Answer, **more: Any) -> Arrange:
    return lambda desk: desk.node.faults.broken.append(Broken(how, **more))


def allowed(path: str, privilege: str) -> Arrange:
    def arrange(desk: Desk) -> None:
        for acl in (desk.node.acl.user, desk.node.acl.token):
            acl.update({path: {privilege}})

    return arrange


def both(*arrangements: Arrange) -> Arrange:
    return lambda desk: [one(desk) for one in arrangements]


def disable_user(desk: Desk) -> None:
    desk.node.accounts.users[desk.node.user].enabled = False


def expire_token(desk: Desk) -> None:
    desk.node.accounts.token(desk.node.token_id).expires = datetime.now(UTC) - timedelta(hours=1)


def with_code_of_now(desk: Desk) -> None:
    desk.table["totp"] = desk.secret(totp_code(SEED, datetime.now(UTC)))


UPLOADS = {"method": "POST", "path": "/certificates/custom"}
LOGIN = "{at}: the login was refused"
