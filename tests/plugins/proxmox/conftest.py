"""A Proxmox stand-in, a CA, and what a user would write in certpush.toml; waits are shortened, nothing else."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from certpush import Fleet
from certpush.cli.exits import code_of_receipt, worst
from certpush.model import CertificateBundle, Event, Receipt
from certpush.plugins import PluginLoader
from certpush.testing.authority import EmbeddedCa
from certpush.testing.lab.process import wait_until
from certpush.testing.lab.proxmox import ProxmoxNode
from certpush_proxmox import device

CUSTOM = "/certificates/custom"


@pytest.fixture
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """Kinds that wait for less long, as fits stand-ins whose old workers go after a moment."""
    real = PluginLoader.load_kind

    def hurried(self: PluginLoader, name: str) -> Any:
        return replace(real(self, name), steady=timedelta(seconds=0.6), deadline=timedelta(seconds=4))

    monkeypatch.setattr(PluginLoader, "load_kind", hurried)
    monkeypatch.setattr(device, "_LOST_SECONDS", 1.5)
    monkeypatch.setattr(device, "_PROXIED_SECONDS", 4.0)
    monkeypatch.setattr(device, "_OLD_WORKERS_SECONDS", 3.0)


@dataclass
class Site:
    """The machine where certpush runs; each verb is a fresh process as far as certpush can tell."""

    directory: Path
    ca: EmbeddedCa
    targets: dict[str, dict[str, Any]] = field(default_factory=dict)
    events: list[Event] = field(default_factory=list)

    def secret(self, text: str) -> str:
        """A file that we alone may read, as a reference."""
        path = self.directory / f"secret-{len(list(self.directory.glob('secret-*')))}"
        with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(text)
        return f"file:{path}"

    def tables(self) -> dict[str, Any]:
        """The configuration, as it would stand in certpush.toml."""
        return {
            "ca": {
                "url": self.ca.url,
                "fingerprint": self.ca.fingerprint,
                "provisioner": self.ca.provisioner,
                "password": self.secret(self.ca.password),
            },
            "state": {"directory": str(self.directory / "state")},
            "target": self.targets,
        }

    def fleet(self, **more: Any) -> Fleet:
        return Fleet.from_tables(self.tables(), observe=self.events.append, **more)

    def deploy(self, *words: str, **wishes: Any) -> list[Receipt]:
        with self.fleet() as fleet:
            return list(fleet.deploy(words, **wishes))

    def deploy_one(self, **wishes: Any) -> Receipt:
        (receipt,) = self.deploy(**wishes)
        return receipt

    def plan(self, **wishes: Any) -> list[Receipt]:
        with self.fleet() as fleet:
            return list(fleet.plan(**wishes))

    def plan_one(self, **wishes: Any) -> Receipt:
        (receipt,) = self.plan(**wishes)
        return receipt

    def findings(self, name: str = "proxmox") -> dict[str, str]:
        """What `doctor` finds, by code; of several with one code the last."""
        with self.fleet() as fleet:
            return {found.code: f"{found.severity}: {found.message} -> {found.hint}" for _, found in fleet.doctor([name])}


def exit_code(*receipts: Receipt) -> int:
    return worst(map(code_of_receipt, receipts))


def posts(node: ProxmoxNode, method: str = "POST") -> list[Any]:
    """The uploads (or removals) that reached the node."""
    return [one for one in node.requests if one.method == method and one.path.endswith(CUSTOM)]


def move(site: Site, node: ProxmoxNode) -> None:
    """Let the target be another node."""
    site.targets["proxmox"] |= {
        "host": node.host,
        "port": node.port,
        "token": site.secret(node.token),
        "trust": f"sha256:{node.own_fingerprint}",
    }


def install(node: ProxmoxNode, bundle: CertificateBundle) -> None:
    """As another administrator does it; old workers are gone afterwards."""
    node.install(bundle)
    wait_until(lambda: node.settled, "the old workers go")


@pytest.fixture
def start_node() -> Iterator[Callable[..., ProxmoxNode]]:
    from contextlib import ExitStack

    with ExitStack() as running:
        yield lambda **options: running.enter_context(ProxmoxNode(**{"overlap": 0.3, "first_new": 0.05, "refusal_delay": 0.0, **options}))


@pytest.fixture
def node(start_node) -> ProxmoxNode:
    return start_node()


@pytest.fixture
def site(tmp_path: Path, embedded_ca: EmbeddedCa, patience: None) -> Site:
    return Site(tmp_path, embedded_ca)


@pytest.fixture
def one(site: Site, node: ProxmoxNode) -> Site:
    """A site with one node, which a person has pinned."""
    site.targets["proxmox"] = {
        "kind": "proxmox",
        "names": ["pve1.home.example", "127.0.0.1"],
        "token_id": node.token_id,
        "lifetime": "24h",
    }
    move(site, node)
    return site
