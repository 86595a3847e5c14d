"""The kind ``proxmox-backup``: Proxmox Backup Server.

Facts from proxmox-backup (src/api2/node/certificates.rs). There is one file, ``proxy.pem``; the
upload always overwrites it and reloads, says nothing of a reload that failed, and compares
neither key nor certificate. DELETE makes a new self-signed certificate.
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

PBS = Product(
    title="Proxmox Backup Server",
    service="PBS",
    separator=":",
    file="proxy.pem",
    named_node=False,
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


def open_target(settings: BackupSettings) -> ProxmoxTarget:
    """One server; nothing is asked of it yet."""
    from certpush_proxmox.device import Device
    from certpush_proxmox.target import ProxmoxTarget

    return ProxmoxTarget(Device(PBS, settings, lambda _: "localhost", settings.endpoint), preflight.findings)


def show_identity(settings: BackupSettings) -> tuple[Identity, ...]:
    """The certificate that is shown at first contact."""
    return identify(PBS, settings)


@hookimpl
def certpush_target() -> TargetKind[BackupSettings]:
    """Declare the kind ``proxmox-backup``."""
    return TargetKind(
        "proxmox-backup",
        "the web UI and API of Proxmox Backup Server, by its API",
        BackupSettings,
        open_target,
        reversible=Reversible.NEEDS_PREVIOUS,
        fallback="a new self-signed certificate, which the server makes after DELETE",
        disruption="none; clients that pin the old fingerprint refuse the new certificate",
        steady=timedelta(seconds=2),
        identify=show_identity,
    )
