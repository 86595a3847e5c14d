"""What the cases of the file and ssh targets share: files to look at, a reload that can be broken, somebody else's files."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from certpush.model import CertificateBundle


def write_pair(bundle: CertificateBundle, fullchain: Path, key: Path) -> None:
    """Install a pair by hand, as it was before certpush came."""
    fullchain.write_bytes(bundle.fullchain_pem)
    key.touch(mode=0o600)
    key.write_bytes(bundle.key.reveal_pem())


def everything_in(folder: Path) -> dict[str, tuple[str, ...]]:
    """Every file, directory and link below, with mode, owner and content; our private directory counts by what is in it."""
    return {str(path.relative_to(folder)): _state(path) for path in sorted(folder.rglob("*")) if path.name != ".certpush"}


def _state(path: Path) -> tuple[str, ...]:
    found = path.lstat()
    rights = (oct(found.st_mode), str(found.st_uid), str(found.st_gid))
    if path.is_symlink():
        return (*rights, f"-> {path.readlink()}")
    return (*rights, path.read_bytes().hex() if path.is_file() else "")


def plant(folder: Path, bundle: CertificateBundle) -> Callable[[], bool]:
    """Leave a pair in the same directory that certpush knows nothing of."""
    theirs = [folder / "theirs.crt", folder / "theirs.key"]
    write_pair(bundle, *theirs)
    before = [path.read_bytes() for path in theirs]
    return lambda: [path.read_bytes() for path in theirs if path.exists()] == before


class Reload:
    """A reload command that can be made to fail, as a server that finds a mistake in its configuration."""

    def __init__(self, folder: Path, command: Sequence[str]) -> None:
        self._broken = folder / "broken"
        self._script = folder / "reload.sh"
        self._script.write_text(f"#!/bin/sh\n[ ! -e {shlex.quote(str(self._broken))} ] || exit 1\n{shlex.join(command)}\n")
        self._script.chmod(0o755)
        self.command = (str(self._script),)

    @contextlib.contextmanager
    def broken(self) -> Iterator[None]:
        """While inside, it fails."""
        self._broken.touch()
        yield
        self._broken.unlink()
