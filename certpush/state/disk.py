"""What ails the disk that the state is on: of a full one SQLite says "disk I/O error", and nobody knows by that what to do."""

from __future__ import annotations

import os
from pathlib import Path

_LEAST = 64 * 1024
"""With less room than this no record of a run fits."""


def ailment(path: Path) -> tuple[str, str]:
    """What is wrong with the disk of a path, and what helps; two empty texts where it is well, or nobody can tell."""
    try:
        disk = os.statvfs(path)
    except OSError:
        return "", ""
    if disk.f_flag & os.ST_RDONLY:
        return "its disk is mounted read-only", f"mount -o remount,rw the disk of {path}; the system's log says why it is so"
    room = disk.f_bavail * disk.f_frsize
    if room < _LEAST:
        return f"{room // 1024} KiB are free on its disk", f"free space for {path}; nothing is changed on a target before"
    if disk.f_files and not disk.f_favail:
        return "its disk takes no further file", f"remove files on the disk of {path}; nothing is changed on a target before"
    return "", ""
