"""The way to a directory, component by component: nobody else may be able to turn it elsewhere."""

from __future__ import annotations

import os
import stat

from certpush.errors import SafetyRefusal
from certpush.kit.escaping import escaped

DIRECTORY = os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
_PASS = getattr(os, "O_PATH", os.O_RDONLY)  # passing through a directory needs no right to list it
_MAX_LINKS = 40  # as the kernel has it


def walk(path: str) -> int:
    """Open a directory component by component; a link counts only when root or we made it."""
    ahead = [part for part in reversed(path.split("/")) if part]
    fd = os.open("/", os.O_RDONLY | DIRECTORY)
    links = 0
    try:
        while ahead:
            part = ahead.pop()
            if (target := _own_link(part, fd, path)) is not None:
                links += 1
                _refuse_circles(links, path)
                ahead += [step for step in reversed(target.split("/")) if step and step != "."]
                if target.startswith("/"):
                    fd = _change(fd, os.open("/", os.O_RDONLY | DIRECTORY))
                continue
            fd = _change(fd, os.open(part, DIRECTORY | (_PASS if ahead else os.O_RDONLY), dir_fd=fd))
            _refuse_open_to_all(fd, path)
    except BaseException:
        os.close(fd)
        raise
    return fd


def _change(old: int, new: int) -> int:
    os.close(old)
    return new


def _own_link(part: str, fd: int, path: str) -> str | None:
    found = os.stat(part, dir_fd=fd, follow_symlinks=False)
    if not stat.S_ISLNK(found.st_mode):
        return None
    if found.st_uid not in (0, os.geteuid()):
        raise SafetyRefusal(
            f"{escaped(path)}: {escaped(part)} on the way is a symbolic link of another user (uid {found.st_uid})",
            hint="name the real directory",
        )
    return os.readlink(part, dir_fd=fd)


def _refuse_circles(links: int, path: str) -> None:
    if links > _MAX_LINKS:
        raise SafetyRefusal(f"{escaped(path)}: too many symbolic links on the way", hint="name the real directory")


def _refuse_open_to_all(fd: int, path: str) -> None:
    mode = os.fstat(fd).st_mode
    if mode & stat.S_IWOTH and not mode & stat.S_ISVTX:
        raise SafetyRefusal(
            f"{escaped(path)}: everybody may write to a directory on the way",
            hint="anyone could swap the files there: chmod o-w the directory",
        )
