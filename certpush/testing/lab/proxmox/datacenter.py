"""A Proxmox Datacenter Manager."""

from __future__ import annotations

import ipaddress

from cryptography import x509

from certpush.testing.lab.proxmox.rust_model import Model
from certpush.testing.lab.proxmox.rust_product import RustProduct


def _with_its_kind(name: x509.GeneralName) -> str:
    if isinstance(name, x509.DNSName):
        return f"DNS: {name.value}"
    if isinstance(name, x509.IPAddress) and isinstance(name.value, ipaddress.IPv4Address | ipaddress.IPv6Address):
        return f"IP: {list(name.value.packed)}"
    return ""


_MODEL = Model(
    product="Proxmox Datacenter Manager",
    name="pdm1",
    version="1.0.2",
    prefix="PDM",
    realm="pdm",
    certificate_file="api.pem",
    key_file="api.key",
    file_shown="/etc/proxmox-datacenter-manager/auth/api.pem",
    audit="System.Audit",
    modify="System.Modify",
    privileges=("System.Audit", "System.Modify", "Sys.PowerManagement", "Resource.Audit", "Access.Audit", "Access.Modify"),
    told_paths=("/", "/access", "/resource", "/system"),
    acme_path="/config/certificate",
    name_in_words=_with_its_kind,
    info_needs_modify=False,
    ticket_in_cookie=True,
    unreadable="",
)


class ProxmoxDatacenter(RustProduct):
    """A Datacenter Manager at a free port of ``host``; it reloads as a Backup Server does, and gives its tickets as cookies alone."""

    model = _MODEL
