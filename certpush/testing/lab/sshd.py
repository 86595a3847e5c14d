"""A real OpenSSH server on loopback, with host keys, a client key and, where asked for, an account of its own."""

from __future__ import annotations

import contextlib
import os
import pwd
import signal
from collections.abc import Sequence
from pathlib import Path
from typing import Self

from certpush.testing.lab.account import Account, in_namespace
from certpush.testing.lab.process import NotPossibleHere, ServerProcess, answers, descendants, free_port
from certpush.testing.lab.ssh_keys import fingerprint, public_line, write_key
from certpush.testing.lab.tools import find_sshd
from certpush.testing.server import HousedServer

_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_SUDO_SHIM = """#!/bin/sh
# Stands in for sudo where the user is already the one who may: takes the options, runs the command.
while [ $# -gt 0 ]; do
  case "$1" in
    -n|-H|-S|-k) shift ;;
    -u) shift 2 ;;
    --) shift; break ;;
    -v|-l) exit 0 ;;
    -*) echo "sudo: unknown option $1" >&2; exit 1 ;;
    *) break ;;
  esac
done
exec "$@"
"""


class Sshd(HousedServer):
    """A running sshd; use it in ``with``, or call ``start`` and ``close``.

    Started by root, root may log in with ``client_key_path``; with ``user`` an unprivileged
    account of that name may, too: it exists for this sshd alone (a mount namespace), with
    ``password`` if one is given. Started by anybody else, that user may log in. ``options`` are further lines of sshd_config
    (``["KexAlgorithms diffie-hellman-group1-sha1"]``), ``host_keys`` the key types to offer.
    ``sudo`` lets the account run anything as root without a password.
    """

    host = "127.0.0.1"

    def __init__(
        self,
        *,
        user: str | None = None,
        password: str | None = None,
        sudo: bool = False,
        options: Sequence[str] = (),
        host_keys: Sequence[str] = ("ed25519", "ecdsa"),
    ) -> None:
        super().__init__("sshd")
        self.log_path = self.directory / "sshd.log"
        self.client_key_path = self.directory / "client_ed25519"
        self.port = 0
        self._process: ServerProcess | None = None
        self._options = list(options)
        self._host_key_types = tuple(host_keys)
        own_name = _own_name()
        self._account = Account.make(user, password, self.directory, sudo=sudo) if user and user != own_name else None
        self.user = user or own_name
        self._sudo = sudo
        self._write_client_key()
        self.make_host_keys()

    # --- what clients ask for --------------------------------------------------------------

    @property
    def home(self) -> Path:
        """The home directory of ``user``."""
        return self._account.home if self._account else Path(pwd.getpwnam(self.user).pw_dir)

    @property
    def host_key_fingerprint(self) -> str:
        """The first host key's ``SHA256:...``, as ssh-keygen prints it."""
        return self.host_key_fingerprints[0]

    @property
    def host_key_fingerprints(self) -> tuple[str, ...]:
        """All host keys' ``SHA256:...``."""
        return tuple(fingerprint(line) for line in self._public_host_keys())

    @property
    def known_hosts_line(self) -> str:
        """The line of known_hosts for the first host key."""
        return self.known_hosts_lines[0]

    @property
    def known_hosts_lines(self) -> tuple[str, ...]:
        """The lines of known_hosts for all host keys."""
        return tuple(f"[{self.host}]:{self.port} {line}" for line in self._public_host_keys())

    @property
    def running(self) -> bool:
        """Whether sshd runs now."""
        return self._process is not None and self._process.running

    def log(self) -> str:
        """What sshd has logged so far."""
        return self.log_path.read_text(errors="replace")

    # --- life ------------------------------------------------------------------------------

    def start(self) -> Self:
        """Start it and wait until it listens.

        Raises:
            LabError: there is no sshd here, or it did not come up.

        """
        binary = find_sshd()
        if binary is None:
            raise NotPossibleHere("there is no sshd here", hint="apt-get install openssh-server")
        self._refuse_nologin()
        self.port = self.port or free_port()
        config = self.directory / "sshd_config"
        config.write_text("\n".join([*self._configuration(), ""]))
        if os.geteuid() == 0:
            # sshd of root refuses to start without its (empty) privilege separation directory.
            Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)
        command = [str(binary), "-D", "-e", "-f", str(config)]
        if self._account:
            command = in_namespace(self._account, command)
        environment = {"PATH": _PATH}
        self._process = ServerProcess(command, log_path=self.log_path, environment=environment, cwd=self.directory)
        self._process.wait_until_ready(lambda: answers(self.host, self.port))
        return self

    def stop(self) -> None:
        """End it with all its sessions, as a power failure would; address and keys stay."""
        if self._process:
            sessions = descendants(self._process.pid)  # they outlive the server that took them in
            self._process.stop()
            for pid in sessions:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            self._process = None

    def restart(self, *, new_host_key: bool = False) -> None:
        """End it and start it again at the same address, with other host keys where asked for."""
        self.stop()
        if new_host_key:
            self.make_host_keys()
        self.start()

    def make_host_keys(self) -> None:
        """Write new host keys; they count from the next start."""
        for kind in self._host_key_types:
            write_key(self._host_key_path(kind), kind)
            self._host_key_path(kind).with_suffix(".pub").write_bytes(public_line(self._host_key_path(kind)))

    # --- inside ----------------------------------------------------------------------------

    def _configuration(self) -> list[str]:
        # The first value of a keyword counts, so what the caller asks for stands first.
        return [
            *self._options,
            f"Port {self.port}",
            f"ListenAddress {self.host}",
            *(f"HostKey {self._host_key_path(kind)}" for kind in self._host_key_types),
            f"PidFile {self.directory / 'sshd.pid'}",
            f"AuthorizedKeysFile {self.directory / 'authorized_keys'}",
            "UsePAM no",
            "StrictModes no",
            f"PasswordAuthentication {'yes' if self._account and self._account.password else 'no'}",
            "KbdInteractiveAuthentication no",
            "PermitRootLogin prohibit-password",
            "UseDNS no",
            "PrintMotd no",
            "PrintLastLog no",
            "LogLevel VERBOSE",
            # Of this keyword a second one is an error.
            *(["Subsystem sftp internal-sftp"] if not any(one.startswith("Subsystem sftp ") for one in self._options) else []),
            *([] if self._account else [self._environment()]),
        ]

    def _refuse_nologin(self) -> None:
        shell = "" if self._account else pwd.getpwnam(self.user).pw_shell
        if Path(shell).name in ("nologin", "false"):
            raise NotPossibleHere(f"nobody can log in as {self.user}: its shell is {shell}")

    def _environment(self) -> str:
        """What a login has beside the usual: a sudo where it was asked for, and no start-up file of whoever runs this.

        bash reads ``.bashrc`` for a command over SSH unless it believes to be inside of another
        shell, and what stands in there may take longer than all that is done here.
        """
        return " ".join(["SetEnv SHLVL=2", *([f"PATH={self._sudo_shim()}:{_PATH}"] if self._sudo else [])])

    def _sudo_shim(self) -> Path:
        shim = self.directory / "bin" / "sudo"
        shim.parent.mkdir(exist_ok=True)
        shim.write_text(_SUDO_SHIM)
        shim.chmod(0o755)
        return shim.parent

    def _write_client_key(self) -> None:
        write_key(self.client_key_path, "ed25519")
        authorized = self.directory / "authorized_keys"
        authorized.write_bytes(public_line(self.client_key_path))
        if self._account:
            # sshd reads authorized_keys with the account's rights; the private keys stay 0600.
            self.directory.chmod(0o711)
            authorized.chmod(0o644)

    def _host_key_path(self, kind: str) -> Path:
        return self.directory / f"host_{kind}"

    def _public_host_keys(self) -> list[str]:
        return [self._host_key_path(kind).with_suffix(".pub").read_text().strip() for kind in self._host_key_types]


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        raise NotPossibleHere(f"nobody can log in as {os.geteuid()}: there is no such account") from None
