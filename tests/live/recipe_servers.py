"""Real servers of Debian for the recipes that name them: each on loopback, with a certificate from before certpush came."""

from __future__ import annotations

import os
import pwd
import subprocess
from abc import abstractmethod
from pathlib import Path
from typing import Any, Self

from certpush.kit.rendering import Role, render
from certpush.model import CertificateBundle, Endpoint
from certpush.testing.lab.nginx import Nginx
from certpush.testing.lab.process import ServerProcess, answers, find_program, free_port
from certpush.testing.server import HousedServer


class RecipeServer(HousedServer):
    """What a recipe needs of one: its own name, its parameters, and where it serves."""

    host = "127.0.0.1"
    recipe: str
    starttls: str | None = None

    def __init__(self, before: CertificateBundle) -> None:
        super().__init__(f"recipe-{type(self).__name__.lower()}")
        self.directory.chmod(0o755)  # whom it runs as has to get in
        self.port = free_port()
        self.tls = self.directory / "tls"
        self.tls.mkdir(mode=0o755)
        self.fullchain, self.key, self.pem = (self.tls / name for name in ("svc.crt", "svc.key", "svc.pem"))
        for path, role in ((self.fullchain, Role.FULLCHAIN), (self.key, Role.KEY), (self.pem, Role.COMBINED)):
            path.touch(mode=0o600)
            path.write_bytes(render(role, before))
        self._process: ServerProcess | None = None

    @property
    def endpoint(self) -> Endpoint:
        return Endpoint(self.host, self.port, None, self.starttls)

    @property
    @abstractmethod
    def parameters(self) -> dict[str, Any]:
        """What a target's table gives the recipe."""

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def run(self, *command: str, **environment: str) -> None:
        environment = {"PATH": os.environ["PATH"] + ":/usr/sbin", "HOME": str(self.directory), **environment}
        self._process = ServerProcess(command, log_path=self.directory / "log", environment=environment, cwd=self.directory)
        self._process.wait_until_ready(lambda: answers(self.host, self.port))

    def stop(self) -> None:
        if self._process is not None:
            self._process.stop()
            self._process = None


class NginxByRecipe(RecipeServer):
    recipe = "nginx"

    def start(self) -> Self:
        self._nginx = Nginx(self.fullchain, self.key)
        self._nginx.port = self.port
        self._nginx.start()
        return self

    def stop(self) -> None:
        self._nginx.close()

    @property
    def parameters(self) -> dict[str, Any]:
        commands = {"test": tuple(self._nginx.check_command), "reload": tuple(self._nginx.reload_command)}
        return {"fullchain": str(self.fullchain), "key": str(self.key), **commands}

    def break_configuration(self) -> None:
        (self._nginx.directory / "nginx.conf").write_text("nonsense;\n")


# As `systemctl reload` does: it comes back when the reload is done. A signal that comes in the middle of one is lost.
_RELOAD = """\
#!/bin/sh
reloads() {{ echo 'show proc' | {socat} -t 5 - UNIX-CONNECT:{master} 2>/dev/null | awk '$2 == "master" {{ print $3 }}'; }}
before=$(reloads)
kill -USR2 "$1" || exit 1
for _ in $(seq 200); do
  now=$(reloads)
  [ -n "$now" ] && [ "$now" != "$before" ] && exit 0
  sleep 0.05
done
exit 1
"""


class HaproxyByRecipe(RecipeServer):
    def __init__(self, before: CertificateBundle, recipe: str) -> None:
        super().__init__(before)
        self.recipe = recipe
        self.config, self.socket = self.directory / "haproxy.cfg", self.directory / "admin.sock"
        self._master, self._reload = self.directory / "master.sock", self.directory / "reload"

    def start(self) -> Self:
        self.config.write_text(
            f"global\n stats socket {self.socket} mode 600 level admin\n maxconn 50\n"
            "defaults\n mode http\n timeout connect 5s\n timeout client 5s\n timeout server 5s\n"
            f"frontend lab\n bind {self.host}:{self.port} ssl crt {self.pem}\n http-request return status 200\n"
        )
        self._reload.write_text(_RELOAD.format(socat=find_program("socat"), master=self._master))
        self._reload.chmod(0o700)
        self.run(str(find_program("haproxy")), "-W", "-db", "-S", str(self._master), "-f", str(self.config))
        return self

    @property
    def parameters(self) -> dict[str, Any]:
        common = {"pem": str(self.pem), "config": str(self.config)}
        if self.recipe == "haproxy-runtime":
            return {**common, "socket": str(self.socket)}
        return {**common, "reload": (str(self._reload), str(self.pid))}

    def break_configuration(self) -> None:
        self.config.write_text("nonsense\n")


class CaddyByRecipe(RecipeServer):
    recipe = "caddy"

    def start(self) -> Self:
        self.config = self.directory / "Caddyfile"
        self.config.write_text(
            f"{{\n admin unix/{self.directory}/admin.sock\n auto_https off\n storage file_system {self.directory}/data\n}}\n"
            f"https://{self.host}:{self.port} {{\n bind {self.host}\n tls {self.fullchain} {self.key}\n respond lab\n}}\n"
        )
        self.run(str(find_program("caddy")), "run", "--config", str(self.config))
        return self

    @property
    def parameters(self) -> dict[str, Any]:
        owner = pwd.getpwuid(os.geteuid()).pw_name
        return {"fullchain": str(self.fullchain), "key": str(self.key), "config": str(self.config), "owner": owner}

    def break_configuration(self) -> None:
        self.config.write_text("nonsense {\n")


class PostgresByRecipe(RecipeServer):
    """As the user postgres where we are root, for it refuses to run as root."""

    recipe = "postgresql"
    starttls = "postgres"

    def start(self) -> Self:
        data = self.directory / "data"
        if os.geteuid() == 0:
            account = pwd.getpwnam("postgres")
            for path in (self.fullchain, self.key):
                os.chown(path, account.pw_uid, account.pw_gid)
            data.mkdir(mode=0o700)
            os.chown(data, account.pw_uid, account.pw_gid)
        subprocess.run(
            [*self._as(), str(program("initdb")), "-N", "-A", "trust", "-D", str(data)], check=True, capture_output=True, cwd="/"
        )
        options = {
            "listen_addresses": self.host,
            "port": self.port,
            "unix_socket_directories": "",
            "fsync": "off",
            "ssl": "on",
            "ssl_cert_file": self.fullchain,
            "ssl_key_file": self.key,
        }
        self.run(
            *self._as(),
            str(program("postgres")),
            "-D",
            str(data),
            *(word for one in options.items() for word in ("-c", "{}={}".format(*one))),
        )
        return self

    @property
    def parameters(self) -> dict[str, Any]:
        reload = (*self._as(), str(program("pg_ctl")), "reload", "-D", str(self.directory / "data"))
        owner = "postgres" if os.geteuid() == 0 else pwd.getpwuid(os.geteuid()).pw_name
        return {"fullchain": str(self.fullchain), "key": str(self.key), "owner": owner, "server_port": self.port, "reload": reload}

    def _as(self) -> tuple[str, ...]:
        return ("setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups", "--") if os.geteuid() == 0 else ()


def program(name: str) -> Path | None:
    """Debian keeps PostgreSQL's programs by version."""
    return find_program(name, *sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True))
