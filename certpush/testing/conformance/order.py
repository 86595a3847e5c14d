"""What is to be tried: a kind, the module with its cases, and what was tried before the process died."""

from __future__ import annotations

from pathlib import Path
from typing import Self

import msgspec

from certpush.kit.shapes import known

_TEST = '''"""Made for one run of `certpush conformance`."""

import importlib

# All names, for a case may stand on fixtures and marks of its module.
globals().update({{name: value for name, value in vars(importlib.import_module({module!r})).items() if not name.startswith("__")}})
'''


class Order(msgspec.Struct, frozen=True):
    """``done`` are tests, by their names in the run, that are not to be run again."""

    kind: str
    module: str
    done: tuple[str, ...] = ()

    @classmethod
    def read(cls, folder: Path) -> Self:
        """Read what ``write`` wrote."""
        return msgspec.json.decode((folder / "order.json").read_bytes(), type=known(cls))

    def write(self, folder: Path) -> None:
        """Write it where the process looks for it."""
        (folder / "order.json").write_bytes(msgspec.json.encode(self))

    def write_test(self, folder: Path) -> Path:
        """Write the module that pytest collects: all that is in the plugin's own."""
        (folder / "pytest.ini").write_text("[pytest]\n")
        path = folder / "test_conformance.py"
        path.write_text(_TEST.format(module=self.module))
        return path
