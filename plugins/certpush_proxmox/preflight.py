"""What would make a rotation fail, or what it would break elsewhere; found by reading alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from certpush import CertificateRequest, Finding, Severity
from certpush.errors import TargetRefused
from certpush.kit import findings as found
from certpush.kit.command import escaped
from certpush.kit.settings import format_duration
from certpush.model import JsonValue
from certpush_proxmox.rights import grant, may, who_asks

if TYPE_CHECKING:
    from certpush_proxmox.device import Device

SKEW = 30.0  # seconds, as for the CA
BACKDATED = 90.0  # seconds: step-ca dates a certificate back by a minute


def findings(device: Device, request: CertificateRequest) -> Iterator[Finding]:
    """The checks that all products share."""
    version = _table(device.api.once("version"))
    yield found.ok("login", f"logged in to {device.product.title} {escaped(str(version.get('version', '?')))[:40]}")
    yield from found.key_type(request)
    yield from clock(device)
    yield from rights(device)


def clock(device: Device) -> Iterator[Finding]:
    """Compare the device's clock, as its answers tell it, with ours."""
    if device.api.date is None:
        return
    skew = (device.api.date - datetime.now(UTC)).total_seconds()
    if abs(skew) > SKEW:
        direction = "behind" if skew < 0 else "ahead of"
        too_late = skew < -BACKDATED
        say = found.error if too_late else found.warning
        by = format_duration(timedelta(seconds=round(abs(skew))))
        consequence = ": a new certificate would not be valid yet there" if too_late else ""
        yield say("clock-skew", f"its clock is {by} {direction} ours{consequence}", "have both set by NTP: chronyc tracking")
    else:
        yield found.ok("clock", "its clock agrees with ours")


def rights(device: Device) -> Iterator[Finding]:
    """Whether we may upload; a token with privilege separation has none of its user's rights by itself."""
    path, privilege = device.product.rights.format(node=device.node), device.product.privilege
    answer = optional(device, "access", "permissions")
    if not isinstance(answer, dict):
        return
    if may(answer, path, privilege):
        yield found.ok("rights", f"{privilege} on {path}")
        return
    missing = f"{device.api.where}: {who_asks(device.api.settings)} may not change the certificate: {privilege} is missing on {path}"
    yield found.error("rights", missing, grant(device.product, device.api.settings, path))


def optional(device: Device, *path: str) -> JsonValue:
    """Ask what is nice to know: None where we may not, or where this version does not have it."""
    try:
        return device.api.get(*path)
    except TargetRefused:
        return None


def cluster(device: Device) -> Iterator[Finding]:
    """Whether the node is there and the cluster can write (VE)."""
    from certpush_proxmox.nodes import look_at_cluster

    there = look_at_cluster(device.api)
    node = there.nodes.get(device.node)
    if node is not None and not node.online:
        yield found.error("node", f"the node {device.node} is offline, as the cluster sees it", "bring it back, or leave it out of nodes")
    elif node is not None:
        yield found.ok("node", f"node {device.node} is online")
    if there.quorate is False:
        yield found.error(
            "quorum",
            "the cluster has no quorum, so nothing can be written there",
            "bring enough nodes back: `pvecm status` shows which are missing",
        )
    elif there.quorate:
        yield found.ok("quorum", "the cluster has quorum")


def acme(device: Device, request: CertificateRequest) -> Iterator[Finding]:
    """Whether the node itself would overwrite ours: pveupdate renews what ends within 30 days, whoever made it (VE)."""
    config = optional(device, "nodes", device.node, "config")
    domains = _acme_domains(config) if isinstance(config, dict) else ()
    if not domains:
        return
    lifetime = f" of {format_duration(request.lifetime)}" if request.lifetime else ""
    yield found.warning(
        "acme",
        f"the node {device.node} has ACME domains: its own daily renewal overwrites what ends within 30 days, so also ours{lifetime}",
        f"decide for one of the two: `pvenode config set --delete {','.join(domains)}` on {device.node}, or no target here",
    )


def _acme_domains(config: Mapping[str, JsonValue]) -> tuple[str, ...]:
    """The keys under which domains stand; an account alone renews nothing."""
    listed = ("acme",) if "domains=" in str(config.get("acme", "")) else ()
    return (*listed, *sorted(key for key in config if key.startswith("acmedomain")))


def pinned_backups(device: Device) -> Iterator[Finding]:
    """Which storages pin the certificate of a backup server: they stop when that one is rotated (VE)."""
    storages = optional(device, "storage")
    for one in storages if isinstance(storages, list) else ():
        if isinstance(one, dict) and one.get("type") == "pbs" and one.get("fingerprint"):
            name, server = escaped(str(one.get("storage")))[:80], escaped(str(one.get("server")))[:80]
            yield Finding(
                Severity.WARNING,
                "pinned-backup",
                f"the storage {name} pins the certificate of the backup server {server}, and fails once that one gets another",
                f"when {server} has certificates of your CA and this node trusts its root: pvesm set {name} --delete fingerprint",
            )


def _table(answer: JsonValue) -> Mapping[str, JsonValue]:
    return answer if isinstance(answer, dict) else {}
