"""A real nginx on loopback that serves a given certificate, as root or as anybody."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path
from typing import Self

from certpush.testing.lab.process import LabError, NotPossibleHere, ServerProcess, answers, children, free_port
from certpush.testing.lab.tools import find_nginx
from certpush.testing.server import HousedServer

_TEMPORARY = {  # each module wants a directory, and Debian's default belongs to root
    "client_body": None,
    "proxy": "--without-http_proxy_module",
    "fastcgi": "--without-http_fastcgi_module",
    "uwsgi": "--without-http_uwsgi_module",
    "scgi": "--without-http_scgi_module",
}


class Nginx(HousedServer):
    """A running nginx; use it in ``with``, or call ``start`` and ``close``. The certificate files must exist by then."""

    host = "127.0.0.1"

    def __init__(self, certificate: Path, key: Path) -> None:
        super().__init__("nginx")
        self.log_path = self.directory / "error.log"
        self.port = 0
        self._files = (certificate, key)
        self._process: ServerProcess | None = None

    @property
    def pid(self) -> int:
        """The master's process id."""
        if self._process is None:
            raise LabError("this nginx does not run")
        return self._process.pid

    @property
    def running(self) -> bool:
        """Whether it runs now."""
        return self._process is not None and self._process.running

    @property
    def settled(self) -> bool:
        """Whether no old worker accepts any more: for 0.1 s after a reload the master leaves it beside the new one."""
        return not self.running or len(children(self.pid)) <= 1

    @property
    def reload_command(self) -> list[str]:
        """What makes it read its files anew; new connections see them a moment later."""
        return [*self._command(), "-s", "reload"]

    @property
    def check_command(self) -> list[str]:
        """What tells, without any effect, whether it would accept its files."""
        return [*self._command(), "-t"]

    def log(self) -> str:
        """What nginx has logged so far."""
        return self.log_path.read_text(errors="replace")

    def start(self) -> Self:
        """Start it and wait until it listens.

        Raises:
            LabError: there is no nginx here, or it did not come up (a certificate that it refuses, for example).

        """
        command = self._command()
        self.port = self.port or free_port()
        (self.directory / "nginx.conf").write_text(self._configuration(Path(command[0])))
        environment = {"PATH": os.environ.get("PATH", "")}
        self._process = ServerProcess(command, log_path=self.directory / "output.log", environment=environment, cwd=self.directory)
        self._process.wait_until_ready(lambda: answers(self.host, self.port))
        return self

    def stop(self) -> None:
        """End it; address and configuration stay, so that ``start`` brings it back."""
        if self._process:
            self._process.stop()
            self._process = None

    def _command(self) -> list[str]:
        binary = find_nginx()
        if binary is None:
            raise NotPossibleHere("there is no nginx here", hint="apt-get install nginx-light")
        folder = str(self.directory)
        return [str(binary), "-p", folder, "-e", str(self.log_path), "-c", str(self.directory / "nginx.conf")]

    def _configuration(self, binary: Path) -> str:
        certificate, key = self._files
        return f"""\
daemon off;
{"user root;" if os.geteuid() == 0 else ""}
worker_processes 1;
pid {self.directory}/nginx.pid;
error_log {self.log_path} notice;
events {{ worker_connections 64; }}
http {{
  access_log off;
  {temporary_paths(binary, self.directory)}
  server {{
    listen {self.host}:{self.port} ssl;
    ssl_certificate {certificate};
    ssl_certificate_key {key};
    location / {{ return 200 "lab\\n"; }}
  }}
}}
"""


def temporary_paths(binary: Path, folder: Path | str) -> str:
    """Give the lines that keep nginx's temporary files in a folder; which ones it knows depends on how it was built.

    Raises:
        LabError: this nginx does not run.

    """
    built = _built_with(binary)
    there = [name for name, absent in _TEMPORARY.items() if absent is None or absent not in built]
    return " ".join(f"{name}_temp_path {folder}/{name};" for name in there)


@cache
def _built_with(binary: Path) -> str:
    asked = subprocess.run([str(binary), "-V"], capture_output=True, text=True, check=False)  # noqa: S603 -- nginx
    if asked.returncode:
        raise LabError(f"nginx ended with status {asked.returncode}\n{asked.stderr.strip()}")
    return asked.stderr
