"""A cluster of memory devices: the reference for a kind with members, written to be read."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from certpush.errors import ConfigError, TargetAuthFailed, TargetUnreachable
from certpush.hookspecs import hookimpl
from certpush.kit.boundary import translate
from certpush.kit.settings import Doc, Settings
from certpush.model import CertificateRequest, DnsName, Name, Secret
from certpush.target import Member, Target, TargetKind
from certpush.testing.device import DeviceGone, LoginRefused, MemoryDevice
from certpush.testing.memory import MemorySettings, MemoryTarget


class MemoryClusterSettings(Settings):
    """What the configuration says about a cluster of memory devices; a member's settings have one device."""

    devices: Annotated[tuple[str, ...], Doc("the devices' state files, in the order of rotation; the last one tells of the others")]
    token: Annotated[Secret, Doc("proves to every device who we are")]
    per_device: Annotated[bool, Doc("a certificate for each device, instead of one for all")] = False
    server_name: Annotated[str | None, Doc("the name to ask a device for (SNI)")] = None


@translate({DeviceGone: TargetUnreachable, LoginRefused: TargetAuthFailed})
def members(settings: MemoryClusterSettings, request: CertificateRequest) -> tuple[Member[MemoryClusterSettings], ...]:
    """Ask the last device, which is rotated last: nobody could tell of the others while it does not answer."""
    MemoryDevice.at(Path(settings.devices[-1])).login(settings.token.reveal())
    if len(settings.devices) == 1:
        return ()
    return tuple(_member(settings, request, device) for device in settings.devices)


def _member(settings: MemoryClusterSettings, request: CertificateRequest, device: str) -> Member[MemoryClusterSettings]:
    name = Path(device).stem
    own = _names_of(name, request) if settings.per_device else ()
    alone = MemoryClusterSettings(
        devices=(device,), token=settings.token, server_name=str(own[0]) if own else settings.server_name
    )  # what leads to this device alone: members of a member are nobody
    return Member(name, alone, own)


def _names_of(device: str, request: CertificateRequest) -> tuple[Name, ...]:
    """Those of the names that begin with the device's: only what is configured becomes part of a certificate."""
    own = tuple(name for name in request.names if isinstance(name, DnsName) and name.value.partition(".")[0] == device)
    if not own:
        raise ConfigError(f"names has none for {device}, which is to have a certificate of its own", hint=f'add "{device}.lan" to names')
    return own


def open_device(settings: MemoryClusterSettings) -> Target:
    """A member is a device as any other."""
    return MemoryTarget(MemorySettings(state=settings.devices[0], token=settings.token, server_name=settings.server_name))


def memory_cluster_kind() -> TargetKind[MemoryClusterSettings]:
    """Give the kind."""
    return TargetKind("memory-cluster", "Several devices in a test", MemoryClusterSettings, open_device, members=members)


@hookimpl
def certpush_target() -> TargetKind[MemoryClusterSettings]:
    """Offer it as any plugin does."""
    return memory_cluster_kind()
