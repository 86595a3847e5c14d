"""Durable, atomic file writes that no link planted by others can lead astray.

Everything happens relative to a directory that was walked to and is held open, so that a path
swapped afterwards changes nothing. A rename is only believed after the file, and then the
directory, reached the disk (Pillai et al., OSDI 2014: rename without fsync is the classic).
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import stat
from pathlib import PurePosixPath
from types import TracebackType
from typing import Self

from certpush.errors import SafetyRefusal
from certpush.kit.escaping import escaped
from certpush.kit.walking import DIRECTORY, walk

FILE_LIMIT = 1024 * 1024
"""Nothing that belongs to a certificate is larger; other files are not read."""
ABSENT = ""
LINK = "link:"
OTHER = "other"

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC  # a FIFO must not make us wait
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC


class Directory:
    """A directory held open; every name given to it is one of its own entries."""

    def __init__(self, path: str, fd: int) -> None:
        self.path = path
        self._fd = fd

    @classmethod
    def open(cls, path: str) -> Self:
        """Walk to ``path``, which is absolute.

        Raises:
            SafetyRefusal: a link on the way belongs to another user, or everybody may write to a directory on the way.
            OSError: it is not there, no directory, or not ours to enter.

        """
        return cls(path, walk(path))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Let go of the directory; closing twice is harmless."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def look(self, name: str) -> os.stat_result | None:
        """The entry itself, links not followed; None when there is none."""
        try:
            return os.stat(name, dir_fd=self._fd, follow_symlinks=False)
        except FileNotFoundError:
            return None

    def state(self, name: str) -> str:
        """What an entry holds, comparable: its SHA-256, ``link:target``, ``other``, or nothing where there is none."""
        found = self.look(name)
        if found is None:
            return ABSENT
        if stat.S_ISLNK(found.st_mode):
            return LINK + os.readlink(name, dir_fd=self._fd)
        return hashlib.sha256(self.read(name)).hexdigest() if stat.S_ISREG(found.st_mode) else OTHER

    def read(self, name: str, *, limit: int = FILE_LIMIT) -> bytes:
        """Read a plain file of at most ``limit`` bytes, 1 MiB unless said otherwise.

        Raises:
            SafetyRefusal: it is a link, no plain file, or larger.

        """
        try:
            fd = os.open(name, _READ, dir_fd=self._fd)
        except OSError as error:
            if (found := self.look(name)) and stat.S_ISLNK(found.st_mode):
                raise self._unsafe(name, "is a symbolic link") from error
            raise
        with os.fdopen(fd, "rb") as file:
            about = os.fstat(fd)
            if not stat.S_ISREG(about.st_mode):
                raise self._unsafe(name, "is not a plain file")
            if about.st_size > limit:
                raise self._unsafe(name, f"is larger than {limit // FILE_LIMIT} MiB, so it is no file of ours")
            return file.read(limit)

    def refuse_odd(self, name: str) -> None:
        """Refuse an entry that is in the way of a file of ours: anything but a plain file with this one name.

        Raises:
            SafetyRefusal: it is a link, has a second name elsewhere, or is no file.

        """
        found = self.look(name)
        if found is None:
            return
        if stat.S_ISLNK(found.st_mode):
            raise self._unsafe(name, "is a symbolic link", "name the file that it points to, or remove the link")
        if not stat.S_ISREG(found.st_mode):
            raise self._unsafe(name, "is not a plain file")
        if found.st_nlink != 1:
            raise self._unsafe(name, f"has {found.st_nlink} names (hard links)", "give certpush a file of its own: remove the other names")

    def write_new(self, name: str, text: bytes, *, mode: int = 0o600, uid: int = -1, gid: int = -1) -> None:
        """Create a file, readable by nobody else until its owner and then its mode are set; durable afterwards.

        Raises:
            FileExistsError: the name is taken, be it by a link.

        """
        fd = os.open(name, _CREATE, 0o600, dir_fd=self._fd)
        try:
            with os.fdopen(fd, "wb") as file:
                file.write(text)
                file.flush()
                if (uid, gid) != (-1, -1):
                    os.fchown(fd, uid, gid)
                os.fchmod(fd, mode)
                os.fsync(fd)
        except BaseException:
            self.remove(name)
            raise
        self.sync()

    def replace(self, name: str, text: bytes, *, mode: int = 0o600, uid: int = -1, gid: int = -1) -> None:
        """Put a whole file in the place of ``name``, or leave what is there: nobody ever sees a part of it.

        A part that a killed process left is removed by the next attempt, for its name is always the same.
        """
        fresh = beside(name)
        self.remove(fresh)
        self.write_new(fresh, text, mode=mode, uid=uid, gid=gid)
        try:
            self.rename(fresh, self, name)
        except BaseException:
            self.remove(fresh)
            raise

    def write_link(self, name: str, target: str) -> None:
        """Create a symbolic link, durably."""
        os.symlink(target, name, dir_fd=self._fd)
        self.sync()

    def rename(self, name: str, to: Directory, new_name: str) -> None:
        """Give an entry another name in one step, replacing what had it; durable afterwards."""
        os.rename(name, new_name, src_dir_fd=self._fd, dst_dir_fd=to._fd)
        to.sync()
        if to is not self:
            self.sync()

    def remove(self, name: str) -> None:
        """Remove a file or link; none there is fine."""
        try:
            os.unlink(name, dir_fd=self._fd)
        except FileNotFoundError:
            return
        self.sync()

    def names(self) -> list[str]:
        """All entries, sorted."""
        return sorted(os.listdir(self._fd))  # noqa: PTH208 - pathlib knows no open directories

    def make(self, name: str, *, mode: int) -> None:
        """Make a directory in this one; one that is there already is left as it is."""
        try:
            os.mkdir(name, 0o700, dir_fd=self._fd)
        except FileExistsError:
            return
        with self.enter(name) as made:
            os.fchmod(made._fd, mode)  # noqa: SLF001 - one of us
        self.sync()

    def remove_directory(self, name: str) -> bool:
        """Remove an empty directory; False when it is not empty, not there, or no directory."""
        try:
            os.rmdir(name, dir_fd=self._fd)
        except OSError:
            return False
        self.sync()
        return True

    def enter(self, name: str) -> Directory:
        """Open a directory in this one; a link is not followed."""
        return Directory(f"{self.path}/{name}", os.open(name, os.O_RDONLY | DIRECTORY, dir_fd=self._fd))

    def private(self, name: str) -> Directory:
        """Open, or make, a directory that only we can enter; ``leave`` does not remove it while it is open.

        Raises:
            SafetyRefusal: the name is taken by a link, or by a directory that others own or may enter.

        """
        while True:  # whoever else has files here may leave it at any moment
            with contextlib.suppress(FileNotFoundError):
                self.make(name, mode=0o700)
            found = self.look(name)
            if found and (not stat.S_ISDIR(found.st_mode) or found.st_uid != os.geteuid() or found.st_mode & 0o077):
                raise self._unsafe(name, "is not a directory of our own with mode 0700", "look who made it, then remove it")
            if entered := self._entered_to_stay(name):
                return entered

    def _entered_to_stay(self, name: str) -> Directory | None:
        """The directory, locked against ``leave``; None where it was left just now."""
        try:
            entered = self.enter(name)
        except FileNotFoundError:
            return None
        fcntl.flock(entered._fd, fcntl.LOCK_SH)  # noqa: SLF001 - one of us
        found = self.look(name)
        if found and os.path.samestat(found, os.fstat(entered._fd)):  # noqa: SLF001 - one of us
            return entered
        entered.close()
        return None

    def leave(self, name: str) -> bool:
        """Remove a private directory that is empty, unless somebody is at work in it; True when it is gone."""
        try:
            place = self.enter(name)
        except OSError:
            return False
        with place:
            try:
                fcntl.flock(place._fd, fcntl.LOCK_EX | fcntl.LOCK_NB)  # noqa: SLF001 - one of us
            except OSError:
                return False
            return self.remove_directory(name)

    def sync(self) -> None:
        """Have the directory's entries on the disk."""
        os.fsync(self._fd)

    def _unsafe(self, name: str, why: str, hint: str = "look who put it there, then remove it") -> SafetyRefusal:
        return SafetyRefusal(f"{escaped(self.path)}/{escaped(name)} {why}", hint=hint)


def beside(name: str) -> str:
    """The name under which ``Directory.replace`` writes a file before it takes its place."""
    return f".{name}.new"


def write_file(path: str, text: bytes, *, mode: int = 0o600) -> None:
    """Put a whole file at ``path``, durably, in one step; a link at ``path`` is refused, never followed.

    Raises:
        SafetyRefusal: something that others planted is in the way.
        OSError: the directory is not there, full, or not ours to write to.

    """
    place = PurePosixPath(path)
    with Directory.open(str(place.parent)) as directory:
        directory.refuse_odd(place.name)
        directory.replace(place.name, text, mode=mode)
