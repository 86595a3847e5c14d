"""How a case for the contract suite is written, shown for the reference target."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

from certpush.kit.settings import Duration
from certpush.model import CertificateBundle, Secret
from certpush.testing.contract import TargetCase
from certpush.testing.device import TOKEN, MemoryDevice, Reload
from certpush.testing.memory import MemorySettings, memory_kind

_RESCUE_AFTER = Duration(minutes=10)


def memory_case(device: MemoryDevice) -> TargetCase[MemorySettings]:
    """Put a memory device on trial: one with a timer, that keeps what it served before."""
    return TargetCase(
        kind=replace(memory_kind(self_rescue=True), deadline=timedelta(seconds=2)),
        settings=MemorySettings(state=str(device.path), token=Secret(TOKEN), rescue_after=_RESCUE_AFTER),
        unreachable=MemorySettings(state=f"{device.path}.nobody", token=Secret(TOKEN)),
        secrets=(TOKEN,),
        snapshot=lambda: _what_a_rotation_could_change(device),
        broken_switch=lambda: _broken(device),
        foreign=lambda bundle: _plant(device, bundle),
        rescue_after=_RESCUE_AFTER,
        wait=device.pass_time,
        patience=timedelta(seconds=10),
    )


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
