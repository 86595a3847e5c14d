"""The kind ``proxmox-datacenter``: Proxmox Datacenter Manager, which has the ways of Backup Server.

Facts from proxmox-datacenter-manager (server/src/api/nodes/certificates.rs).
"""

from __future__ import annotations

from certpush import TargetKind, hookimpl
from certpush_proxmox.product import Product
from certpush_proxmox.settings import Port, TokenSettings
from certpush_proxmox.single import kind_of

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


@hookimpl
def certpush_target() -> TargetKind[DatacenterSettings]:
    """Declare the kind ``proxmox-datacenter``."""
    return kind_of("proxmox-datacenter", PDM, DatacenterSettings, disruption="none")
