"""Proxmox products as they look over the network: HTTPS servers on loopback that answer as the real ones do, traps included.

They check as strictly as the real ones, break where the real ones break, and know their old
workers, which go on serving the old certificate for some seconds after a reload.
"""

from certpush.testing.lab.proxmox.backup import ProxmoxBackup
from certpush.testing.lab.proxmox.cluster import ProxmoxCluster
from certpush.testing.lab.proxmox.datacenter import ProxmoxDatacenter
from certpush.testing.lab.proxmox.faults import Answer, Broken, ProxmoxFaults
from certpush.testing.lab.proxmox.mail import ProxmoxMail
from certpush.testing.lab.proxmox.node import ProxmoxNode
from certpush.testing.lab.proxmox.tickets import totp_code

__all__ = [
    "Answer",
    "Broken",
    "ProxmoxBackup",
    "ProxmoxCluster",
    "ProxmoxDatacenter",
    "ProxmoxFaults",
    "ProxmoxMail",
    "ProxmoxNode",
    "totp_code",
]
