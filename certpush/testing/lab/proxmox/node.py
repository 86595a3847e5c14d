"""A Proxmox VE node that stands alone."""

from __future__ import annotations

from typing import Self

from certpush.model import CertificateBundle, fingerprint
from certpush.testing.authority.in_memory import Clock, real_clock
from certpush.testing.lab.proxmox.access_calls import access_routes
from certpush.testing.lab.proxmox.accounts import Accounts, Acl
from certpush.testing.lab.proxmox.admission import Doorkeeper
from certpush.testing.lab.proxmox.certificate_calls import certificate_routes
from certpush.testing.lab.proxmox.faults import ProxmoxFaults
from certpush.testing.lab.proxmox.files import CUSTOM, CUSTOM_KEY, OWN
from certpush.testing.lab.proxmox.info import first_certificate
from certpush.testing.lab.proxmox.machine import Machine, Timing
from certpush.testing.lab.proxmox.membership import Membership, Standalone
from certpush.testing.lab.proxmox.own_pki import ClusterCa
from certpush.testing.lab.proxmox.records import Recorded
from certpush.testing.lab.proxmox.routes import Routes
from certpush.testing.lab.proxmox.server import NodeApi
from certpush.testing.lab.proxmox.service import Service
from certpush.testing.lab.proxmox.system_calls import system_routes
from certpush.testing.lab.proxmox.tickets import Tickets
from certpush.testing.server import Server

USER = "certpush@pve"
TOKEN = f"{USER}!deploy"
_RIGHTS = {"/nodes": {"Sys.Modify", "Sys.Audit"}}


def usual_accounts() -> Accounts:
    """The accounts as a careful administrator sets them up: a user and a token of theirs, both limited to nodes."""
    accounts = Accounts()
    accounts.add_user("root@pam")
    accounts.add_user(USER, rights=_RIGHTS)
    accounts.add_token(TOKEN, rights=_RIGHTS)
    return accounts


def serve_node(machine: Machine, membership: Membership) -> Service:
    """A node's API on its port, not yet open."""
    accounts, tickets, clock = machine.accounts, machine.tickets, machine.clock
    calls = [*access_routes(accounts, tickets, clock), *certificate_routes(machine), *system_routes(machine, membership)]
    routes = Routes(calls, accounts, lambda node, call: membership.forward(machine.name, node, call))
    api = NodeApi(machine, routes, Doorkeeper(accounts, tickets, clock))
    return Service(api, machine.workers, machine.faults, clock, host=machine.host, idle=machine.timing.idle)


class PveServer(Server):
    """One node, alone or in a cluster."""

    def __init__(self, machine: Machine, membership: Membership) -> None:
        self._machine = machine
        self.service = serve_node(machine, membership)

    @property
    def name(self) -> str:
        """The node's name."""
        return self._machine.name

    @property
    def host(self) -> str:
        """The address it listens at."""
        return self._machine.host

    @property
    def port(self) -> int:
        """The port it listens at; 0 before the first start."""
        return self.service.listener.port

    @property
    def running(self) -> bool:
        """Whether the port is open."""
        return self.service.listener.listening

    @property
    def connections(self) -> int:
        """How many connections came in so far."""
        return self.service.listener.accepted

    @property
    def requests(self) -> list[Recorded]:
        """What came in, in order."""
        return self.service.requests

    @property
    def faults(self) -> ProxmoxFaults:
        """What it does wrong."""
        return self._machine.faults

    @property
    def files(self) -> dict[str, bytes]:
        """Its certificate files: names as on the disk."""
        return self._machine.content

    @property
    def accounts(self) -> Accounts:
        """Its users, tokens and their rights."""
        return self._machine.accounts

    @property
    def acl(self) -> Acl:
        """What the usual user and the usual token may."""
        return Acl(self.accounts.rights[USER], self.accounts.rights[TOKEN])

    @property
    def user(self) -> str:
        """The usual user."""
        return USER

    @property
    def password(self) -> str:
        """The usual user's password."""
        return self.accounts.users[USER].password

    @property
    def totp_secret(self) -> str | None:
        """The usual user's second factor, base32; None: there is none. May be set."""
        return self.accounts.users[USER].totp_secret

    @totp_secret.setter
    def totp_secret(self, secret: str | None) -> None:
        self.accounts.users[USER].totp_secret = secret

    @property
    def token_id(self) -> str:
        """The usual token's full name."""
        return TOKEN

    @property
    def token(self) -> str:
        """The usual token's secret."""
        return self.accounts.users[USER].tokens[TOKEN.partition("!")[2]].secret

    @property
    def ca_pem(self) -> bytes:
        """The certificate of the cluster's own CA."""
        return self._machine.ca.pem

    @property
    def own_fingerprint(self) -> str:
        """The SHA-256 of the node's own certificate."""
        own = first_certificate(self.files[OWN])
        return fingerprint(own) if own else ""

    @property
    def settled(self) -> bool:
        """Whether no old worker accepts any more."""
        return self._machine.workers.settled

    def served(self) -> str | None:
        """What the newest workers show; None where every handshake with them ends in EOF."""
        return self._machine.workers.newest.fingerprint

    def install(self, bundle: CertificateBundle, *, reload: bool = True) -> None:
        """Put a pair there, as another administrator would."""
        with self._machine.lock:
            self.files[CUSTOM] = bundle.fullchain_pem
            self.files[CUSTOM_KEY] = bundle.key.reveal_pem()
            if reload:
                self._machine.workers.reload()

    def start(self) -> Self:
        """Open the port; workers read the files anew."""
        self.service.start()
        return self

    def stop(self) -> None:
        """Close the port and every connection; files and accounts stay."""
        self.service.stop()
        self._machine.tasks.wait()


class ProxmoxNode(PveServer):
    """A node that stands alone, at a free port of ``host``; see ``ProxmoxFaults`` for what it can do wrong.

    ``overlap``: for how many seconds old workers still accept after a reload; until then, from
    ``first_new`` on, old and new ones take turns. ``refusal_delay``: how late a 401 comes.
    ``idle``: after how many silent seconds it hangs up. ``checks_pairs=False``: a PVE before
    9.1.10, which takes any key with any certificate.
    """

    def __init__(  # noqa: PLR0913 - keywords, all with a default
        self,
        name: str = "pve1",
        *,
        host: str = "127.0.0.1",
        overlap: float = 5.2,
        first_new: float = 0.3,
        refusal_delay: float = 3.0,
        idle: float = 5.0,
        version: str = "9.2.11",
        checks_pairs: bool = True,
        clock: Clock = real_clock,
    ) -> None:
        timing = Timing(overlap, first_new, refusal_delay, idle)
        machine = Machine(name, host, version, ClusterCa(), usual_accounts(), Tickets(), timing, clock, checks_pairs)
        super().__init__(machine, Standalone(machine))
