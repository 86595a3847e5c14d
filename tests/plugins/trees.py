"""What is in a directory, for tests that compare before and after."""

from __future__ import annotations

import stat
from pathlib import Path


def tree(root: Path) -> dict[str, tuple[int, int, bytes | str]]:
    """Everything below ``root``: mode, owner, and content or link target."""
    found = {}
    for path in sorted(root.rglob("*")):
        about = path.lstat()
        content = str(path.readlink()) if path.is_symlink() else path.read_bytes() if path.is_file() else "directory"
        found[str(path.relative_to(root))] = (stat.S_IMODE(about.st_mode), about.st_uid, content)
    return found
