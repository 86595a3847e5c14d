"""A machine whose systemd is played by the test, and configurations to install timers for."""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from certpush.cli.schedule import order, systemd
from certpush.kit.command import Finished

CA = """
[ca]
url = "https://ca.home.example:9000"
fingerprint = "c91bf6e92b0c01f3524d306621817e3c917b31eeac971a43fed586ef63811959"
provisioner = "admin"
password = "{password}"
"""
REMOTE = """
[target.wiki]
kind = "ssh"
names = ["wiki.home.example"]
host = "wiki.home.example"
user = "deploy"
identity = "{identity}"
endpoints = ["wiki.home.example:443"]
fullchain = "/etc/nginx/tls/wiki.crt"
key_file = "/etc/nginx/tls/wiki.key"
{more}
"""
LOCAL = """
[target.here]
kind = "file"
names = ["here.home.example"]
fullchain = "/etc/ssl/here/cert.pem"
key_file = "/etc/ssl/here/key.pem"
verify = "files"
{more}
"""


@dataclass
class Machine:
    """What systemctl was asked, and what it answers."""

    folder: Path
    asked: list[str] = field(default_factory=list)
    says: dict[str, str] = field(default_factory=dict)
    """Its answers to ``show``, by the unit's name."""
    refuses: str = ""
    """A word of the calls that fail."""

    def run(self, command, *, within, environment) -> Finished:
        _, *words = command
        self.asked.append(" ".join(words))
        if self.refuses and self.refuses in words:
            return Finished(1, b"Failed to connect to bus: No medium found\n")
        return Finished(0, self.says.get(next((word for word in words if "." in word), ""), "").encode())

    def text(self, unit: str) -> str:
        return (self.folder / unit).read_text()

    @property
    def units(self) -> list[str]:
        return sorted(path.name for path in self.folder.iterdir()) if self.folder.exists() else []


@pytest.fixture
def machine(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Machine:
    """Run by a systemd that does what it is told."""
    machine = Machine(tmp_path / "units")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/systemctl").touch(mode=0o755)
    monkeypatch.setattr(systemd, "SYSTEM_UNITS", machine.folder)
    monkeypatch.setattr(systemd, "BOOTED", tmp_path)
    monkeypatch.setattr(systemd, "SEARCH_PATH", str(tmp_path / "bin"))
    monkeypatch.setattr(systemd, "run", machine.run)
    monkeypatch.setattr(order, "_HIDDEN", (home,))  # what the tests make is in /tmp, and shall not look hidden
    return machine


@pytest.fixture
def configure(home: Path, tmp_path: Path) -> Callable[..., Path]:
    """Write a configuration, its secrets sealed credentials beside it: ``configure(REMOTE, LOCAL, more='lifetime = "24h"')``."""

    def write(*targets: str, password: str = "cred:provisioner-password", identity: str = "cred:ssh-key", more: str = "") -> Path:
        path = tmp_path / "etc" / "certpush.toml"
        path.parent.mkdir(exist_ok=True)
        for reference in (password, identity):
            if reference.startswith("cred:"):
                (path.parent / f"{reference[5:]}.cred").touch(mode=0o600)
        state = f"[state]\ndirectory = {json.dumps(str(tmp_path / 'state'))}\n"
        path.write_text(state + "".join((CA, *targets)).format(password=password, identity=identity, more=more))
        path.chmod(0o600)
        return path

    return write


def value(text: str, key: str) -> str:
    """What a line of a unit says."""
    (found,) = re.findall(rf"^{key}=(.*)$", text, re.MULTILINE)
    return found
