"""Faults of the package: a good kind that certpush never finds."""

# ruff: noqa: D102 - the class says what is wrong

from __future__ import annotations

import contextlib
import sys
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from certpush.hookspecs import hookimpl
from certpush.target import TargetKind
from certpush.testing.contract import TargetCase
from certpush.testing.device import MemoryDevice
from certpush.testing.faults.fault import AnyFault
from certpush.testing.memory import MemorySettings, memory_kind
from certpush.testing.memory_case import memory_case

_NAME = "undeclared"


@dataclass(frozen=True)
class DeclarationFault(AnyFault):
    """``target`` is what an entry point of an installed distribution names."""

    target: type

    @contextlib.contextmanager
    def on_trial(self, folder: Path) -> Iterator[TargetCase[MemorySettings]]:
        """Install the distribution, and put the kind on trial."""
        with MemoryDevice(folder / "device.json") as device, self._installed(folder / "site"):
            case = memory_case(device)
            yield replace(case, kind=replace(case.kind, name=_NAME))

    @contextlib.contextmanager
    def _installed(self, site: Path) -> Iterator[None]:
        info = site / "acme_undeclared-1.0.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme-undeclared\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text(f"[certpush]\n{_NAME} = {__name__}:{self.name}\n")
        sys.path.insert(0, str(site))
        yield
        sys.path.remove(str(site))


class ForgetsHookimpl:
    """Declares its kind in a function that no hook is: the mark above it is missing."""

    @staticmethod
    def certpush_target() -> TargetKind[MemorySettings]:
        return replace(memory_kind(), name=_NAME)


class ForgetsToReturn:
    """Makes its kind, and keeps it for itself."""

    @staticmethod
    @hookimpl
    def certpush_target() -> None:
        replace(memory_kind(), name=_NAME)


FAULTS = (
    DeclarationFault(ForgetsHookimpl, "test_certpush_loads_the_kind", "declares no target"),
    DeclarationFault(ForgetsToReturn, "test_certpush_loads_the_kind", "declares no target"),
)
