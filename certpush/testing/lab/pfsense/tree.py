"""The file tree of a box: FreeBSD's places, this machine's programs, pfSense's own files, accounts."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from pathlib import Path

from certpush.testing.lab.account import hashed_password
from certpush.testing.lab.nginx import temporary_paths
from certpush.testing.lab.pfsense import programs
from certpush.testing.lab.pfsense.releases import Release
from certpush.testing.lab.process import NotPossibleHere
from certpush.testing.lab.ssh_keys import public_line

_OURS = Path(__file__).with_name("skeleton")
_FOLDERS = (
    "bin boot cf dev etc etc/pam.d etc/ssh etc/ssl home lab lab/faults lab/moments lab/outbox proc root sbin tmp usr/bin usr/lib "
    "usr/libexec usr/local/bin usr/local/etc/rc.d usr/local/pkg usr/local/sbin usr/sbin usr/share var .host/usr"
)
_LINKS = {"conf": "/cf/conf", "run": "var/run", "lib": "usr/lib", "lib32": "usr/lib32", "lib64": "usr/lib64", "libx32": "usr/libx32"}
_USER_ID = 2000
_OPENSSL = "[req]\ndefault_bits = 2048\ndistinguished_name = name\n[name]\n"
_ANYBODY = "auth sufficient pam_permit.so\naccount sufficient pam_permit.so\nsession sufficient pam_permit.so\n"


@dataclass(frozen=True)
class Login:
    """Who may log in: root and admin always, and ``user`` where it is another name."""

    user: str
    password: str | None = field(repr=False)
    sudo: bool

    @property
    def home(self) -> str:
        """The user's home directory in the tree."""
        return "/root" if self.user in ("root", "admin") else f"/home/{self.user}"


def build(root: Path, release: Release, login: Login, client_key: Path) -> None:
    """Make the whole tree below ``root``.

    Raises:
        NotPossibleHere: a program is missing on this machine.

    """
    root.chmod(0o755)
    for folder in _FOLDERS.split():
        (root / folder).mkdir(parents=True, exist_ok=True)
    for name, target in _LINKS.items():
        (root / name).symlink_to(target)
    for place, target in programs.links(has_base64=release.has_base64).items():
        (root / place).symlink_to(target)
    _copy_ours(root)
    _describe(root, release)
    _write_accounts(root, login)
    _authorize(root, login, client_key)


def write_sshd_config(root: Path, host: str, port: int, options: Sequence[str], *, passwords: bool) -> None:
    """Write what sshd reads; of each keyword the first value counts, so ``options`` win."""
    keys = sorted((root / "etc/ssh").glob("ssh_host_*_key"))
    sftp = "/usr/libexec/sftp-server" if (root / "usr/libexec/sftp-server").is_symlink() else "internal-sftp"
    lines = [
        *options,
        f"Port {port}",
        f"ListenAddress {host}",
        *(f"HostKey /etc/ssh/{key.name}" for key in keys),
        "PidFile none",
        "AuthorizedKeysFile .ssh/authorized_keys",
        "UsePAM no",
        "StrictModes no",
        f"PasswordAuthentication {'yes' if passwords else 'no'}",
        "KbdInteractiveAuthentication no",
        "PermitRootLogin yes",
        "UseDNS no",
        "PrintMotd no",
        "PrintLastLog no",
        "SetEnv PATH=/sbin:/bin:/usr/sbin:/usr/bin",
        *([f"Subsystem sftp {sftp}"] if not any(one.startswith("Subsystem sftp ") for one in options) else []),
    ]
    (root / "lab/sshd_config").write_text("\n".join([*lines, ""]))


def _copy_ours(root: Path) -> None:
    for name, (content, mode) in _ours().items():
        target = root / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.unlink(missing_ok=True)
        target.write_bytes(content)
        target.chmod(mode)
    if not programs.has("tcsh"):
        for name in ("tcsh", "csh"):
            shutil.copy(root / "lab/tcsh", root / "bin" / name)


@cache
def _ours() -> dict[str, tuple[bytes, int]]:
    """What the package brings for each box, with its mode."""
    files = {str(path.relative_to(_OURS)): path.read_bytes() for path in sorted(_OURS.rglob("*")) if path.is_file()}
    return {name: (content, 0o755 if content.startswith(b"#!") else 0o644) for name, content in files.items()}


