"""Many SSH targets on one machine: one sshd and one nginx, and for each target a directory, a name, and a certificate of its own."""

from __future__ import annotations

import contextlib
import os
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from certpush.testing.lab.nginx import temporary_paths
from certpush.testing.lab.process import ServerProcess, answers, free_port
from certpush.testing.lab.sshd import Sshd
from certpush.testing.lab.step_ca import RealCa
from certpush.testing.lab.tools import find_nginx
from parts import KEX, ca_table, write_self_signed


@dataclass(frozen=True)
class Many:
    """Where they are. Target NUMBER has its files in ``home/NAME``, and ``port`` serves them to who asks for NAME."""

    home: Path
    port: int
    over: Sshd
    ca: RealCa

    def make(self, names: list[str]) -> None:
        """Give each what a fresh machine has: a self-signed certificate."""
        model = self.home / "model"
        if not model.exists():
            model.mkdir()
            write_self_signed(model)
        for name in names:
            (self.home / name).mkdir(exist_ok=True)
            for file in ("site.crt", "site.key"):
                shutil.copy(model / file, self.home / name / file)

    def configuration(self, path: Path, names: list[str]) -> Path:
        """A configuration with all of them, with a state of its own."""
        tables = [
            ca_table(path.parent, self.ca),
            f'[state]\ndirectory = "{path.with_suffix("")}-state"\n',
            '[defaults]\nlifetime = "24h"\n',
        ]
        path.write_text("\n".join([*tables, *map(self._target, names)]))
        return path

    def _target(self, name: str) -> str:
        return f"""\
[target.{name}]
kind = "ssh"
host = "{self.over.host}"
port = {self.over.port}
user = "{self.over.user}"
identity = "file:{self.over.client_key_path}"
host_key = "{self.over.host_key_fingerprint}"
names = ["{name}.example"]
endpoints = ["127.0.0.1:{self.port}#{name}.example"]
fullchain = "{self.home}/{name}/site.crt"
key_file = "{self.home}/{name}/site.key"
"""


def names(count: int) -> list[str]:
    """t0000, t0001, ..."""
    return [f"t{number:04}" for number in range(count)]


@contextlib.contextmanager
def many(directory: Path, ca: RealCa) -> Iterator[Many]:
    """An sshd that takes in as many logins at once as anybody likes, and an nginx that reads a target's files for each connection."""
    home = directory / "many"
    home.mkdir()
    # More than ten logins at once are dropped at random by default: neither side of a comparison should wait for that.
    sshd = Sshd(options=[f"KexAlgorithms {KEX},{KEX}@libssh.org", "MaxStartups 1000", "MaxSessions 1000", "LogLevel ERROR"])
    with sshd as over, _nginx(directory, home) as port:
        yield Many(home, port, over, ca)


@contextlib.contextmanager
def _nginx(directory: Path, home: Path) -> Iterator[int]:
    """Serves each name from its own files. No reload is needed, so none is measured, on either side."""
    binary, place, port = find_nginx(), directory / "nginx", free_port()
    assert binary  # whoever needs it has looked before
    place.mkdir()
    (place / "nginx.conf").write_text(f"""\
daemon off;
{"user root;" if os.geteuid() == 0 else ""}
worker_processes 1;
pid {place}/nginx.pid;
events {{ worker_connections 1024; }}
http {{
  access_log off;
  {temporary_paths(binary, place)}
  map $ssl_server_name $target {{ ~^(?<name>t[0-9]+)\\.example$ $name; default model; }}
  server {{
    listen 127.0.0.1:{port} ssl backlog=2048;
    ssl_session_cache off;
    ssl_certificate {home}/$target/site.crt;
    ssl_certificate_key {home}/$target/site.key;
    location / {{ return 200 "lab\\n"; }}
  }}
}}
""")
    command = [str(binary), "-p", str(place), "-e", str(place / "error.log"), "-c", str(place / "nginx.conf")]
    process = ServerProcess(command, log_path=place / "output.log", environment={}, cwd=place)
    try:
        process.wait_until_ready(lambda: answers("127.0.0.1", port))
        yield port
    finally:
        process.stop()
