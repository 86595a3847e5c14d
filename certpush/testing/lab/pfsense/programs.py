"""Which of this machine's programs stand for those of FreeBSD, and where they lie there; no others are in the tree."""

from __future__ import annotations

import os
import subprocess
from functools import cache
from pathlib import Path

from certpush.testing.lab.process import NotPossibleHere, find_program

_BY_FOLDER = {
    "bin": "[ cat chmod cp dd df echo expr hostname kill ln ls mkdir pgrep pkill ps pwd realpath rm rmdir sleep sync test timeout",
    "usr/bin": (
        "awk basename cmp comm cut diff dirname du env false find fold grep head id install join mkfifo mktemp nice nl nohup od openssl "
        "paste pgrep pkill printenv printf readlink seq sort split tail tee touch tr true tty uniq uptime wc which whoami xargs"
    ),
    "usr/sbin": "chown chroot",
}
# What a script may call by another name, or from another folder, than Debian has it.
_RENAMED = {"bin/sh": "dash", "usr/bin/chgrp": "chgrp", "usr/sbin/chgrp": "chgrp", "usr/sbin/sshd": "sshd", "usr/local/sbin/nginx": "nginx"}
_OPTIONAL = {"bin/tcsh": "tcsh", "bin/csh": "tcsh", "usr/local/bin/sudo": "sudo", "usr/bin/yes": "yes"}
_NEEDED_BY_SHIMS = ("flock", "sha256sum", "stat", "sync", "date", "mv", "sed", "base64", "setsid", "perl")
_BROUGHT_BY = {
    "sshd": "openssh-server",
    "nginx": "nginx-light",
    "php": "php-cli php-xml",
    "sudo": "sudo",
    "openssl": "openssl",
    "ps": "procps",
    "pgrep": "procps",
    "pkill": "procps",
}


def links(*, has_base64: bool) -> dict[str, str]:
    """Give the path in the tree of each program, and the path below /.host that it leads to.

    Raises:
        NotPossibleHere: a program is missing on this machine.

    """
    wanted = {f"{folder}/{name}": name for folder, names in _BY_FOLDER.items() for name in names.split()} | _RENAMED
    if has_base64:
        wanted["usr/bin/base64"] = "base64"
    found = {place: in_tree(name) for place, name in wanted.items()}
    found["lab/php"] = _php()
    for name in _NEEDED_BY_SHIMS:
        found.setdefault(f".host/{name}", in_tree(name))
    return {place: target for place, target in found.items() if not place.startswith(".host/")} | _optional()


def in_tree(name: str) -> str:
    """Where a program of this machine lies in the tree.

    Raises:
        NotPossibleHere: it is missing, or lies outside of /usr.

    """
    real = _real_place(name, os.environ.get("PATH", ""))
    if real is None:
        raise NotPossibleHere(f"there is no {name} here", hint=f"apt-get install {_BROUGHT_BY.get(name, name)}")
    if not real.is_relative_to("/usr"):
        raise NotPossibleHere(f"{name} lies at {real}, and the tree has only what is below /usr")
    return f"/.host{real}"


def has(name: str) -> bool:
    """Whether this machine has the program, at a place that the tree can show."""
    try:
        in_tree(name)
    except NotPossibleHere:
        return False
    return True


def sftp_server() -> Path | None:
    """Find OpenSSH's SFTP server; Debian and others keep it in different folders."""
    places = (Path("/usr/lib/openssh/sftp-server"), Path("/usr/libexec/openssh/sftp-server"), Path("/usr/lib/ssh/sftp-server"))
    return next((place for place in places if place.exists()), None)


def libfaketime() -> Path | None:
    """Find what gives a program a wrong clock; Debian's package is faketime."""
    return next(iter(Path("/usr/lib").glob("*/faketime/libfaketime.so.1")), None)


@cache
def _real_place(name: str, _path: str) -> Path | None:
    """Where it lies; of eighty programs this is asked for each box, and the machine stays what it is while PATH does."""
    found = find_program(name)
    return found.resolve() if found else None


@cache
def _php() -> str:
    php = in_tree("php")
    asked = 'exit(function_exists("xml_parser_create") && function_exists("posix_kill") && function_exists("openssl_csr_new") ? 0 : 1);'
    if subprocess.run([php.removeprefix("/.host"), "-r", asked], check=False, capture_output=True).returncode:  # noqa: S603 -- found above
        raise NotPossibleHere("the PHP here lacks xml, posix or openssl", hint="apt-get install php-cli php-xml")
    return php


def _optional() -> dict[str, str]:
    return {place: in_tree(name) for place, name in _OPTIONAL.items() if has(name)}
