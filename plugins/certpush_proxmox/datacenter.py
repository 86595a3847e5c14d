"""The kind ``proxmox-datacenter``: Proxmox Datacenter Manager, which has the ways of Backup Server.

Facts from proxmox-datacenter-manager (server/src/api/nodes/certificates.rs).
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from certpush import Identity, TargetKind, hookimpl
from certpush.target import Reversible
from certpush_proxmox import preflight
from certpush_proxmox.identity import identify
from certpush_proxmox.product import Product
from certpush_proxmox.settings import Port, TokenSettings

if TYPE_CHECKING:  # who only reads a configuration loads no HTTP client
    from certpush_proxmox.target import ProxmoxTarget

PDM = Product(
    title="Proxmox Datacenter Manager",
    service="PDM",
    separator=":",
    file="",
    named_node=False,
    rights="/system/certificates",
    privilege="System.Modify",
    grants=(
        "proxmox-datacenter-manager-client acl update {path} Administrator --auth-id '{user}'",
        "proxmox-datacenter-manager-client acl update {path} Administrator --auth-id '{token}'",
    ),
    show="proxmox-datacenter-manager-admin cert info",
    recover="proxmox-datacenter-manager-admin cert update --force && systemctl reload proxmox-datacenter-api",
    changes="auth/api.pem and auth/api.key; proxmox-datacenter-api takes them up",
)


class DatacenterSettings(TokenSettings):
    """A datacenter manager."""

    port: Port = 8443


def open_target(settings: DatacenterSettings) -> ProxmoxTarget:
    """One server; nothing is asked of it yet."""
    from certpush_proxmox.device import Device
    from certpush_proxmox.target import ProxmoxTarget

    return ProxmoxTarget(Device(PDM, settings, lambda _: "localhost", settings.endpoint), preflight.findings)


def show_identity(settings: DatacenterSettings) -> tuple[Identity, ...]:
    """The certificate that is shown at first contact."""
    return identify(PDM, settings)


@hookimpl
def certpush_target() -> TargetKind[DatacenterSettings]:
    """Declare the kind ``proxmox-datacenter``."""
    return TargetKind(
        "proxmox-datacenter",
        "the web UI and API of Proxmox Datacenter Manager, by its API",
        DatacenterSettings,
        open_target,
        reversible=Reversible.NEEDS_PREVIOUS,
        fallback="a new self-signed certificate, which the server makes after DELETE",
        disruption="none",
        steady=timedelta(seconds=2),
        identify=show_identity,
    )
