"""The calls of a PVE node that concern its certificates."""

from __future__ import annotations

from certpush.model import JsonValue
from certpush.testing.lab.proxmox.machine import Machine
from certpush.testing.lab.proxmox.parameters import CERTIFICATES, KEY, NODE, SWITCH, switch, text
from certpush.testing.lab.proxmox.pems import without_leading_text
from certpush.testing.lab.proxmox.routes import Call, Route, needs

_AT_NODE = "/nodes/{node}"


def certificate_routes(machine: Machine) -> list[Route]:
    """What a node answers about its certificates."""
    custom = f"{_AT_NODE}/certificates/custom"
    modify, node = needs(_AT_NODE, "Sys.Modify"), {"node": NODE}
    upload = {**node, "certificates": CERTIFICATES, "key": KEY, "force": SWITCH, "restart": SWITCH}
    calls = CertificateCalls(machine)
    return [
        Route("GET", f"{_AT_NODE}/certificates/info", calls.information, node, to_node=True),
        Route("POST", custom, calls.upload, upload, modify, to_node=True),
        Route("DELETE", custom, calls.remove, {**node, "restart": SWITCH}, modify, to_node=True),
    ]


class CertificateCalls:
    """What may be asked of /nodes/N/certificates."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def information(self, call: Call) -> JsonValue:
        """What the files are; not what is served."""
        return self._machine.files_of(str(call.given["node"])).information()

    def upload(self, call: Call) -> JsonValue:
        """Put a pair there, and reload where that is asked for."""
        files = self._machine.files_of(str(call.given["node"]))
        key = text(call.given, "key")
        if key is None:
            files.needs_key()
        with self._machine.take_lock():
            told = files.upload(
                without_leading_text(str(call.given["certificates"])),
                without_leading_text(key) if key is not None else None,
                force=switch(call.given, "force"),
            )
            self._reload_if_asked(call)
        return told

    def remove(self, call: Call) -> JsonValue:
        """Remove the pair, and reload where that is asked for."""
        with self._machine.take_lock():
            self._machine.files_of(str(call.given["node"])).remove()
            self._reload_if_asked(call)
        return None

    def _reload_if_asked(self, call: Call) -> None:
        if switch(call.given, "restart"):
            self._machine.reload()
