"""The calls of a Mail Gateway."""

from __future__ import annotations

from typing import cast

from certpush.model import JsonValue
from certpush.testing.lab.proxmox.accounts import Accounts
from certpush.testing.lab.proxmox.logins import Logins
from certpush.testing.lab.proxmox.mail_machine import MailMachine, Use
from certpush.testing.lab.proxmox.parameters import CERTIFICATES, NEEDED_KEY, NODE, SWITCH, a_text, one_of, switch
from certpush.testing.lab.proxmox.pems import without_leading_text
from certpush.testing.lab.proxmox.refusals import Refused
from certpush.testing.lab.proxmox.routes import Call, Right, Route

_AT = "/nodes/{node}/certificates"
_TEXT = a_text(optional=True)
_LOGIN = {"username": a_text(longest=64), "password": a_text(), "realm": _TEXT, "otp": _TEXT, "path": _TEXT, "tfa-challenge": _TEXT}


def needs_role(*roles: str) -> Right:
    """One of these roles; a user's role is their right at the root."""

    def check(accounts: Accounts, call: Call) -> None:
        if not accounts.privileges(call.caller, "/") & set(roles):
            raise Refused(403, "Permission check failed\n")

    return check


def mail_routes(machine: MailMachine) -> list[Route]:
    """All that is answered."""
    calls, admin, node = MailCalls(machine), needs_role("admin"), {"node": NODE}
    one = {**node, "type": one_of("api", "smtp"), "restart": SWITCH}
    upload = {**one, "certificates": CERTIFICATES, "key": NEEDED_KEY, "force": SWITCH}
    return [
        Route("GET", "/version", lambda _: calls.version()),
        Route("POST", "/access/ticket", calls.log_in, _LOGIN),
        Route("GET", "/nodes", lambda _: [{"node": machine.name}]),  # the node that answers comes first
        Route("GET", f"{_AT}/info", lambda _: machine.information(), node, to_node=True),
        Route("POST", f"{_AT}/custom/{{type}}", calls.upload, upload, admin, to_node=True),
        Route("DELETE", f"{_AT}/custom/{{type}}", calls.remove, one, admin, to_node=True),
        Route("GET", "/nodes/{node}/config", lambda _: calls.configuration(), node, needs_role("admin", "audit"), to_node=True),
    ]


class MailCalls:
    """What may be asked of a Mail Gateway."""

    def __init__(self, machine: MailMachine) -> None:
        self._machine = machine
        self._logins = Logins(machine.accounts, machine.tickets)

    def version(self) -> JsonValue:
        """Which release it is."""
        version = self._machine.version
        return {"version": version, "release": version.rpartition(".")[0], "repoid": "0915894c0ffee000"}

    def log_in(self, call: Call) -> JsonValue:
        """Give a ticket and the role, or a challenge."""
        return self._logins.log_in(call.given, self._machine.clock(), lambda name: {"role": self._role(name)})

    def upload(self, call: Call) -> JsonValue:
        """Put key and chain there; for SMTP, TLS is switched on, too."""
        use, restart = _use(call), switch(call.given, "restart")
        pem = f"{without_leading_text(str(call.given['key']))}\n{without_leading_text(str(call.given['certificates']))}"
        with self._machine.take_lock():
            told = self._machine.upload(use, pem.encode(), force=switch(call.given, "force"))
            if use == "api" and restart:
                self._machine.reload_api()
        if use == "smtp":
            self._machine.set_mail_tls(on=True, reload=restart)
        return told

    def remove(self, call: Call) -> JsonValue:
        """Go back: the API gets a certificate of its own, SMTP is left without TLS."""
        use, restart = _use(call), switch(call.given, "restart")
        with self._machine.take_lock():
            self._machine.remove(use)
            if use == "api" and restart:
                self._machine.reload_api()
        if use == "smtp":
            self._machine.set_mail_tls(on=False, reload=restart)
        return None

    def configuration(self) -> JsonValue:
        """What ACME is configured for."""
        domains = self._machine.faults.acme_domains[:5]
        told: dict[str, JsonValue] = {f"acmedomain{number}": f"domain={domain},usage=api" for number, domain in enumerate(domains)}
        return told | ({"acme": "account=default"} if domains else {})

    def _role(self, name: str) -> str:
        return next(iter(sorted(self._machine.accounts.privileges(name, "/"))), "")


def _use(call: Call) -> Use:
    return cast("Use", call.given["type"])  # it was checked
