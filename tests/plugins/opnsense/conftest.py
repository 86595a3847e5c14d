"""An OPNsense box, a CA, and what a user would write in certpush.toml; waits are shortened, nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from certpush import Fleet
from certpush.cli.exits import code_of_receipt, worst
from certpush.kit.settings import Duration
from certpush.kit.trust import Trust
from certpush.model import Receipt, Secret
from certpush.plugins import PluginLoader
from certpush.testing.authority import EmbeddedCa
from certpush.testing.lab import NotPossibleHere
from certpush.testing.lab.opnsense import OpnSense
from certpush_opnsense import certpush_target
from certpush_opnsense.settings import OpnsenseSettings
from certpush_opnsense.target import OpnsenseTarget
from conftest import need, not_run

FORMER = "66b1c2d3e4f5a"
"""The number of the entry that the web GUI has at first."""
OURS = "certpush fw"


@pytest.fixture
def start_box() -> Iterator[Callable[..., OpnSense]]:
    """Start a box: ``start_box(user="deploy", sudo=True)``."""
    need("sshd", "nginx", "php")
    with ExitStack() as boxes:

        def start(*args, **wishes) -> OpnSense:
            try:
                return boxes.enter_context(OpnSense(*args, **wishes))
            except NotPossibleHere as error:
                not_run(error.message)

        yield start


@pytest.fixture
def box(start_box) -> OpnSense:
    return start_box()


@pytest.fixture
def opened(box) -> Iterator[Callable[..., OpnsenseTarget]]:
    """Open a target of its own: ``opened(rescue_after=Duration(seconds=2))``."""
    with ExitStack() as closing:

        def open_target(**more) -> OpnsenseTarget:
            target = OpnsenseTarget(settings_for(box, **more))
            closing.callback(target.close)
            return target

        yield open_target


def settings_for(box: OpnSense, *, ssh: bool = True, **more: Any) -> OpnsenseSettings:
    login = {"identity": Secret(box.client_key_path.read_text()), "host_key": box.host_key_fingerprint, "user": box.user} if ssh else {}
    usual = {"label": "fw", "restart_timeout": Duration(seconds=1), "trust": Trust(pins=(box.served() or "",)), "ssh_port": box.port}
    key = {"api_key": box.api_key, "api_secret": Secret(box.api_secret)}
    return OpnsenseSettings(host=box.host, port=box.gui_port, **{**usual, **key, **login, **more})


@dataclass
class Site:
    """The machine where certpush runs; each verb is a fresh process as far as certpush can tell."""

    directory: Path
    ca: EmbeddedCa
    box: OpnSense
    table: dict[str, Any] = field(default_factory=dict)

    def secret(self, name: str, text: str) -> str:
        path = self.directory / f"secret-{name}"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(text)
        return f"file:{path}"

    def tables(self) -> dict[str, Any]:
        ca = {"url": self.ca.url, "fingerprint": self.ca.fingerprint, "provisioner": self.ca.provisioner}
        return {
            "ca": {**ca, "password": self.secret("ca", self.ca.password)},
            "state": {"directory": str(self.directory / "state")},
            "target": {"fw": self.table},
        }

    def fleet(self) -> Fleet:
        return Fleet.from_tables(self.tables())

    def deploy(self, **wishes: Any) -> Receipt:
        with self.fleet() as fleet:
            (receipt,) = fleet.deploy((), **wishes)
            return receipt

    def plan(self, **wishes: Any) -> Receipt:
        with self.fleet() as fleet:
            (receipt,) = fleet.plan(**wishes)
            return receipt

    def findings(self) -> dict[str, str]:
        with self.fleet() as fleet:
            return {found.code: f"{found.severity}: {found.message} -> {found.hint}" for _, found in fleet.doctor(["fw"])}

    def without_ssh(self) -> None:
        for key in ("identity", "host_key", "user"):
            self.table.pop(key, None)


def exit_code(*receipts: Receipt) -> int:
    return worst(map(code_of_receipt, receipts))


def names(box: OpnSense) -> list[str]:
    """The entries of the store, by description."""
    return sorted(one.descr for one in (*box.config().certs.values(), *box.config().cas.values()))


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """A kind that waits for less long; it is found here whether it is registered or not."""
    real = PluginLoader.load_kind

    def hurried(self: PluginLoader, name: str) -> Any:
        kind = certpush_target() if name == "opnsense" else real(self, name)
        return replace(kind, settle=timedelta(seconds=0.2), deadline=timedelta(seconds=5))

    monkeypatch.setattr(PluginLoader, "load_kind", hurried)


@pytest.fixture
def site(tmp_path: Path, embedded_ca: EmbeddedCa, box: OpnSense, patience: None) -> Site:
    """A site with one firewall, which a person has pinned."""
    one = Site(tmp_path, embedded_ca, box)
    one.table |= {
        "kind": "opnsense",
        "names": ["fw.home.example", "127.0.0.1"],
        "host": box.host,
        "port": box.gui_port,
        "api_key": box.api_key,
        "api_secret": one.secret("api", box.api_secret),
        "label": "fw",
        "restart_timeout": "1s",
        "lifetime": "24h",
        "trust": f"sha256:{box.served()}",
        "ssh_port": box.port,
        "user": box.user,
        "identity": one.secret("ssh", box.client_key_path.read_text()),
        "host_key": box.host_key_fingerprint,
    }
    return one
