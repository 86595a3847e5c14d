"""One deliberate fault: a target that breaks one obligation, and how the contract suite must find out."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from certpush.target import Target, TargetKind
from certpush.testing.contract import TargetCase
from certpush.testing.device import MemoryDevice
from certpush.testing.memory import MemorySettings
from certpush.testing.memory_case import memory_case


def unchanged(kind: TargetKind[MemorySettings]) -> TargetKind[MemorySettings]:
    """The kind claims what the honest one does."""
    return kind


@dataclass(frozen=True)
class AnyFault:
    """``target`` must fail the test ``caught_by``, with a message that contains ``because``."""

    target: Callable[..., Any]
    caught_by: str
    because: str

    @property
    def name(self) -> str:
        """Which fault it is, for test ids."""
        return getattr(self.target, "__name__", repr(self.target))


@dataclass(frozen=True)
class Fault(AnyFault):
    """A target of the memory kind that breaks its promise."""

    target: Callable[[MemorySettings], Target]
    claims: Callable[[TargetKind[MemorySettings]], TargetKind[MemorySettings]] = unchanged
    """What its kind says of itself, made from what the honest one says."""
    settings: Callable[[MemorySettings], MemorySettings] | None = None
    patience: timedelta = timedelta(seconds=10)

    @contextlib.contextmanager
    def on_trial(self, folder: Path) -> Iterator[TargetCase[MemorySettings]]:
        """Stand up a device, and put it on trial there."""
        with MemoryDevice(folder / "device.json") as device:
            yield self.case(device)

    def case(self, device: MemoryDevice) -> TargetCase[MemorySettings]:
        """Put it on trial as the honest one is."""
        case = memory_case(device)
        kind = self.claims(replace(case.kind, open=self.target, deadline=timedelta(seconds=0.3)))
        settings = self.settings(case.settings) if self.settings else case.settings
        return replace(case, kind=kind, settings=settings, patience=self.patience)
