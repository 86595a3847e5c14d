"""Faults of a kind with members: in how it lists them, and in keeping to the one that is meant."""

from __future__ import annotations

import contextlib
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from certpush.errors import TargetUnreachable
from certpush.model import CertificateBundle, CertificateRequest, DnsName, Staged
from certpush.target import Member, TargetKind
from certpush.testing.contract import TargetCase
from certpush.testing.device import DEFAULT, MemoryDevice
from certpush.testing.faults.fault import AnyFault
from certpush.testing.memory import MemorySettings, MemoryTarget
from certpush.testing.memory_case import memory_cluster_case
from certpush.testing.memory_cluster import MemoryClusterSettings, members

Listed = tuple[Member[MemoryClusterSettings], ...]


@dataclass(frozen=True)
class ClusterFault(AnyFault):
    """``target`` lists the members, or is what the kind opens for each."""

    @contextlib.contextmanager
    def on_trial(self, folder: Path) -> Iterator[TargetCase[MemoryClusterSettings]]:
        """Stand up the devices, and put it on trial there."""
        with memory_cluster_case(folder) as case:
            yield replace(case, kind=self._kind(case.kind))

    def _kind(self, honest: TargetKind[MemoryClusterSettings]) -> TargetKind[MemoryClusterSettings]:
        if isinstance(self.target, type):
            return replace(honest, open=self.target)
        return replace(honest, members=self.target)


def CallsEveryMemberByOneName(settings: MemoryClusterSettings, request: CertificateRequest) -> Listed:  # noqa: N802 - as the other faults
    """Names members after what they are, so that the second finds the way back of the first."""
    return tuple(replace(one, name="node") for one in members(settings, request))


def ListsMembersInAnyOrder(settings: MemoryClusterSettings, request: CertificateRequest) -> Listed:  # noqa: N802
    """Numbers members anew at each call, so nobody knows which one was begun."""
    return tuple(replace(one, name=f"{one.name}-{uuid.uuid4().hex[:6]}") for one in members(settings, request))


def AddsNamesOfItsOwn(settings: MemoryClusterSettings, request: CertificateRequest) -> Listed:  # noqa: N802
    """Takes into a certificate what the device calls itself, though nobody configured it."""
    return tuple(replace(one, names=(DnsName(f"{one.name}.lan"),)) for one in members(settings, request))


def LeavesAMarkOnAMember(settings: MemoryClusterSettings, request: CertificateRequest) -> Listed:  # noqa: N802
    """Finds out who is there by having the first serve something else, and forgets to change it back."""
    device = MemoryDevice.at(Path(settings.devices[0]))
    device.select(None if device.selected() else DEFAULT)
    return members(settings, request)


def SeesNoMembersWhenNobodyAnswers(settings: MemoryClusterSettings, request: CertificateRequest) -> Listed:  # noqa: N802
    """Takes a cluster that does not answer for a single device."""
    try:
        return members(settings, request)
    except TargetUnreachable:
        return ()


class SwitchesEveryMember(MemoryTarget):
    """Lets the cluster spread the certificate, so that the canary takes all others with it."""

    def __init__(self, settings: MemoryClusterSettings) -> None:
        super().__init__(MemorySettings(state=settings.devices[0], token=settings.token))

    def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
        """See Target."""
        super().activate(staged, bundle)
        for path in Path(self._settings.state).parent.glob("*.json"):
            device = MemoryDevice.at(path)
            device.put(bundle.fingerprint, bundle.fullchain_pem, bundle.key.reveal_pem(), by="certpush")
            device.select(bundle.fingerprint)
            device.reload()


_LISTED = "test_members_are_listed_alike_each_time"

FAULTS = (
    ClusterFault(CallsEveryMemberByOneName, _LISTED, "two members have one name: node, node"),
    ClusterFault(ListsMembersInAnyOrder, _LISTED, "and when asked again"),
    ClusterFault(AddsNamesOfItsOwn, _LISTED, "member first wants names that are not configured: first.lan"),
    ClusterFault(LeavesAMarkOnAMember, "test_listing_members_changes_nothing", "members() changed what a member has installed"),
    ClusterFault(
        SeesNoMembersWhenNobodyAnswers,
        "test_members_of_an_unreachable_device_are_told_in_time",
        "members() of a device that nobody reaches must raise TargetUnreachable; it returned",
    ),
    ClusterFault(
        SwitchesEveryMember,
        "test_a_member_is_switched_and_brought_back_alone",
        "the switch of one member changed what another one serves",
    ),
)
