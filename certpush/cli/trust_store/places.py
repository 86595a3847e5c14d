"""What the stores have in common: where to look, what the root is called there, and what is reported."""

from __future__ import annotations

import contextlib
import enum
import os
import pwd
import shutil
from collections.abc import Mapping
from pathlib import Path

from cryptography import x509

from certpush.kit.command import SEARCH_PATH
from certpush.model import fingerprint
from certpush.records import record


class Deed(enum.StrEnum):
    """What was done at one place."""

    INSTALLED = "installed"
    THERE = "already there"
    REMOVED = "removed"
    ABSENT = "was not there"
    LEFT = "left alone"
    NEEDS_ROOT = "needs root"
    FAILED = "failed"


@record(frozen=True, slots=True)
class Report:
    """One place, what was done there, and what a person should know or do."""

    place: str
    deed: Deed
    detail: str = ""
    hint: str = ""

    @property
    def fine(self) -> bool:
        """Whether the place is now as it was asked for."""
        return self.deed not in (Deed.NEEDS_ROOT, Deed.FAILED)


@record(frozen=True, slots=True)
class Machine:
    """Where the system's files and the user's home are, and where programs are looked for.

    ``account`` owns the home, where that is not who runs certpush: programs that touch it run as that user.
    """

    root: Path
    home: Path
    search_path: str = SEARCH_PATH
    account: str | None = None

    @classmethod
    def here(cls, environ: Mapping[str, str]) -> Machine:
        """This machine, and the user who runs certpush; under sudo the one who called it, for the browsers are theirs."""
        behind = _behind_sudo(environ) if os.geteuid() == 0 else None
        if behind is not None:
            return cls(Path("/"), Path(behind.pw_dir), account=behind.pw_name)
        return cls(Path("/"), Path(environ.get("HOME") or Path.home()))

    def program(self, name: str) -> str | None:
        """The full path of a program, or None where it is not installed."""
        return shutil.which(name, path=self.search_path)


def _behind_sudo(environ: Mapping[str, str]) -> pwd.struct_passwd | None:
    for name in (environ.get("SUDO_USER"), environ.get("DOAS_USER")):
        with contextlib.suppress(KeyError, ValueError):  # an account that is gone; a NUL in its name
            if name and pwd.getpwnam(name).pw_uid != 0:
                return pwd.getpwnam(name)
    return None


def own_name(root: x509.Certificate) -> str:
    """What certpush calls this root in every store: from its fingerprint, so that it is never mistaken for another's."""
    return name_for(fingerprint(root))


def name_for(sha256: str) -> str:
    """What certpush calls the root with this fingerprint."""
    return f"certpush-{sha256[:16]}"
