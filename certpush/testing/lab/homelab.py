"""A small home lab on loopback for the demo: a CA, a wiki behind nginx reached by SSH, files, a Proxmox node, a pfSense box.

Real servers where they are installed, stand-ins of ours where not, and always for Proxmox and pfSense; ``parts`` says which.
"""

from __future__ import annotations

import contextlib
import os
import shlex
import stat
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from certpush.testing.authority.embedded import EmbeddedCa
from certpush.testing.authority.provisioners import JwkProvisioner
from certpush.testing.lab.nginx import Nginx
from certpush.testing.lab.pfsense import PfSense
from certpush.testing.lab.process import LabError, NotPossibleHere, OwnDirectory
from certpush.testing.lab.proxmox import ProxmoxNode
from certpush.testing.lab.sshd import Sshd
from certpush.testing.lab.step_ca import RealCa
from certpush.testing.lab.tls import TlsServer
from certpush.testing.minting import self_signed

R = TypeVar("R")
S = TypeVar("S")
NAMES = '["wiki.home.example", "127.0.0.1"]'
_CLAIMS = {"maxTLSCertDuration": "9480h"}  # 395 days; a step-ca as it comes signs for one
_PROXMOX = "stand-in for a Proxmox VE node (its API alone, with quicker reloads than real ones)"
_PFSENSE = "stand-in for a pfSense box (real sshd, PHP and nginx in a tree of its own)"


@dataclass(frozen=True)
class Homelab:
    """What runs, and the configuration that describes it."""

    directory: Path
    configuration: Path
    parts: tuple[str, ...]
    wiki: str
    """Where the wiki answers, ``host:port``."""
    node: ProxmoxNode
    """The Proxmox node, which shows its own certificate at first."""
    firewall: PfSense | None
    """The pfSense box, where this machine can have one."""
    hasty: Path
    """The same configuration, but for the firewall's timer, which waits for ``hasty_seconds``: no run succeeds with it."""
    hasty_seconds: int = 10

    def break_reloads(self) -> None:
        """Let the wiki's next reload fail, and the node's until they are mended, as where somebody made a mistake."""
        (self.directory / "reload-fails-once").touch()
        self.node.faults.reload_fails = True

    def mend_reloads(self) -> None:
        """Let them work again."""
        self.node.faults.reload_fails = False


@contextlib.contextmanager
def homelab(between: Callable[[], None] = lambda: None) -> Iterator[Homelab]:
    """Start everything, and leave nothing behind; ``between`` is called before each part, and may raise to end it there."""
    own = OwnDirectory("certpush-demo-")
    with contextlib.ExitStack() as running:
        running.callback(own.remove)
        start = _Starter(running, between)
        admin = JwkProvisioner.make(claims=_CLAIMS)
        ca = start.one_of("step-ca", lambda: RealCa(admin=admin), "embedded CA", lambda: EmbeddedCa(admin=admin))
        _write_own_certificate(own.path)
        files = own.path / "wiki.crt", own.path / "wiki.key"
        wiki = start.one_of("nginx", lambda: Nginx(*files), "TLS server of our own", lambda: TlsServer(*files))
        sshd = start.one_of("OpenSSH sshd", Sshd, "no SSH, the wiki is reached by files", contextlib.nullcontext)
        between()
        node = running.enter_context(ProxmoxNode(overlap=0.3, first_new=0.1))
        start.parts.append(_PROXMOX)
        firewall = start.one_of(_PFSENSE, PfSense, "no pfSense box, its part of the story is left out", contextlib.nullcontext)
        configuration = _write_files(own.path, ca, wiki, sshd, node)
        hasty = _add_firewall(configuration, firewall)
        between()
        yield Homelab(own.path, configuration, tuple(start.parts), f"127.0.0.1:{wiki.port}", node, firewall, hasty)


