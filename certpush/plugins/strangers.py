"""Whether anybody but certpush offers plugins here: mostly nobody does, and a glance at the files shows it.

To load Python's own library for metadata, and have it read, takes as long as starting Python. It
is asked where somebody may: what others offer, and whose a name is, is never decided here.
"""

from __future__ import annotations

import os
from collections.abc import Iterable
from importlib.machinery import PathFinder

_INFO = (".dist-info", ".egg-info")
_ARCHIVE = ".egg"  # it has its metadata elsewhere


def strangers_may_offer(group: str, *, own: str, path: Iterable[str], finders: Iterable[object]) -> bool:
    """Whether another distribution than ``own`` may have entry points of this group; also where ``own`` stands there twice.

    ``path`` and ``finders`` are Python's: ``sys.path`` and ``sys.meta_path``.
    """
    if any(hasattr(one, "find_distributions") and one is not PathFinder for one in finders):
        return True
    found: list[str] = []
    for folder in dict.fromkeys(path):
        try:
            names = os.listdir(folder or os.curdir)  # noqa: PTH208 - a Path for each name would take longer than all else here
        except NotADirectoryError:
            return True  # an archive may hold distributions, too
        except OSError:
            continue  # Python passes over it as well
        if folder.lower().endswith(_ARCHIVE):
            return True
        found += [name for name in names if name.lower().endswith(_INFO) and _offers(group, os.path.join(folder, name))]  # noqa: PTH118 - likewise
    return len(found) > 1 or any(name.partition("-")[0] != own for name in found)


def _offers(group: str, info: str) -> bool:
    try:
        with open(os.path.join(info, "entry_points.txt"), "rb") as file:  # noqa: PTH118, PTH123 - likewise
            return f"[{group}]".encode() in file.read()
    except OSError:
        return False
