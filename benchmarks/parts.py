"""The real parts that benchmarks work with: a CA whose keys cost what current ones cost, web servers, an sshd, and configurations."""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from certpush.testing import self_signed
from certpush.testing.authority.provisioners import CURRENT_P2C, JwkProvisioner
from certpush.testing.lab.nginx import Nginx
from certpush.testing.lab.sshd import Sshd
from certpush.testing.lab.step_ca import RealCa
from pairs import Command, Runner

P2C = CURRENT_P2C
PYTHON = sys.executable
CERTPUSH = str(Path(PYTHON).with_name("certpush"))
KEX = "curve25519-sha256"
"""The key exchange of both sides: OpenSSH's own choice, sntrup761, alone costs some 60 ms in Debian's build, and paramiko has none."""


@dataclass(frozen=True)
class Bench:
    """What a benchmark gets: where it may write, what runs processes, which programs are here, and how many pairs are wanted."""

    runner: Runner
    tools: dict[str, Path | None]
    pairs: int | None
    targets: int = 1000

    @property
    def directory(self) -> Path:
        """A directory for all benchmarks of this run."""
        return self.runner.directory

    def count(self, usual: int) -> int:
        """How many pairs."""
        return self.pairs or usual

    def python(self) -> Command:
        """The interpreter that does nothing: what every other figure contains."""
        return Command(name="python -c pass", argv=[PYTHON, "-c", "pass"])


def private(path: Path, text: str) -> Path:
    """Write a file that only we may read."""
    path.touch(mode=0o600)
    path.write_text(text)
    return path


@contextlib.contextmanager
def step_ca(directory: Path) -> Iterator[RealCa]:
    """A step-ca with ``root.crt`` and ``password`` beside it."""
    with RealCa(admin=JwkProvisioner.make(p2c=P2C)) as ca:
        (directory / "root.crt").write_bytes(ca.root_pem)
        private(directory / "password", ca.password)
        yield ca


@contextlib.contextmanager
def website(directory: Path) -> Iterator[Nginx]:
    """An nginx that serves ``site.crt`` of this directory, at first a self-signed one."""
    directory.mkdir(exist_ok=True)
    write_self_signed(directory)
    with Nginx(directory / "site.crt", directory / "site.key") as nginx:
        yield nginx


def write_self_signed(directory: Path) -> None:
    """What a fresh machine has, and what certpush may replace without being told."""
    own = self_signed("installer")
    (directory / "site.crt").write_bytes(own.leaf_pem)
    private(directory / "site.key", own.key.reveal_pem().decode())


def sshd() -> Sshd:
    """An sshd whose key exchange costs both sides the same."""
    return Sshd(options=[f"KexAlgorithms {KEX},{KEX}@libssh.org"])  # one exchange by its two names: paramiko knows the older


def configuration(directory: Path, ca: RealCa, *, site: Path, nginx: Nginx, over: Sshd | None = None) -> Path:
    """A configuration with one target, ``site``: its files are here, or behind ``over``."""
    way = 'kind = "file"'
    if over:
        way = (
            f'kind = "ssh"\nhost = "{over.host}"\nport = {over.port}\nuser = "{over.user}"\n'
            f'identity = "file:{over.client_key_path}"\nhost_key = "{over.host_key_fingerprint}"'
        )
    path = directory / f"{site.name}.toml"
    path.write_text(f"""\
{ca_table(directory, ca)}
[state]
directory = "{directory}/state-{site.name}"

[target.site]
{way}
names = ["site.example", "127.0.0.1"]
lifetime = "24h"
endpoints = ["127.0.0.1:{nginx.port}#site.example"]
fullchain = "{site}/site.crt"
key_file = "{site}/site.key"
reload = {json.dumps(nginx.reload_command)}
""")
    return path


def ca_table(directory: Path, ca: RealCa) -> str:
    """The part of a configuration that names the CA; what it refers to is what ``step_ca`` wrote."""
    return f"""\
[ca]
url = "{ca.url}"
root = "{directory}/root.crt"
provisioner = "{ca.provisioner}"
password = "file:{directory}/password"
"""


def certpush(*words: str, name: str = "", **more: object) -> Command:
    """The command as its user runs it."""
    return Command(name=name or f"certpush {' '.join(words)}", argv=[CERTPUSH, *words], **more)
