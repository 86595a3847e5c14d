"""A Proxmox Backup Server."""

from __future__ import annotations

from cryptography import x509

from certpush.testing.lab.proxmox.rust_model import Model
from certpush.testing.lab.proxmox.rust_product import RustProduct


def _dns_alone(name: x509.GeneralName) -> str:
    return name.value if isinstance(name, x509.DNSName) else ""


_MODEL = Model(
    product="Proxmox Backup Server",
    name="pbs1",
    version="3.2.4",
    prefix="PBS",
    realm="pbs",
    certificate_file="proxy.pem",
    key_file="proxy.key",
    file_shown="proxy.pem",
    audit="Sys.Audit",
    modify="Sys.Modify",
    privileges=("Sys.Audit", "Sys.Modify", "Sys.PowerManagement", "Datastore.Audit", "Datastore.Modify", "Permissions.Modify"),
    told_paths=("/", "/access", "/datastore", "/remote", "/system"),
    acme_path="/nodes/{node}/config",
    name_in_words=_dns_alone,
    info_needs_modify=True,
    ticket_in_cookie=False,
    unreadable="error loading proxy certificate: ",
    service="proxmox-backup-proxy",
)


class ProxmoxBackup(RustProduct):
    """A Backup Server at a free port of ``host``.

    Its reload happens at once, and says nothing when it fails; a pair that cannot be served is
    accepted, the old one stays until the next start, which fails.
    """

    model = _MODEL
