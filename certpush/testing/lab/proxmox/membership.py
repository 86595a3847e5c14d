"""Which nodes there are: what a node that stands alone knows, and what a cluster must be able to tell."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Protocol

from certpush.model import JsonValue, fingerprint
from certpush.testing.lab.proxmox.files import CUSTOM, OWN
from certpush.testing.lab.proxmox.http import Response
from certpush.testing.lab.proxmox.info import first_certificate, with_colons
from certpush.testing.lab.proxmox.machine import Machine
from certpush.testing.lab.proxmox.refusals import Refused
from certpush.testing.lab.proxmox.routes import Call

NO_CONNECTION, NO_ANSWER = 595, 596  # AnyEvent::HTTP's own
NOT_PINNED = "error:0A000086:SSL routines::certificate verify failed"


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


def at_odd_name(name: str, names: Collection[str]) -> Response:
    """What a call for a node that is not in the cluster under exactly that name ends with.

    Its full name, or one in capitals, can be looked up, but no directory of that name has a certificate to pin.

    Raises:
        Refused: nobody knows it.

    """
    if name.partition(".")[0].lower() not in names:
        raise unknown_node(name)
    return Response(NO_ANSWER, NOT_PINNED)


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
        return None if node in ("localhost", asking) else at_odd_name(node, (asking,))
