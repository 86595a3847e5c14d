"""The kind ``proxmox``: Proxmox VE, one node or a cluster.

Facts from pve-manager (PVE/API2/Certificates.pm, PVE/CertHelpers.pm) and pve-http-server. The
upload goes to ``pveproxy-ssl.pem`` and ``.key``; ``pve-ssl.*`` is the node's own, which the
cluster itself lives by, and is never touched.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING

from certpush import CertificateRequest, Finding, TargetKind, hookimpl
from certpush.errors import TargetRefused
from certpush.target import Member, Reversible
from certpush_proxmox import preflight
from certpush_proxmox.identity import identify
from certpush_proxmox.product import Product, Removal
from certpush_proxmox.ve_settings import ProxmoxSettings

if TYPE_CHECKING:  # who only reads a configuration loads no HTTP client
    from certpush_proxmox.api import Api
    from certpush_proxmox.device import Device
    from certpush_proxmox.target import ProxmoxTarget

PVE = Product(
    title="Proxmox VE",
    service="PVE",
    file="pveproxy-ssl.pem",
    own_file="pve-ssl.pem",
    removal=Removal.OWN,
    daemon="pveproxy",
    rights="/nodes/{node}",
    grants=(
        "pveum role add CertPush --privs Sys.Modify",
        "pveum acl modify {path} --users '{user}' --roles CertPush",
        "pveum acl modify {path} --tokens '{token}' --roles CertPush",
    ),
    show="pvenode cert info",
    recover="pvenode cert delete 1",
    changes="pveproxy-ssl.pem and pveproxy-ssl.key on {node}; pveproxy reloads (open consoles reconnect)",
)


def open_target(settings: ProxmoxSettings) -> ProxmoxTarget:
    """One node; nothing is asked of it yet."""
    from certpush_proxmox.device import Device
    from certpush_proxmox.nodes import refuse_without_quorum
    from certpush_proxmox.target import ProxmoxTarget

    device = Device(PVE, settings, lambda api: name_of(api, settings), settings.endpoint)
    return ProxmoxTarget(device, checks, refuse_without_quorum)


def name_of(api: Api, settings: ProxmoxSettings) -> str:
    """The node that answers, which must be the one that is meant: what is uploaded through another one could not be proved there."""
    from certpush_proxmox.nodes import look_at_cluster, who_answers

    there = look_at_cluster(api)
    if settings.node is not None:
        there.known(settings.node, api.where)
    answers = who_answers(api, there, settings.node)
    if settings.node not in (None, answers):
        raise TargetRefused(
            f"{api.where}: the node {answers} answers there, not {settings.node}",
            hint=f"write the address of {settings.node} itself as host: each node is asked and looked at directly",
        )
    return answers


def members(settings: ProxmoxSettings, request: CertificateRequest) -> tuple[Member[ProxmoxSettings], ...]:
    """The nodes of a cluster in the order of rotation; none where it is one node."""
    if not settings.nodes:
        return ()
    from certpush_proxmox import cluster

    return cluster.members(PVE, settings, request)


def checks(device: Device, request: CertificateRequest) -> Iterator[Finding]:
    """What is looked for on a node."""
    yield from preflight.findings(device, request)
    yield from preflight.cluster(device)
    yield from preflight.acme(device, request)
    yield from preflight.pinned_backups(device)


@hookimpl
def certpush_target() -> TargetKind[ProxmoxSettings]:
    """Declare the kind ``proxmox``."""
    return TargetKind(
        "proxmox",
        "the web UI of Proxmox VE, one node or a cluster, by its API",
        ProxmoxSettings,
        open_target,
        reversible=Reversible.NEEDS_PREVIOUS,
        fallback="the node's own certificate (pve-ssl.pem) comes back, by DELETE",
        disruption="pveproxy reloads; open consoles reconnect",
        steady=timedelta(seconds=6),
        deadline=timedelta(seconds=60),
        members=members,
        identify=partial(identify, PVE),
    )
