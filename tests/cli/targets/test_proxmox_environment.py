"""Proxmox by the real command, with an environment that would lead a client of requests astray."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from certpush.testing.listener import Listener
from cli.frame.conftest import environment
from cli.targets.proxmox_desk import Arrange, Desk, by_password, desk, patience, start_node

__all__ = ["desk", "patience", "start_node"]  # fixtures


@pytest.fixture
def proxy() -> Iterator[Listener]:
    """Counts who calls, and hangs up."""
    listener = Listener(lambda _: None, "127.0.0.1")
    listener.start()
    yield listener
    listener.stop()


@pytest.fixture
def astray(tmp_path: Path, home: Path, proxy: Listener) -> dict[str, str]:
    """What people, distributions and attackers set."""
    netrc = home / ".netrc"
    netrc.touch(mode=0o600)
    netrc.write_text("machine 127.0.0.1 login evil password evil\n")
    (tmp_path / "nobody.pem").write_text("")
    proxies = ("HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy")
    bundles = ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE")
    return {
        **dict.fromkeys(proxies, f"http://127.0.0.1:{proxy.port}"),
        **dict.fromkeys(bundles, str(tmp_path / "nobody.pem")),
        "SSL_CERT_DIR": str(tmp_path),
        "SSLKEYLOGFILE": str(tmp_path / "keys.log"),
        "NETRC": str(netrc),
    }


def by_command(desk: Desk, home: Path, more: dict[str, str], *words: str) -> subprocess.CompletedProcess[str]:
    desk.write()
    command = [sys.executable, "-m", "certpush", "--config", str(desk.path), *words]
    return subprocess.run(command, capture_output=True, text=True, timeout=50, check=False, env=environment(home, **more))


@pytest.mark.parametrize("login", [lambda _: None, by_password()], ids=["token", "password"])
def test_neither_proxies_nor_bundles_nor_netrc_nor_key_logs_have_an_effect(
    desk: Desk, home: Path, tmp_path: Path, proxy, astray, login: Arrange
):
    login(desk)
    done = by_command(desk, home, astray, "deploy", "proxmox")
    assert done.returncode == 0, done.stderr
    assert desk.node.served() not in (None, desk.node.own_fingerprint)
    assert proxy.accepted == 0
    assert not (tmp_path / "keys.log").exists()
    said = [one.headers.get("authorization", "") for one in desk.node.requests]
    assert not [one for one in said if "basic" in one.lower()]
    assert len({*said}) == 1


def test_a_bundle_of_the_environment_makes_nobody_trusted(desk: Desk, home: Path):
    """It has the very CA that signed the node's certificate; nobody told certpush so."""
    del desk.table["trust"]
    bundle = desk.file("pve-root-ca.pem", desk.node.ca_pem)
    done = by_command(desk, home, dict.fromkeys(("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"), bundle), "deploy", "proxmox")
    assert done.returncode == 4, done.stderr
    assert "nothing was sent to it" in done.stderr
    assert desk.node.requests == []
