"""How a case for the contract suite is written, shown for the reference target."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

from certpush.kit.settings import Duration
from certpush.model import CertificateBundle, Secret
from certpush.testing.contract import Cluster, TargetCase
from certpush.testing.device import TOKEN, MemoryDevice, Reload
from certpush.testing.memory import MemorySettings, memory_kind
from certpush.testing.memory_cluster import MemoryClusterSettings, memory_cluster_kind

_RESCUE_AFTER = Duration(minutes=10)


def memory_case(device: MemoryDevice) -> TargetCase[MemorySettings]:
    """Put a memory device on trial: one with a timer, that keeps what it served before."""
    return TargetCase(
        kind=replace(memory_kind(self_rescue=True), deadline=timedelta(seconds=2)),
        settings=MemorySettings(state=str(device.path), token=Secret(TOKEN), rescue_after=_RESCUE_AFTER),
        unreachable=MemorySettings(state=f"{device.path}.nobody", token=Secret(TOKEN)),
        secrets=(TOKEN,),
        wrong_login=MemorySettings(state=str(device.path), token=Secret("not-the-token-of-the-device")),
        snapshot=lambda: _what_a_rotation_could_change(device),
        broken_switch=lambda: _broken(device),
        foreign=lambda bundle: _plant(device, bundle),
        rescue_after=_RESCUE_AFTER,
        wait=device.pass_time,
        patience=timedelta(seconds=10),
    )


@contextlib.contextmanager
def memory_cluster_case(folder: Path) -> Iterator[TargetCase[MemoryClusterSettings]]:
    """Put the reference for a kind with members on trial: one device alone, and two that belong together."""
    with MemoryDevice(folder / "alone.json") as alone:
        yield TargetCase(
            kind=replace(memory_cluster_kind(), deadline=timedelta(seconds=2)),
            settings=_reaching(alone.path),
            unreachable=_reaching(folder / "nobody.json"),
            secrets=(TOKEN,),
            cluster=lambda: _cluster(folder),
            patience=timedelta(seconds=10),
        )


@contextlib.contextmanager
def _cluster(folder: Path) -> Iterator[Cluster[MemoryClusterSettings]]:
    with MemoryDevice(folder / "first.json", own_certificate=True) as one, MemoryDevice(folder / "second.json") as other:
        yield Cluster(settings=_reaching(one.path, other.path), unreachable=_reaching(one.path, folder / "nobody.json"))


def _reaching(*devices: Path) -> MemoryClusterSettings:
    return MemoryClusterSettings(devices=tuple(map(str, devices)), token=Secret(TOKEN))


def _what_a_rotation_could_change(device: MemoryDevice) -> object:
    state = device.snapshot()
    return (state.store, state.selected, state.loaded, state.rescue)


@contextlib.contextmanager
def _broken(device: MemoryDevice) -> Iterator[None]:
    device.break_reload(Reload.REFUSED)
    yield
    device.break_reload(Reload.WORKS)


def _plant(device: MemoryDevice, bundle: CertificateBundle) -> Callable[[], bool]:
    device.put("theirs", bundle.fullchain_pem, bundle.key.reveal_pem(), by="another administrator")
    return lambda: "theirs" in device.certificates()
