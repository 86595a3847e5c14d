"""A cluster as members: which nodes, in which order, where each answers, and with which names."""

from __future__ import annotations

import contextlib
from collections.abc import Collection, Iterable

import msgspec

from certpush import CertificateRequest, Endpoint
from certpush.errors import ConfigError
from certpush.model import DnsName, Name, name_covers, parse_name
from certpush.target import Member
from certpush_proxmox.api import Api
from certpush_proxmox.nodes import Cluster, Node, audit, look_at_cluster, who_answers
from certpush_proxmox.product import Product
from certpush_proxmox.ve_settings import ProxmoxSettings


def members(product: Product, settings: ProxmoxSettings, request: CertificateRequest) -> tuple[Member[ProxmoxSettings], ...]:
    """Each node with settings that lead to itself; the one through which we ask comes last, for it tells of the others."""
    with contextlib.closing(Api(product, settings)) as api:
        there = look_at_cluster(api)
        entry = who_answers(api, there, next((name for name, place in settings.places.items() if place == settings.address), None))
        names = [there.known(name, api.where).name for name in settings.chosen] or sorted(there.nodes)
    in_order = [*(name for name in names if name != entry), *(name for name in names if name == entry)]
    return tuple(_member(settings, request, there, there.nodes[name], entry=name == entry) for name in in_order)


def _member(settings: ProxmoxSettings, request: CertificateRequest, there: Cluster, node: Node, *, entry: bool) -> Member[ProxmoxSettings]:
    where = settings.address if entry and node.name not in settings.places else _place(settings, node)
    own = _own_names(settings, request, there, node, where) if settings.per_node else ()
    trust = settings.trust.also(*([node.fingerprint] if node.fingerprint else []))
    return Member(
        node.name,
        msgspec.structs.replace(  # type: ignore[type-var] # a Struct, to msgspec
            settings,
            host=where.host,
            port=where.port,
            node=node.name,
            nodes=(),
            per_node=False,
            addresses=(),
            server_name=_server_name(own or request.names, node, where),
            trust=trust,
        ),
        own,
    )


def _place(settings: ProxmoxSettings, node: Node) -> Endpoint:
    """Where a node answers: as it was written down, or as the cluster tells."""
    if node.name in settings.places:
        return settings.places[node.name]
    if node.address is None:
        raise ConfigError(
            f"the cluster does not tell where the node {node.name} answers",
            hint=f'write addresses = ["{node.name}=ADDRESS"], or let it look: {audit(settings)}',
        )
    return Endpoint(node.address, settings.address.port)


def _server_name(names: tuple[Name, ...], node: Node, where: Endpoint) -> str | None:
    """The name to ask a node for: none where its address is covered, else the one of the names that is the node's."""
    if name_covers(names, where.host):
        return None
    mine = next((str(one) for one in names if _first_label(one) == node.name.lower()), None)
    wildcard = next((str(one)[2:] for one in names if str(one).startswith("*.")), None)
    return mine or (f"{node.name.lower()}.{wildcard}" if wildcard else None)


def _own_names(settings: ProxmoxSettings, request: CertificateRequest, there: Cluster, node: Node, where: Endpoint) -> tuple[Name, ...]:
    """Those of the names that are this node's, and those that are no node's: a name of the whole cluster, say."""
    mine = [one for one in request.names if one in _names_like(where) or _first_label(one) == node.name.lower()]
    others = [_place_or_none(settings, other) for other in there.nodes.values() if other.name != node.name]
    shared = [one for one in request.names if one not in mine and not _belongs(one, there.nodes, others)]
    if not mine and not any(str(one).startswith("*.") for one in shared):
        raise ConfigError(
            f"names has none for the node {node.name}, which is to have a certificate of its own",
            hint=f'add "{node.name}.YOUR.DOMAIN" or "{where.host}" to names, or leave per_node out',
        )
    return tuple(one for one in request.names if one in mine or one in shared)


def _belongs(name: Name, nodes: Iterable[str], places: Collection[Endpoint | None]) -> bool:
    """Whether a name is some node's."""
    by_address = any(place is not None and name in _names_like(place) for place in places)
    return by_address or _first_label(name) in {one.lower() for one in nodes}


def _place_or_none(settings: ProxmoxSettings, node: Node) -> Endpoint | None:
    with contextlib.suppress(ConfigError):
        return _place(settings, node)
    return None


def _names_like(place: Endpoint) -> tuple[Name, ...]:
    return (parse_name(place.host),)


def _first_label(name: Name) -> str | None:
    return name.value.partition(".")[0] if isinstance(name, DnsName) else None
