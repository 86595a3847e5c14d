"""The reference target: a whole plugin, written to be read.

It pushes certificates to a ``MemoryDevice``. Whoever writes a plugin finds here what each verb
owes, on a device simple enough that nothing else is in the way.
"""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Annotated

from certpush.errors import NoWayBack, RescueFired, TargetAuthFailed, TargetRefused, TargetUnreachable
from certpush.hookspecs import hookimpl
from certpush.kit.settings import Doc, Duration, Settings
from certpush.model import CertificateBundle, CertificateRequest, Endpoint, Expected, Handle, Installed, KeySpec, Secret, Staged
from certpush.target import ALL_KEYS, Reversible, Target, TargetKind
from certpush.testing.device import DEFAULT, DeviceGone, DeviceRefuses, LoginRefused, MemoryDevice, Reload
from certpush.testing.faulty import Exit, FaultyTarget, Hang, Kill, Lie, Raise

__all__ = [
    "Exit",
    "FaultyTarget",
    "Hang",
    "Kill",
    "Lie",
    "MemoryDevice",
    "MemorySettings",
    "MemoryTarget",
    "Raise",
    "Reload",
    "memory_kind",
]


class MemorySettings(Settings):
    """What the configuration says about a memory device."""

    state: Annotated[str, Doc("the device's state file, which is its address")]
    token: Annotated[Secret, Doc("proves to the device who we are")]
    server_name: Annotated[str | None, Doc("the name to ask the device for (SNI)")] = None
    rescue_after: Annotated[Duration | None, Doc("the device comes back by itself after this time unless confirmed")] = None


class MemoryTarget(Target):
    """Pushes certificates to a memory device."""

    def __init__(self, settings: MemorySettings) -> None:
        self._settings = settings

    def inspect(self) -> Installed:
        """The id of what is selected is the way back: the device keeps what was served before."""
        with self._talk() as device:
            id_ = device.selected()
            fingerprint = device.certificates()[id_].fingerprint if id_ else None
            return Installed(fingerprint, {"id": id_}, device_default=id_ == DEFAULT)

    def changes(self, request: CertificateRequest) -> tuple[str, ...]:  # noqa: ARG002 - part of the contract
        """One line for the plan."""
        return ("the memory device stores and serves one more certificate",)

    def stage(self, bundle: CertificateBundle) -> Staged:
        """Named by its fingerprint, so that a repeated upload lands on itself."""
        with self._talk() as device:
            device.put(bundle.fingerprint, bundle.fullchain_pem, bundle.key.reveal_pem(), by="certpush")
        return Staged({"id": bundle.fingerprint})

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:  # noqa: ARG002 - part of the contract
        """Arm, then switch. A repeated call must not arm anew: the way back would then be the new certificate."""
        id_ = _id(staged.handle)
        with self._talk() as device:
            if self._settings.rescue_after and device.selected() != id_:
                device.arm(self._settings.rescue_after)
            device.select(id_)
            device.reload()

    def confirm(self, staged: Staged) -> None:
        """The device decides who was first."""
        with self._talk() as device:
            if not device.disarm(_id(staged.handle)):
                raise RescueFired("the device put the old certificate back before the new one was confirmed")

    def rollback(self, to: Installed, staged: Staged | None, previous: CertificateBundle | None) -> Expected:
        """Switch back first and disarm last: should this fail halfway, the device's own timer still helps."""
        with self._talk() as device:
            back = _way_back(device, to, previous)
            device.select(back)
            device.reload()
            device.disarm()
            if staged and (id_ := _id(staged.handle)) and id_ not in device.in_use():
                device.remove(id_)
        return Expected.device_default() if back == DEFAULT else Expected.leaf(to.fingerprint)

    def endpoints(self) -> tuple[Endpoint, ...]:
        """The device knows its port."""
        with self._talk() as device:
            return (Endpoint("127.0.0.1", device.port(), self._settings.server_name),)

    def tidy(self, keep: Collection[str]) -> None:
        """Only what certpush stored, and none that anything still needs."""
        with self._talk() as device:
            for id_, stored in device.certificates().items():
                if stored.by == "certpush" and stored.fingerprint not in keep and id_ not in device.in_use():
                    device.remove(id_)

    @contextlib.contextmanager
    def _talk(self) -> Iterator[MemoryDevice]:
        """Log in, and turn the device's errors into ours: their texts hold no secret, so they stay as the cause."""
        try:
            device = MemoryDevice.at(Path(self._settings.state))
            device.login(self._settings.token.reveal())
            yield device
        except DeviceGone as error:
            raise TargetUnreachable(f"{error}", hint="is the device switched on?") from error
        except LoginRefused as error:
            raise TargetAuthFailed("the device refused the token", hint="check token = ...") from error
        except DeviceRefuses as error:
            raise TargetRefused(f"the device refused: {error}", hint="see the device's log") from error


def _id(handle: Handle) -> str | None:
    id_ = handle.get("id")
    return id_ if isinstance(id_, str) else None


def _way_back(device: MemoryDevice, to: Installed, previous: CertificateBundle | None) -> str | None:
    back = _id(to.handle)
    if back is None or back in device.certificates():
        return back
    if previous is not None and previous.fingerprint == to.fingerprint:
        device.put(back, previous.fullchain_pem, previous.key.reveal_pem(), by="certpush")
        return back
    if DEFAULT in device.certificates():
        return DEFAULT
    raise NoWayBack("the device has forgotten the old certificate, and certpush does not hold it")


def memory_kind(
    *,
    self_rescue: bool = False,
    reversible: Reversible = Reversible.KEEPS_PREVIOUS,
    fallback: str = "",
    accepted_keys: frozenset[KeySpec] = ALL_KEYS,
    settle: timedelta = timedelta(0),
) -> TargetKind[MemorySettings]:
    """Give the kind; what it claims of its device can be varied for tests."""
    return TargetKind(
        "memory",
        "A device in a test",
        MemorySettings,
        MemoryTarget,
        accepted_keys=accepted_keys,
        reversible=reversible,
        fallback=fallback,
        self_rescue=self_rescue,
        disruption="none",
        settle=settle,
    )


@hookimpl
def certpush_target() -> TargetKind[MemorySettings]:
    """Offer it as any plugin does."""
    return memory_kind()
