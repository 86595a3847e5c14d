"""A directory of a server's own, which leaves nothing behind."""

from __future__ import annotations

import shutil
import tempfile
import weakref
from pathlib import Path


class OwnDirectory:
    """A new directory, 0700, which is gone after ``remove`` or at the end of the process at the latest."""

    def __init__(self, prefix: str) -> None:
        self.path = Path(tempfile.mkdtemp(prefix=prefix))
        self._finalizer = weakref.finalize(self, shutil.rmtree, str(self.path), ignore_errors=True)

    def remove(self) -> None:
        """Remove it with all that is in it; repeating it is harmless."""
        self._finalizer()
