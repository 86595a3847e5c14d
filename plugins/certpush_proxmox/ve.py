"""The kind ``proxmox``: Proxmox VE, one node or a cluster.

Facts from pve-manager (PVE/API2/Certificates.pm, PVE/CertHelpers.pm) and pve-http-server. The
upload goes to ``pveproxy-ssl.pem`` and ``.key``; ``pve-ssl.*`` is the node's own, which the
cluster itself lives by, and is never touched.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Annotated

from certpush import CertificateRequest, Endpoint, Finding, TargetKind, hookimpl
from certpush.errors import ConfigError, TargetRefused
from certpush.kit.settings import Doc
from certpush.target import Member, Reversible
from certpush_proxmox import preflight
from certpush_proxmox.identity import identify
from certpush_proxmox.product import Product, Removal
from certpush_proxmox.settings import Port, TokenSettings, check_node, read_address

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


class ProxmoxSettings(TokenSettings):
    """A node of Proxmox VE, or a whole cluster that is reached through one of its nodes."""

    port: Port = 8006
    node: Annotated[str | None, Doc("the node's name as the web UI shows it; found out by the API when left out")] = None
    nodes: Annotated[str | tuple[str, ...], Doc('a cluster: "all", or the names of its nodes in the order of rotation')] = ()
    per_node: Annotated[bool, Doc("each node gets a certificate of its own, with those of the names that are its own or nobody's")] = False
    addresses: Annotated[tuple[str, ...], Doc('where nodes answer, as far as the cluster does not tell: "pve2=10.0.0.12"')] = ()

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.node is not None:
            check_node("node", self.node)
        if self.node is not None and self.nodes:
            raise ConfigError("both node and nodes are given", hint="node is for one node, nodes for a cluster: leave one of them out")
        if self.per_node and not self.nodes:
            raise ConfigError("per_node belongs to a cluster", hint='write nodes = "all", or the names of the nodes')
        for name in self.chosen:
            check_node("nodes", name)
        if len(set(self.chosen)) != len(self.chosen):
            raise ConfigError("nodes: one stands there twice", hint="name each node once")
        _ = self.places

    @property
    def chosen(self) -> tuple[str, ...]:
        """The nodes that are named; none where all are meant."""
        if isinstance(self.nodes, str):
            return () if self.nodes == "all" else (self.nodes,)
        return tuple(self.nodes)

    @property
    def places(self) -> Mapping[str, Endpoint]:
        """Where nodes answer, as far as it was written down."""
        return dict(map(self._place, self.addresses))

    def _place(self, text: str) -> tuple[str, Endpoint]:
        name, mark, address = text.partition("=")
        if not mark or not address:
            raise ConfigError(f"addresses: {text[:80]!a} is no address of a node", hint='write "pve2=10.0.0.12", or "pve2=10.0.0.12:8006"')
        check_node("addresses", name)
        return name, read_address("addresses", address, self.address.port)


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