class _Starter:
    """Starts each part, or what stands in for it where it is missing or does not come up."""

    def __init__(self, running: contextlib.ExitStack, between: Callable[[], None]) -> None:
        self.parts: list[str] = []
        self._running = running
        self._between = between

    def one_of(
        self, name: str, real: Callable[[], AbstractContextManager[R]], other: str, stand_in: Callable[[], AbstractContextManager[S]]
    ) -> R | S:
        """Give the real part, else the stand-in; ``parts`` tells which, and why."""
        self._between()
        try:
            part = self._running.enter_context(real())
        except NotPossibleHere as error:
            why = error.message
        except LabError as error:
            why = f"{name} did not start: {error.message.splitlines()[-1]}"
        else:
            self.parts.append(name)
            return part
        self.parts.append(f"{other} ({why})")
        return self._running.enter_context(stand_in())


def _write_files(directory: Path, ca: RealCa | EmbeddedCa, wiki: Nginx | TlsServer, sshd: Sshd | None, node: ProxmoxNode) -> Path:
    (directory / "mail").mkdir()
    _write_private(directory / "provisioner-password", ca.password)
    _write_private(directory / "proxmox-token", node.token)
    _write_reload(directory, wiki.reload_command)
    configuration = directory / "certpush.toml"
    configuration.write_text(_configuration(directory, ca, wiki, sshd) + _proxmox(directory, node))
    return configuration


def _write_own_certificate(directory: Path) -> None:
    """What a fresh machine has: a self-signed certificate that browsers warn about."""
    own = self_signed("self-signed by the installer")
    (directory / "wiki.crt").write_bytes(own.leaf_pem)
    _write_private(directory / "wiki.key", own.key.reveal_pem().decode())


def _write_private(path: Path, text: str) -> None:
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        file.write(text)


def _write_reload(directory: Path, reload: list[str]) -> None:
    broken = shlex.quote(str(directory / "reload-fails-once"))
    script = directory / "reload-wiki"
    script.write_text(f"""\
#!/bin/sh
if [ -e {broken} ]; then
  rm {broken}
  echo 'wiki: [emerg] unknown directive "ssl_certificat" in wiki.conf:7' >&2
  exit 1
fi
exec {shlex.join(reload)}
""")
    script.chmod(stat.S_IRWXU)


def _configuration(directory: Path, ca: RealCa | EmbeddedCa, wiki: Nginx | TlsServer, sshd: Sshd | None) -> str:
    return f"""\
[ca]
url = "{ca.url}"
fingerprint = "{ca.fingerprint}"
provisioner = "{ca.provisioner}"
password = "file:{directory}/provisioner-password"

[defaults]
lifetime = "24h"

[state]
directory = "{directory}/state"

[target.wiki]
{_way_to_the_wiki(sshd)}
names = {NAMES}
endpoints = ["127.0.0.1:{wiki.port}#wiki.home.example"]
fullchain = "{directory}/wiki.crt"
key_file = "{directory}/wiki.key"
reload = ["{directory}/reload-wiki"]
tags = ["web"]

[target.mail]
kind = "file"
names = ["mail.home.example"]
directory = "{directory}/mail"
verify = "files"
"""


def _proxmox(directory: Path, node: ProxmoxNode) -> str:
    return f"""
[target.proxmox]
kind = "proxmox"
names = ["{node.name}.home.example", "{node.host}"]
host = "{node.host}"
port = {node.port}
token_id = "{node.token_id}"
token = "file:{directory}/proxmox-token"
lifetime = "395d"
"""


def _add_firewall(configuration: Path, firewall: PfSense | None) -> Path:
    hasty = configuration.with_name("hasty.toml")
    text = configuration.read_text() + (_pfsense(firewall) if firewall else "")
    configuration.write_text(text)
    hasty.write_text(text + (f'rescue_after = "{Homelab.hasty_seconds}s"\n' if firewall else ""))
    return hasty


def _pfsense(firewall: PfSense) -> str:
    return f"""
[target.firewall]
kind = "pfsense"
names = ["fw.home.example", "{firewall.host}"]
host = "{firewall.host}"
port = {firewall.port}
user = "{firewall.user}"
identity = "file:{firewall.client_key_path}"
host_key = "{firewall.host_key_fingerprint}"
"""


def _way_to_the_wiki(sshd: Sshd | None) -> str:
    if sshd is None:
        return 'kind = "file"'
    return f"""\
kind = "ssh"
host = "{sshd.host}"
port = {sshd.port}
user = "{sshd.user}"
identity = "file:{sshd.client_key_path}"
host_key = "{sshd.host_key_fingerprint}\""""
