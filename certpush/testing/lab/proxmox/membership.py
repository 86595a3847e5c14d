"""Which nodes there are: what a node that stands alone knows, and what a cluster must be able to tell."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from certpush.model import JsonValue, fingerprint
from certpush.testing.lab.proxmox.files import CUSTOM, OWN
from certpush.testing.lab.proxmox.http import Response
from certpush.testing.lab.proxmox.info import first_certificate, with_colons
from certpush.testing.lab.proxmox.machine import Machine
from certpush.testing.lab.proxmox.refusals import Refused
from certpush.testing.lab.proxmox.routes import Call


@dataclass(frozen=True)
class Neighbour:
    """What every node knows of a node; the fingerprint is that of its file, not of what it serves."""

    name: str
    online: bool
    fingerprint: str


class Membership(Protocol):
    """The nodes as one of them sees them."""

    def nodes(self) -> Sequence[Neighbour]:
        """All nodes, the asking one among them."""

    def status(self, asking: str) -> JsonValue:
        """What GET /cluster/status tells."""

    def forward(self, asking: str, node: str, call: Call) -> Response | None:
        """Hand a call on to another node; None where it is for the asking one.

        Raises:
            Refused: no such node.

        """


def file_fingerprint(machine: Machine) -> str:
    """The fingerprint of the certificate that a node should serve by its files; empty where that cannot be read."""
    certificate = first_certificate(machine.content.get(CUSTOM) or machine.content[OWN])
    return with_colons(fingerprint(certificate)) if certificate else ""


def unknown_node(name: str) -> Refused:
    """What a call for a node that nobody knows ends with."""
    return Refused(500, f"hostname lookup '{name}' failed - failed to get address info for: {name}: Name or service not known\n")


@dataclass
class Standalone:
    """A node that is in no cluster."""

    machine: Machine

    def nodes(self) -> Sequence[Neighbour]:
        """Itself."""
        return (Neighbour(self.machine.name, online=True, fingerprint=file_fingerprint(self.machine)),)

    def status(self, asking: str) -> JsonValue:
        """Itself, and nothing of a cluster."""
        entry: dict[str, JsonValue] = {"type": "node", "id": f"node/{asking}", "name": asking, "ip": self.machine.host}
        return [entry | {"local": 1, "nodeid": 0, "online": 1, "level": ""}]

    def forward(self, asking: str, node: str, _call: Call) -> Response | None:
        """Refuse what is for anyone else."""
        if node not in ("localhost", asking):
            raise unknown_node(node)
        return None
