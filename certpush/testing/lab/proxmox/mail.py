"""A Proxmox Mail Gateway."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Self

from certpush.model import CertificateBundle
from certpush.testing.authority.in_memory import Clock, real_clock
from certpush.testing.lab.proxmox.accounts import Accounts
from certpush.testing.lab.proxmox.admission import Doorkeeper, Unknown, credential
from certpush.testing.lab.proxmox.http import Head
from certpush.testing.lab.proxmox.machine import Timing
from certpush.testing.lab.proxmox.mail_calls import mail_routes
from certpush.testing.lab.proxmox.mail_machine import MailMachine, Use
from certpush.testing.lab.proxmox.perl_api import PerlApi, PerlHabits
from certpush.testing.lab.proxmox.product import Product, usual_accounts
from certpush.testing.lab.proxmox.refusals import died
from certpush.testing.lab.proxmox.routes import Call, Routes
from certpush.testing.lab.proxmox.service import Service

USER = "certpush@pmg"
_TWICE = "duplicate parameter (already defined in URI)"
_ROLES = ("admin",)


@dataclass
class _Doors:
    """Tickets alone open."""

    tickets_alone: Doorkeeper

    def admit(self, head: Head) -> str:
        """The full name of the user.

        Raises:
            Unknown: the caller is not let in.

        """
        if credential(head.headers.get("authorization", ""), "PVEAPIToken") and not head.path.endswith("/access/ticket"):
            raise Unknown("API tokens not implemented")
        return self.tickets_alone.admit(head)


class ProxmoxMail(Product):
    """A Mail Gateway: its API at a free port of ``host``, SMTP with STARTTLS at another.

    SMTP is without TLS until a certificate is uploaded for it. The other arguments are those of
    ``ProxmoxNode``.
    """

    def __init__(  # noqa: PLR0913 - keywords, all with a default
        self,
        name: str = "pmg1",
        *,
        host: str = "127.0.0.1",
        overlap: float = 5.2,
        first_new: float = 0.3,
        refusal_delay: float = 3.0,
        idle: float = 5.0,
        version: str = "9.1.2",
        clock: Clock = real_clock,
    ) -> None:
        accounts = usual_accounts(Accounts(_ROLES), USER, {"/": {"admin"}}, token=False)
        timing = Timing(overlap, first_new, refusal_delay, idle)
        self._machine = machine = MailMachine(name, host, version, accounts, timing, clock)
        routes = Routes(mail_routes(machine), accounts, PerlHabits(_TWICE, even_if_equal=True), self._refuse_others)
        doors = _Doors(Doorkeeper(accounts, machine.tickets, machine.clock, "PMG", takes_tokens=False))
        api = PerlApi(routes, doors, delay=refusal_delay)
        service = Service(api, machine.workers, machine.faults, machine.clock, host=host, idle=idle)
        super().__init__(name, service, machine.workers, accounts, machine.files, user=USER)

    @property
    def smtp_port(self) -> int:
        """Where SMTP is spoken; 0 before the first start."""
        return self._machine.postfix.listener.port

    @property
    def role(self) -> str:
        """The usual user's role: admin, audit, qmanager or helpdesk. May be set."""
        return next(iter(self.accounts.rights[self.user]["/"]), "")

    @role.setter
    def role(self, role: str) -> None:
        self.accounts.rights[self.user]["/"] = {role}

    @property
    def own_fingerprint(self) -> str:
        """The SHA-256 of the certificate that it made for its API last."""
        return self._machine.own_fingerprint

    def served_by_smtp(self) -> str | None:
        """What SMTP shows after STARTTLS; None where TLS is off or cannot begin."""
        shown = self._machine.postfix.shown
        return shown.fingerprint if shown else None

    def install(self, bundle: CertificateBundle, use: Use = "api", *, reload: bool = True) -> None:
        """Put a pair there, as another administrator would; for SMTP, TLS is switched on, too."""
        with self._machine.lock:
            self._machine.upload(use, bundle.key.reveal_pem() + bundle.fullchain_pem, force=True)
            if use == "api" and reload:
                self._machine.workers.reload()
            if use == "smtp":
                self._machine.mail_tls = True
            if use == "smtp" and reload:
                self._machine.reload_postfix()

    def start(self) -> Self:
        """Open both ports; what is served is read from the files anew."""
        self._machine.reload_postfix()
        self._machine.postfix.listener.start()
        return super().start()

    def stop(self) -> None:
        """Close both ports and every connection; files and accounts stay."""
        super().stop()
        self._machine.postfix.listener.stop()

    def _refuse_others(self, node: str, _call: Call) -> None:
        if node not in ("localhost", self.name):
            raise died(f"unable to get remote IP address for node '{node}'")
