"""What a table of the kind ``proxmox`` says: one node, or a cluster and which of its nodes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from certpush import Endpoint
from certpush.errors import ConfigError
from certpush.kit.settings import Doc
from certpush_proxmox.settings import Port, TokenSettings, check_node, read_address


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
