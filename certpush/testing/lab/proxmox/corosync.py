"""A cluster as its nodes see it: who belongs to it, who is online, and how calls for others get there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from certpush.model import JsonValue
from certpush.testing.lab.proxmox.http import Response
from certpush.testing.lab.proxmox.machine import Machine
from certpush.testing.lab.proxmox.membership import Neighbour, at_odd_name, file_fingerprint
from certpush.testing.lab.proxmox.proxying import Neighbourhood
from certpush.testing.lab.proxmox.routes import Call
from certpush.testing.lab.proxmox.service import Service


@dataclass
class Corosync:
    """The nodes of one cluster in their order; ``services`` are added as they are made.

    ``refresh`` and ``timeout`` are those of a ``Neighbourhood``.
    """

    name: str
    machines: Mapping[str, Machine]
    refresh: float
    timeout: float
    services: dict[str, Service] = field(default_factory=dict)
    quorate: bool = True

    def nodes(self) -> Sequence[Neighbour]:
        """All nodes."""
        return tuple(Neighbour(name, self._online(name), file_fingerprint(one)) for name, one in self.machines.items())

    def status(self, asking: str) -> JsonValue:
        """The cluster, then its nodes."""
        told: list[JsonValue] = [
            {
                "type": "cluster",
                "id": "cluster",
                "name": self.name,
                "nodes": len(self.machines),
                "version": len(self.machines),
                "quorate": int(self.quorate),
            }
        ]
        for number, (name, machine) in enumerate(self.machines.items(), 1):
            entry: dict[str, JsonValue] = {"type": "node", "id": f"node/{name}", "name": name, "nodeid": number, "ip": machine.host}
            told.append(entry | {"local": int(name == asking), "online": int(self._online(name)), "level": ""})
        return told

    def forward(self, asking: str, node: str, call: Call) -> Response | None:
        """Hand a call on to the node it is for."""
        if node in ("localhost", asking):
            return None
        if node not in self.machines:
            return at_odd_name(node, self.machines)
        address = (self.machines[node].host, self.services[node].listener.port)
        return Neighbourhood(self._fingerprint_of, self.refresh, self.timeout).pass_on(call, node, address)

    def _online(self, name: str) -> bool:
        return self.services[name].listener.listening

    def _fingerprint_of(self, name: str) -> str:
        return file_fingerprint(self.machines[name])
