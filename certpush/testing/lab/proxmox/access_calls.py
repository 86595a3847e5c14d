"""The calls under /access: logging in, and what the caller may."""

from __future__ import annotations

from certpush.model import JsonValue
from certpush.testing.lab.proxmox.accounts import Accounts, Clock
from certpush.testing.lab.proxmox.logins import Logins
from certpush.testing.lab.proxmox.parameters import SWITCH, a_text, text
from certpush.testing.lab.proxmox.routes import Call, Route
from certpush.testing.lab.proxmox.tickets import Tickets

_TEXT = a_text(optional=True)
_LOGIN = {
    "username": a_text(longest=64),
    "password": a_text(),
    "realm": _TEXT,
    "otp": _TEXT,
    "new-format": SWITCH,
    "tfa-challenge": _TEXT,
}


def access_routes(accounts: Accounts, tickets: Tickets, clock: Clock) -> list[Route]:
    """What is answered under /access."""
    logins = Logins(accounts, tickets)

    def capabilities(name: str) -> dict[str, JsonValue]:
        on_nodes = [one for one in sorted(accounts.privileges(name, "/nodes")) if one.startswith("Sys.")]
        return {"cap": {"nodes": dict.fromkeys(on_nodes, 1), "vms": {}, "access": {}, "storage": {}, "sdn": {}, "dc": {}, "mapping": {}}}

    return [
        Route("GET", "/access/ticket", lambda _: None, tokens=False),
        Route("POST", "/access/ticket", lambda call: logins.log_in(call.given, clock(), capabilities), _LOGIN, tokens=False),
        Route("GET", "/access/permissions", lambda call: _permissions(accounts, call), {"userid": _TEXT, "path": _TEXT}),
    ]


def _permissions(accounts: Accounts, call: Call) -> JsonValue:
    whose = text(call.given, "userid") or call.caller
    if whose != call.caller and whose.partition("!")[0] != call.caller:
        accounts.require(call.caller, "/access", "Sys.Audit")
    path = text(call.given, "path")
    told = {path: accounts.privileges(whose, path)} if path else accounts.effective(whose)
    return {where: dict.fromkeys(sorted(some), 1) for where, some in told.items()}
