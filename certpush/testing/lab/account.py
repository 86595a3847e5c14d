"""An account that exists for one server only: own passwd, group, shadow and sudoers in a mount namespace."""

from __future__ import annotations

import ctypes
import ctypes.util
import grp
import os
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self

from certpush.testing.lab.process import NotPossibleHere, find_program

_UNPRIVILEGED_ID = 54321  # above what Debian hands out by itself, below the container ranges


@dataclass(frozen=True)
class Account:
    """A user for a lab server, and where its replaced system files lie."""

    name: str
    password: str | None = field(repr=False)
    home: Path
    files: Path

    @classmethod
    def make(cls, name: str, password: str | None, directory: Path, *, sudo: bool) -> Self:
        """Prepare the files that make the account, whether or not the machine knows one of that name.

        Raises:
            LabError: we are not root, or the machine allows no mount namespace.

        """
        if os.geteuid() != 0:
            raise NotPossibleHere(f"only root can start a server for another account ({name})")
        _check_namespace()
        account = cls(name, password, directory / "home", directory / "etc")
        account.home.mkdir(mode=0o700)
        os.chown(account.home, _UNPRIVILEGED_ID, _UNPRIVILEGED_ID)
        account.files.mkdir()
        account._write_files(sudo=sudo)
        return account

    def _write_files(self, *, sudo: bool) -> None:
        hashed = hashed_password(self.password) if self.password else "*"
        number = _UNPRIVILEGED_ID
        self._replace("passwd", 0o644, f"{self.name}:x:{number}:{number}::{self.home}:/bin/sh")
        self._replace("group", 0o644, f"{self.name}:x:{number}:")
        self._replace("shadow", 0o640, f"{self.name}:{hashed}:19000:0:99999:7:::")
        if sudo:
            if find_program("sudo") is None:
                raise NotPossibleHere("there is no sudo here", hint="apt-get install sudo")
            self._write("sudoers", 0o440, f"Defaults !syslog\n{self.name} ALL=(ALL) NOPASSWD: ALL\n")

    def _replace(self, name: str, mode: int, line: str) -> None:
        own = line.partition(":")[0] + ":"
        kept = [old for old in Path("/etc", name).read_text().splitlines() if not old.startswith(own)]
        self._write(name, mode, "\n".join([*kept, line, ""]))

    def _write(self, name: str, mode: int, content: str) -> None:
        path = self.files / name
        path.write_text(content)
        path.chmod(mode)
        if name == "shadow":
            os.chown(path, 0, grp.getgrnam("shadow").gr_gid)


def in_namespace(account: Account, command: Sequence[str]) -> list[str]:
    """Wrap a command so that it and all it starts see the account; the machine's files stay as they are."""
    script = 'for file in "$1"/*; do mount --bind "$file" "/etc/${file##*/}" || exit 1; done; shift; exec "$@"'
    return [str(_unshare()), "--mount", "--", "/bin/sh", "-c", script, "lab", str(account.files), *command]


def _unshare() -> Path:
    found = find_program("unshare")
    if found is None:
        raise NotPossibleHere("there is no unshare here", hint="apt-get install util-linux")
    return found


def _check_namespace() -> None:
    tried = subprocess.run(  # noqa: S603 -- a constant command
        [str(_unshare()), "--mount", "--", "/bin/sh", "-c", "mount --bind /etc/passwd /etc/passwd"],
        capture_output=True,
        check=False,
    )
    if tried.returncode:
        raise NotPossibleHere(
            "this machine allows no mount namespace, so no account can be made for the lab",
            hint="run with CAP_SYS_ADMIN (docker run --cap-add SYS_ADMIN)",
        )


def hashed_password(password: str) -> str:
    """Give what /etc/shadow has for a password."""
    library = ctypes.CDLL(ctypes.util.find_library("crypt") or "libcrypt.so.1")
    library.crypt.restype = ctypes.c_char_p
    hashed = library.crypt(password.encode(), b"$6$" + os.urandom(6).hex().encode())
    return str(hashed.decode())
