"""The kind ``proxmox-backup``: Proxmox Backup Server.

Facts from proxmox-backup (src/api2/node/certificates.rs). There is one file, ``proxy.pem``; the
upload always overwrites it and reloads, says nothing of a reload that failed, and compares
neither key nor certificate. DELETE makes a new self-signed certificate. A restart through the API
(src/api2/node/services.rs) is a reload by systemd: a new process, and running tasks live on in the old one.
"""

from __future__ import annotations

from certpush import TargetKind, hookimpl
from certpush_proxmox.product import Product
from certpush_proxmox.settings import Port, TokenSettings
from certpush_proxmox.single import kind_of

PBS = Product(
    title="Proxmox Backup Server",
    service="PBS",
    separator=":",
    file="proxy.pem",
    named_node=False,
    restarted="proxmox-backup-proxy",
    rights="/system/certificates",
    grants=(
        "proxmox-backup-manager acl update {path} Admin --auth-id '{user}'",
        "proxmox-backup-manager acl update {path} Admin --auth-id '{token}'",
    ),
    show="proxmox-backup-manager cert info",
    recover="proxmox-backup-manager cert update --force && systemctl reload proxmox-backup-proxy",
    changes="proxy.pem and proxy.key; proxmox-backup-proxy takes them up; storages and remotes that pin the old one stop",
)


class BackupSettings(TokenSettings):
    """A backup server."""

    port: Port = 8007


@hookimpl
def certpush_target() -> TargetKind[BackupSettings]:
    """Declare the kind ``proxmox-backup``."""
    return kind_of(
        "proxmox-backup", PBS, BackupSettings, disruption="none; clients that pin the old fingerprint refuse the new certificate"
    )
