"""The state directory: made private, and refused when it is not."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from certpush.errors import StateError
from certpush.kit.files import Directory

RESTORING = ".restoring"
"""Stands in the state directory while a backup takes the place of the state."""


def open_state_directory(path: Path) -> Path:
    """Make ``path`` (0700) where it is missing, check that only we can change it, and give it as an absolute path.

    Raises:
        StateError: it cannot be made, is a link, belongs to somebody else, or others may write to it.
        SafetyRefusal: others could put another directory in its place.

    """
    path = path.absolute()
    try:
        _make(path)
        status = path.lstat()
    except OSError as error:
        raise StateError(
            f"the state directory {path} cannot be made: {error.strerror}",
            hint="name another one as [state] directory, or run as the user that owns it",
        ) from error
    if not stat.S_ISDIR(status.st_mode):
        raise StateError(f"the state directory {path} is no directory", hint="remove what is there, or name another one")
    if status.st_uid != os.geteuid():
        raise StateError(f"the state directory {path} belongs to another user", hint=f"run as that user, or chown -R {os.geteuid()} {path}")
    if stat.S_IMODE(status.st_mode) & 0o022:
        raise StateError(f"others may write to the state directory {path}", hint=f"chmod 700 {path}")
    Directory.open(str(path)).close()  # walks to it, and refuses a way that others could turn elsewhere
    return path


def refuse_half_restored(path: Path) -> None:
    """Refuse a state whose restore was killed half-way: what lies there is of two moments.

    Raises:
        StateError: it is one.

    """
    if (path / RESTORING).exists():
        raise StateError(
            f"a restore of the state in {path} was interrupted",
            hint="run it again: certpush state restore FILE --replace",
        )


def _make(path: Path) -> None:
    """Make it and what is missing above it; mkdir's own ``parents`` would leave those open to others under a loose umask."""
    for place in reversed([path, *path.parents]):
        if not place.exists():
            place.mkdir(mode=0o700, exist_ok=True)
