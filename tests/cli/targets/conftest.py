"""A yard of web servers that read their certificates from files, a CA of its own, and the configuration that describes both."""

from __future__ import annotations

import shlex
import stat
import subprocess
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from certpush import CertificateBundle
from certpush.kit.tls import look
from certpush.model import Endpoint
from certpush.testing import self_signed
from certpush.testing.authority import EmbeddedCa
from certpush.testing.lab.tls import TlsServer
from conftest import need

# Fails as often as the file has letters; an "e" has its effect all the same.
_FAILS = """\
if [ -s {0} ]; then
  left=$(cat {0}); printf %s "${{left#?}}" > {0}
  case "$left" in e*) {1} ;; esac
  echo 'broken on purpose' >&2; exit 1
fi"""


@dataclass
class Yard:
    """Servers by name, the tables of the configuration, and what each serves now."""

    directory: Path
    ca: EmbeddedCa
    path: Path
    running: ExitStack
    servers: dict[str, TlsServer] = field(default_factory=dict)
    tables: dict[str, str] = field(default_factory=dict)

    def serve(self, name: str, more: str = "", *, target: bool = True, before: CertificateBundle | None = None) -> TlsServer:
        """Start a server with the certificate of its first day (or ``before``), and describe it."""
        before = before or self_signed(f"first day of {name}", life=timedelta(days=30))
        certificate, key = before.fullchain_pem, before.key.reveal_pem()
        (self.directory / f"{name}.crt").write_bytes(certificate)
        (self.directory / f"{name}.key").touch(mode=0o600)
        (self.directory / f"{name}.key").write_bytes(key)
        server = self.running.enter_context(TlsServer(self.directory / f"{name}.crt", self.directory / f"{name}.key"))
        self.servers[name] = server
        if target:
            self.describe(name, more)
        return server

    def describe(self, name: str, more: str = "", *, first: str = "") -> None:
        """Write the target's table; what ``more`` sets comes instead of the usual, and ``first`` is run before each reload."""
        if name in self.servers:
            script = self.directory / f"reload-{name}"
            script.write_text(
                f"#!/bin/sh\n{_FAILS.format(self.directory / f'broken-{name}', reload := shlex.join(self.servers[name].reload_command))}\n{first}\nexec {reload}\n"
            )
            script.chmod(stat.S_IRWXU)
        usual = {
            "kind": '"file"',
            "names": f'["{name}.home.example"]',
            "endpoints": f'["127.0.0.1:{self.servers[name].port}#{name}.home.example"]' if name in self.servers else "[]",
            "fullchain": f'"{self.directory}/{name}.crt"',
            "key_file": f'"{self.directory}/{name}.key"',
            "reload": f'["{script}"]' if name in self.servers else "[]",
        }
        set_there = {line.partition("=")[0].strip() for line in more.splitlines()}
        if "certificate" in set_there:
            del usual["names"]
        lines = [f"{key} = {value}" for key, value in usual.items() if key not in set_there and value != "[]"]
        self.tables[f"target.{name}"] = "\n".join([*lines, more])
        self.write()

    def break_reload(self, name: str, times: int = 1) -> None:
        """Let the next reloads fail."""
        (self.directory / f"broken-{name}").write_text("x" * times)

    def strand(self, name: str, times: int = 2) -> None:
        """Let the next reload fail after it had its effect, and those after it without any: what was switched to stays."""
        (self.directory / f"broken-{name}").write_text("e" + "x" * (times - 1))

    def write(self) -> None:
        """Write the configuration file."""
        self.path.write_text("\n".join(f"[{name}]\n{table}\n" for name, table in self.tables.items()))

    def served(self, name: str) -> str:
        """The fingerprint that the server shows to whoever connects now."""
        return look(self.endpoint(name), (), datetime.now(UTC)).fingerprint

    def endpoint(self, name: str) -> Endpoint:
        return Endpoint("127.0.0.1", self.servers[name].port, f"{name}.home.example")

    @property
    def signed(self) -> int:
        """How often the CA was asked for a certificate."""
        return sum(one.request.target.endswith("/sign") for one in self.ca.exchanges)

    def everything(self) -> dict[str, tuple[int, bytes]]:
        """Each file below the yard and the user's home and the state: when it was written, and what is in it."""
        files = [path for path in sorted(self.directory.parent.rglob("*")) if path.is_file()]
        return {str(path): (path.stat().st_mtime_ns, path.read_bytes()) for path in files}


@pytest.fixture
def yard(home: Path, tmp_path: Path, start_embedded_ca: Callable[..., EmbeddedCa]) -> Iterator[Yard]:
    """An empty yard; its configuration is where certpush looks for it."""
    directory = tmp_path / "yard"
    directory.mkdir()
    ca = start_embedded_ca()
    (directory / "password").touch(mode=0o600)
    (directory / "password").write_text(ca.password)
    path = home / ".config" / "certpush" / "certpush.toml"
    path.parent.mkdir(parents=True)
    with ExitStack() as running:
        yard = Yard(directory, ca, path, running)
        yard.tables["ca"] = (
            f'url = "{ca.url}"\nfingerprint = "{ca.fingerprint}"\nprovisioner = "{ca.provisioner}"\npassword = "file:{directory}/password"'
        )
        yard.tables["state"] = f'directory = "{tmp_path}/state"'
        yard.tables["defaults"] = 'lifetime = "24h"'
        yard.write()
        yield yard


@pytest.fixture
def openssl() -> Callable[..., str]:
    """Run openssl."""
    need("openssl")
    return lambda *words: subprocess.run(["openssl", *words], capture_output=True, text=True, check=True).stdout