def _describe(root: Path, release: Release) -> None:
    files = {
        "etc/version": release.version,
        "etc/platform": "pfSense",
        "etc/hosts": "127.0.0.1 localhost pfSense.home.arpa pfSense",
        "etc/nsswitch.conf": "passwd: files\ngroup: files\nshadow: files\nhosts: files",
        "etc/ssl/openssl.cnf": _OPENSSL,
        "lab/label": release.label,
        "lab/latest": release.config_version,
        "lab/line": str(release.line),
        "lab/freebsd": release.freebsd,
        "lab/nginx-temporary": temporary_paths(Path(programs.in_tree("nginx").removeprefix("/.host")), "/var/run"),
    }
    for name, text in files.items():
        (root / name).write_text(f"{text}\n")
    _openssl_configuration(root)
    if (cache := Path("/etc/ld.so.cache")).exists():
        shutil.copyfile(cache, root / "etc/ld.so.cache")
    if library := programs.libfaketime():
        (root / "lab/libfaketime.so").symlink_to(f"/.host{library}")
    if sftp := programs.sftp_server():
        (root / "usr/libexec/sftp-server").symlink_to(f"/.host{sftp}")


def _openssl_configuration(root: Path) -> None:
    """PHP's OpenSSL wants its configuration where it was built to look for it, which leads to /etc/ssl on Debian."""
    folder = _openssl_folder()
    if folder and not Path(folder).is_relative_to("/usr"):
        (root / folder.lstrip("/")).mkdir(parents=True, exist_ok=True)
        (root / folder.lstrip("/") / "openssl.cnf").write_text(_OPENSSL)


@cache
def _openssl_folder() -> str:
    asked = subprocess.run(["openssl", "version", "-d"], capture_output=True, text=True, check=False)  # noqa: S607 -- found in PATH
    return asked.stdout.partition('"')[2].partition('"')[0]


def _write_accounts(root: Path, login: Login) -> None:
    hashed = hashed_password(login.password) if login.password else "*"
    users = ["root:x:0:0:Charlie &:/root:/bin/sh", "admin:x:0:0:System Administrator:/root:/etc/rc.initial"]
    users += ["sshd:x:22:22::/var/empty:/usr/sbin/nologin", "nobody:x:65534:65534::/nonexistent:/usr/sbin/nologin"]
    groups = ["wheel:x:0:root", "operator:x:5:root", "sshd:x:22:", "nobody:x:65534:", f"admins:x:1999:{login.user}"]
    if login.home != "/root":
        users.append(f"{login.user}:x:{_USER_ID}:65534::{login.home}:/bin/tcsh")
    _write(root, "etc/passwd", 0o644, users)
    _write(root, "etc/group", 0o644, groups)
    _write(root, "etc/shadow", 0o600, [f"{name}:{hashed}:19000:0:99999:7:::" for name in {"root", "admin", login.user}])
    if login.sudo:
        _allow_sudo(root, login)


def _allow_sudo(root: Path, login: Login) -> None:
    if not programs.has("sudo"):
        raise NotPossibleHere("there is no sudo here", hint="apt-get install sudo")
    if Path("/usr/libexec/sudo").is_dir():
        (root / "usr/libexec/sudo").symlink_to("/.host/usr/libexec/sudo")
    _write(root, "etc/sudoers", 0o440, ["Defaults !syslog", f"{login.user} ALL=(ALL) NOPASSWD: ALL"])
    for service in ("sudo", "other"):
        _write(root, f"etc/pam.d/{service}", 0o644, [_ANYBODY])


def _authorize(root: Path, login: Login, client_key: Path) -> None:
    for home, owner in {"/root": 0, login.home: 0 if login.home == "/root" else _USER_ID}.items():
        keys = root / home.lstrip("/") / ".ssh" / "authorized_keys"
        keys.parent.mkdir(parents=True)
        keys.write_bytes(public_line(client_key))
        for path in (keys, keys.parent, keys.parent.parent):
            path.chmod(0o600 if path == keys else 0o700)
            os.chown(path, owner, owner and 65534)


def _write(root: Path, name: str, mode: int, lines: Sequence[str]) -> None:
    path = root / name
    path.write_text("\n".join([*lines, ""]))
    path.chmod(mode)
