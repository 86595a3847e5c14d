"""A small site of real parts: step-ca, an nginx behind sshd, and the configuration that describes them."""

from __future__ import annotations

import stat
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509

from certpush import Fleet
from certpush.kit.tls import look
from certpush.model import Endpoint, Receipt, Served, read_certificates
from certpush.testing import self_signed
from certpush.testing.lab.nginx import Nginx
from certpush.testing.lab.process import wait_until
from certpush.testing.lab.sshd import Sshd
from conftest import need


@dataclass
class Site:
    """The site, its knobs, and how its user works with it."""

    directory: Path
    ca: object
    nginx: Nginx
    sshd: Sshd | None
    more: str = ""
    lifetime: str = "24h"
    check: str = ""
    rescue_after: str = "60s"
    extra_tables: str = ""
    environment: dict[str, str] = field(default_factory=dict)

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint("127.0.0.1", self.nginx.port, "wiki.home.example")

    @property
    def configuration(self) -> Path:
        path = self.directory / "certpush.toml"
        path.write_text(self._toml())
        return path

    def _toml(self) -> str:
        way = 'kind = "file"'
        if self.sshd:
            way = (
                f'kind = "ssh"\nhost = "{self.sshd.host}"\nport = {self.sshd.port}\nuser = "{self.sshd.user}"\n'
                f'identity = "file:{self.sshd.client_key_path}"\nhost_key = "{self.sshd.host_key_fingerprint}"\n'
                f'rescue_after = "{self.rescue_after}"'
            )
        return f"""\
[ca]
url = "{self.ca.url}"
fingerprint = "{self.ca.fingerprint}"
provisioner = "{self.ca.provisioner}"
password = "file:{self.directory}/password"

[state]
directory = "{self.directory}/state"

[target.wiki]
{way}
names = ["wiki.home.example", "127.0.0.1"]
lifetime = "{self.lifetime}"
endpoints = ["127.0.0.1:{self.nginx.port}#wiki.home.example"]
fullchain = "{self.directory}/wiki.crt"
key_file = "{self.directory}/wiki.key"
reload = ["{self.directory}/reload"]
{self.check}
{self.more}
{self.extra_tables}
"""

    def fleet(self, **more) -> Fleet:
        return Fleet.load(self.configuration, **more)

    def deploy(self, *words: str, **wishes) -> Receipt:
        with self.fleet() as fleet:
            (receipt,) = fleet.deploy(words or ("wiki",), **wishes)
            return receipt

    def certpush(self, *arguments: str, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        """Run the command as its user does."""
        command = [sys.executable, "-m", "certpush", "--config", str(self.configuration), *arguments]
        environment = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(self.directory), **self.environment}
        return subprocess.run(
            command, capture_output=True, text=True, timeout=timeout, check=False, env=environment, stdin=subprocess.DEVNULL
        )

    @property
    def served(self) -> str:
        """What a client is shown; none looks while an old worker answers beside the new one."""
        return self._looked().fingerprint

    @property
    def seen_by_clients(self) -> str:
        """What a client that trusts the CA's root finds wrong; empty when all is well."""
        return self._looked(*read_certificates(self.ca.root_pem)).problem

    def await_served(self, fingerprint: str, seconds: float = 60) -> None:
        wait_until(lambda: self.served == fingerprint, "it is served", seconds)

    def _looked(self, *roots: x509.Certificate) -> Served:
        wait_until(lambda: self.nginx.settled, "the old workers go")
        return look(self.endpoint, roots, datetime.now(UTC))

    def break_reload(self, times: int) -> None:
        (self.directory / "broken").write_text("x" * times)

    def strand(self) -> None:
        """The next reload fails after it had its effect, and the one after it without any: what was switched to stays."""
        (self.directory / "broken").write_text("ex")


def write_reload(directory: Path, nginx: Nginx) -> None:
    """A reload command that fails as often as ``broken`` has letters."""
    script = directory / "reload"
    script.write_text(f"""\
#!/bin/sh
if [ -s {directory}/broken ]; then
  left=$(cat {directory}/broken)
  printf %s "${{left#?}}" > {directory}/broken
  case "$left" in e*) {" ".join(nginx.reload_command)} ;; esac
  echo "nginx: [emerg] broken on purpose" >&2
  exit 1
fi
exec {" ".join(nginx.reload_command)}
""")
    script.chmod(stat.S_IRWXU)


@pytest.fixture(params=["ssh", "file"])
def site(request, tmp_path: Path, real_ca) -> Iterator[Site]:
    need("nginx", *(["sshd"] if request.param == "ssh" else []))
    own = self_signed("made by the installer", life=timedelta(days=30))
    certificate, key = own.leaf_pem, own.key.reveal_pem()
    (tmp_path / "wiki.crt").write_bytes(certificate)
    (tmp_path / "wiki.key").touch(mode=0o600)
    (tmp_path / "wiki.key").write_bytes(key)
    (tmp_path / "password").touch(mode=0o600)
    (tmp_path / "password").write_text(real_ca.password + "\n")
    with Nginx(tmp_path / "wiki.crt", tmp_path / "wiki.key") as nginx:
        write_reload(tmp_path, nginx)
        if request.param == "file":
            yield Site(tmp_path, real_ca, nginx, None)
        else:
            with Sshd() as sshd:
                yield Site(tmp_path, real_ca, nginx, sshd)
