"""A file that is locked for as long as the process lives that wrote it: flock ends with its process, so it is never stale."""

from __future__ import annotations

import fcntl
import os
import stat
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from certpush.kit.files import Directory, beside

_PLAIN = os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(slots=True)
class HeldFile:
    """Belongs to the first process that writes it, until that one ends."""

    path: Path
    mode: int
    _held: int = -1

    def put(self, text: bytes) -> bool:
        """Put this in the place of what was there; False, and nothing done, where another living process has it.

        Raises:
            SafetyRefusal: something that others planted is in the way.
            OSError: the directory is not there, full, or not ours to write to.

        """
        if not self._is_mine() and is_held(self.path):
            return False
        try:
            self._replace(text)
        except OSError:  # nothing can be made in its directory, but what is there may still take another text
            if not self._overwrite(text):
                raise
        return True

    def close(self) -> None:
        """Let go of it."""
        if self._held >= 0:
            os.close(self._held)
            self._held = -1

    def _is_mine(self) -> bool:
        try:
            return self._held >= 0 and os.path.samestat(os.fstat(self._held), self.path.lstat())
        except OSError:  # somebody removed it
            return False

    def _replace(self, text: bytes) -> None:
        """Lock a whole new file, and only then give it the name: nobody ever sees it without its lock."""
        fresh = beside(self.path.name)
        with Directory.open(str(self.path.parent)) as directory:
            directory.refuse_odd(self.path.name)
            directory.remove(fresh)
            directory.write_new(fresh, text, mode=self.mode)
            held = _opened_to_hold(self.path.with_name(fresh))
            try:
                directory.rename(fresh, directory, self.path.name)
            except BaseException:
                os.close(held)
                raise
        self.close()
        self._held = held

    def _overwrite(self, text: bytes) -> bool:
        """Write over our own file, and hold it; it is not cut to the new length, for on a full disk that would give away what it has."""
        try:
            opened = os.open(self.path, os.O_WRONLY | _PLAIN)
        except OSError:
            return False
        try:
            about = os.fstat(opened)
            if not stat.S_ISREG(about.st_mode) or about.st_nlink != 1 or about.st_uid != os.geteuid():
                return False
            os.pwrite(opened, text.ljust(about.st_size), 0)
            if not self._is_mine():
                self.close()
                self._held = _opened_to_hold(self.path)
        except OSError:
            return False
        finally:
            os.close(opened)
        return True


def is_held(path: Path) -> bool | None:
    """Whether the process lives that wrote it; None where nobody can tell, as on a network file system without locks."""
    while True:
        try:
            looked_at = os.open(path, os.O_RDONLY | _PLAIN)
        except OSError:
            return None
        try:
            fcntl.flock(looked_at, fcntl.LOCK_SH | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(looked_at), path.lstat()):
                return False
        except BlockingIOError:
            return True
        except OSError:
            return None
        finally:
            os.close(looked_at)


def _opened_to_hold(path: Path) -> int:
    """Open a file and lock it, where its file system can; for reading, or its disk could not be remounted read-only meanwhile."""
    descriptor = os.open(path, os.O_RDONLY | _PLAIN)
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    return descriptor
