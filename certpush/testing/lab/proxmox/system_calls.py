"""The calls that tell of a node and its cluster, and those that reload or restart a service."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from certpush.model import JsonValue
from certpush.testing.lab.proxmox.accounts import Accounts
from certpush.testing.lab.proxmox.machine import Machine
from certpush.testing.lab.proxmox.membership import Membership
from certpush.testing.lab.proxmox.parameters import NODE, a_text, one_of, text
from certpush.testing.lab.proxmox.routes import Call, Route, needs

_AT_NODE = "/nodes/{node}"
_SERVICES = (
    "chrony",
    "corosync",
    "cron",
    "ksmtuned",
    "lxcfs",
    "postfix",
    "proxmox-firewall",
    "pve-cluster",
    "pve-firewall",
    "pve-ha-crm",
    "pve-ha-lrm",
    "pve-lxc-syscalld",
    "pvedaemon",
    "pvefw-logger",
    "pveproxy",
    "pvescheduler",
    "pvestatd",
    "qmeventd",
    "spiceproxy",
    "sshd",
    "syslog",
    "systemd-journald",
    "systemd-timesyncd",
)
_ALL_CONFIGURED = 5  # domains for ACME
_LOAD: Mapping[str, JsonValue] = {
    "cpu": 0.0123,
    "maxcpu": 4,
    "mem": 2147483648,
    "maxmem": 8589934592,
    "disk": 4294967296,
    "maxdisk": 34359738368,
    "uptime": 86400,
}


def system_routes(machine: Machine, membership: Membership) -> list[Route]:
    """What is answered about the node, its tasks and its cluster."""
    node, modify, audit = {"node": NODE}, needs(_AT_NODE, "Sys.Modify"), needs(_AT_NODE, "Sys.Audit")
    everything = needs("/", "Sys.Audit")
    service = {**node, "service": one_of(*_SERVICES)}
    calls = SystemCalls(machine)
    return [
        Route("GET", "/version", lambda _: calls.version()),
        Route("GET", "/nodes", lambda call: list_nodes(machine.accounts, membership, call)),
        Route("GET", "/cluster/status", lambda _: membership.status(machine.name), right=everything),
        Route("GET", "/storage", calls.storages, {"type": a_text(optional=True)}),
        Route("GET", f"{_AT_NODE}/time", lambda _: calls.time(), node, audit, to_node=True),
        Route("GET", f"{_AT_NODE}/config", calls.configuration, {**node, "property": a_text(optional=True)}, everything, to_node=True),
        Route("POST", f"{_AT_NODE}/services/{{service}}/reload", calls.reload, service, modify, to_node=True),
        Route("POST", f"{_AT_NODE}/services/{{service}}/restart", calls.restart, service, modify, to_node=True),
        Route("GET", f"{_AT_NODE}/tasks/{{upid}}/status", calls.task, {**node, "upid": a_text()}, to_node=True),
    ]


def list_nodes(accounts: Accounts, membership: Membership, call: Call) -> JsonValue:
    """What GET /nodes tells: all nodes, with how busy they are for those who may know."""
    told: list[JsonValue] = []
    for node in membership.nodes():
        entry: dict[str, JsonValue] = {"id": f"node/{node.name}", "node": node.name, "type": "node", "level": ""}
        entry |= {"status": "online" if node.online else "offline", "ssl_fingerprint": node.fingerprint}
        if "Sys.Audit" in accounts.privileges(call.caller, f"/nodes/{node.name}") and node.online:
            entry |= _LOAD
        told.append(entry)
    return told


class SystemCalls:
    """What may be asked of a node about itself."""

    def __init__(self, machine: Machine) -> None:
        self._machine = machine

    def version(self) -> JsonValue:
        """Which release it is."""
        version = self._machine.version
        return {"version": version, "release": version.rpartition(".")[0], "repoid": "14a22df1c0ffee00"}

    def time(self) -> JsonValue:
        """What its clock shows."""
        now = int(self._machine.clock().timestamp())
        return {"time": now, "localtime": now, "timezone": "Etc/UTC"}

    def configuration(self, call: Call) -> JsonValue:
        """The node's own configuration, of which ACME is a part."""
        domains = self._machine.faults.acme_domains[:_ALL_CONFIGURED]
        told: dict[str, JsonValue] = {"digest": "da39a3ee5e6b4b0d3255bfef95601890afd80709"}
        if domains:
            told["acme"] = "account=default"
        told |= {f"acmedomain{number}": f"domain={domain}" for number, domain in enumerate(domains)}
        wanted = text(call.given, "property")
        return told if wanted is None else {name: value for name, value in told.items() if name == wanted}

    def storages(self, call: Call) -> JsonValue:
        """The storages that the caller may see."""
        wanted, accounts = text(call.given, "type"), self._machine.accounts
        seen = {"Datastore.Audit", "Datastore.AllocateSpace"}
        visible = [one for one in self._machine.faults.storages if seen & accounts.privileges(call.caller, f"/storage/{one['storage']}")]
        return [{"content": "backup", **one} for one in visible if wanted in (None, one["type"])]

    def reload(self, call: Call) -> JsonValue:
        """Reload a service, in the background."""
        return self._bid(call, "srvreload", "try-reload-or-restart")

    def restart(self, call: Call) -> JsonValue:
        """Start a service anew, in the background."""
        return self._bid(call, "srvrestart", "restart")

    def _bid(self, call: Call, task: str, verb: str) -> JsonValue:
        service = str(call.given["service"])

        def work() -> None:
            if service == "pveproxy":
                self._machine.run_systemctl(verb)

        return self._machine.tasks.start(task, service, call.caller, self._now(), work)

    def task(self, call: Call) -> JsonValue:
        """How a task is going; for its owner, or those who may see all."""
        task = self._machine.tasks.find(str(call.given["upid"]))
        if not task.belongs_to(call.caller):
            self._machine.accounts.require(call.caller, f"/nodes/{self._machine.name}", "Sys.Audit")
        return task.described()

    def _now(self) -> datetime:
        return self._machine.clock()
