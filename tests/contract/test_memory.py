from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from certpush.model import Secret
from certpush.target import Reversible
from certpush.testing.contract import Clusters, TargetCase, TargetContract, Trial
from certpush.testing.device import TOKEN
from certpush.testing.memory import MemoryDevice, MemorySettings
from certpush.testing.memory_case import memory_case, memory_cluster_case
from certpush.testing.memory_cluster import MemoryClusterSettings


class TestMemory(TargetContract):
    """With a timer of its own, and keeping what it served before."""

    @pytest.fixture
    def target_case(self, tmp_path: Path) -> Iterator[TargetCase[MemorySettings]]:
        with MemoryDevice(tmp_path / "device.json") as device:
            yield memory_case(device)


class TestMemoryThatForgets(TargetContract):
    """Like Proxmox: a certificate of its own to fall back to, the old pair gone, no timer."""

    @pytest.fixture
    def target_case(self, tmp_path: Path) -> Iterator[TargetCase[MemorySettings]]:
        with MemoryDevice(tmp_path / "device.json", own_certificate=True, keeps_previous=False) as device:
            case = memory_case(device)
            case.kind = replace(case.kind, reversible=Reversible.NEEDS_PREVIOUS, fallback="its own certificate", self_rescue=False)
            case.settings = MemorySettings(state=str(device.path), token=Secret(TOKEN))
            yield case


class TestMemoryCluster(Trial, Clusters):
    """Two devices that belong together; each is one as above."""

    @pytest.fixture
    def target_case(self, tmp_path: Path) -> Iterator[TargetCase[MemoryClusterSettings]]:
        with memory_cluster_case(tmp_path) as case:
            yield case
