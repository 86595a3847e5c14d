"""Which nodes there are and which one answers: told by the API, never guessed from names."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from certpush.errors import TargetRefused
from certpush.kit.command import escaped
from certpush.model import JsonValue, fingerprint
from certpush_proxmox.api import Api
from certpush_proxmox.refusals import RightsMissing
from certpush_proxmox.settings import LoginSettings


@dataclass(frozen=True, slots=True)
class Node:
    """One node as the cluster sees it; what was not told is None."""

    name: str
    online: bool = True
    fingerprint: str | None = None
    """Of the certificate file of its web UI: the node that was asked vouches for the others with it."""
    address: str | None = None
    local: bool | None = None
    """Whether it is the one that answered."""


@dataclass(frozen=True, slots=True)
class Cluster:
    """The nodes, and whether they are enough to change anything; None where we may not know."""

    nodes: Mapping[str, Node]
    quorate: bool | None = None

    def known(self, name: str, where: str) -> Node:
        """The node of this name.

        Raises:
            TargetRefused: there is none.

        """
        if name not in self.nodes:
            raise TargetRefused(
                f"{where}: there is no node {escaped(name)}", hint=f"there are: {', '.join(sorted(self.nodes))}; or leave node out"
            )
        return self.nodes[name]


def audit(settings: LoginSettings) -> str:
    """The commands that let a login see the cluster's status, and change nothing."""
    token = getattr(settings, "token_id", None)
    user = settings.user or str(token).partition("!")[0]
    whose = [f"--users '{user}'", *([f"--tokens '{token}'"] if token else [])]
    return "; ".join(f"pveum acl modify / {one} --roles PVEAuditor --propagate 0" for one in whose)


def look_at_cluster(api: Api) -> Cluster:
    """List the nodes; addresses and quorum only where ``Sys.Audit`` on / lets us know them."""
    listed = {name: one for one in _tables(api.once("nodes")) if (name := str(one.get("node", "")))}
    if not listed:
        raise TargetRefused(f"{api.where}: no node was listed", hint="is it the API of Proxmox VE?")
    status = _status(api.once)
    members = {str(one.get("name")): one for one in status if one.get("type") == "node"}
    nodes = {name: _node(name, one, members.get(name, {})) for name, one in listed.items()}
    return Cluster(nodes, _quorate(status))


def refuse_without_quorum(api: Api) -> None:
    """See that the cluster can write at this moment, as far as we may know.

    Raises:
        TargetRefused: it cannot.

    """
    if _quorate(_status(api.get)) is False:
        raise TargetRefused(
            f"{api.where}: nothing can be written, because the cluster has no quorum", hint="`pvecm status` on a node shows what is missing"
        )


def _status(read: Callable[..., JsonValue]) -> list[Mapping[str, JsonValue]]:
    try:
        return list(_tables(read("cluster", "status")))
    except RightsMissing:
        return []


def _quorate(status: Iterable[Mapping[str, JsonValue]]) -> bool | None:
    return next((bool(one.get("quorate")) for one in status if one.get("type") == "cluster"), None)


def _node(name: str, listed: Mapping[str, JsonValue], member: Mapping[str, JsonValue]) -> Node:
    told = str(listed.get("ssl_fingerprint") or "").replace(":", "").lower()
    address, local = member.get("ip"), member.get("local")
    return Node(
        name,
        online=str(listed.get("status", "online")) != "offline",
        fingerprint=told if len(told) == 64 else None,
        address=str(address) if address else None,
        local=None if local is None else bool(local),
    )


def who_answers(api: Api, cluster: Cluster, said: str | None = None) -> str:
    """The name of the node that was asked; ``said`` is what the configuration says, which counts where the cluster does not tell.

    Raises:
        TargetRefused: it cannot be told.

    """
    if len(cluster.nodes) == 1:
        return next(iter(cluster.nodes))
    local = next((one.name for one in cluster.nodes.values() if one.local), None)
    return local or _recognised(api, cluster, said)


def _recognised(api: Api, cluster: Cluster, said: str | None) -> str:
    """Without the right to see the cluster's status: by the certificate that was shown, as far as no two nodes have the same."""
    shown = fingerprint(api.connections.peer) if api.connections.peer else None
    alike = [one.name for one in cluster.nodes.values() if one.fingerprint == shown]
    if said is not None and (said in alike or not alike):
        return said
    if len(alike) == 1:
        return alike[0]
    raise TargetRefused(
        f"{api.where}: which node of the cluster answers there cannot be told",
        hint=f"let it look: {audit(api.settings)}; or write node = one of: {', '.join(sorted(cluster.nodes))} "
        '(for a cluster: addresses = ["NODE=ADDRESS"], also of the host itself)',
    )


def _tables(answer: JsonValue) -> Iterator[Mapping[str, JsonValue]]:
    if not isinstance(answer, list):
        raise TargetRefused("a list of nodes cannot be understood", hint="is it the API of Proxmox VE?")
    return (one for one in answer if isinstance(one, dict))
