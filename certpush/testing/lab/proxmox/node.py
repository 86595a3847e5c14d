"""A Proxmox VE node that stands alone."""

from __future__ import annotations

from certpush.model import CertificateBundle, fingerprint
from certpush.testing.authority.in_memory import Clock, real_clock
from certpush.testing.lab.proxmox.access_calls import access_routes
from certpush.testing.lab.proxmox.accounts import Accounts
from certpush.testing.lab.proxmox.admission import Doorkeeper
from certpush.testing.lab.proxmox.certificate_calls import certificate_routes
from certpush.testing.lab.proxmox.files import CUSTOM, CUSTOM_KEY, OWN
from certpush.testing.lab.proxmox.info import first_certificate
from certpush.testing.lab.proxmox.machine import Machine, Timing
from certpush.testing.lab.proxmox.membership import Membership, Standalone
from certpush.testing.lab.proxmox.own_pki import ClusterCa
from certpush.testing.lab.proxmox.perl_api import PerlApi, PerlHabits
from certpush.testing.lab.proxmox.product import TokenProduct, usual_accounts
from certpush.testing.lab.proxmox.routes import Routes
from certpush.testing.lab.proxmox.service import Service
from certpush.testing.lab.proxmox.system_calls import system_routes
from certpush.testing.lab.proxmox.tickets import Tickets

USER = "certpush@pve"


def node_accounts() -> Accounts:
    """The accounts of a node or a cluster: a user and a token of theirs, both limited to nodes."""
    return usual_accounts(Accounts(), USER, {"/nodes": {"Sys.Modify", "Sys.Audit"}})


def serve_node(machine: Machine, membership: Membership) -> Service:
    """A node's API on its port, not yet open."""
    accounts, tickets, clock = machine.accounts, machine.tickets, machine.clock
    calls = [*access_routes(accounts, tickets, clock), *certificate_routes(machine), *system_routes(machine, membership)]
    routes = Routes(calls, accounts, PerlHabits(), lambda node, call: membership.forward(machine.name, node, call))
    api = PerlApi(routes, Doorkeeper(accounts, tickets, clock), delay=machine.timing.refusal)
    return Service(api, machine.workers, machine.faults, clock, host=machine.host, idle=machine.timing.idle)


class PveServer(TokenProduct):
    """One node, alone or in a cluster."""

    def __init__(self, machine: Machine, membership: Membership) -> None:
        service = serve_node(machine, membership)
        super().__init__(machine.name, service, machine.workers, machine.accounts, machine.content, user=USER)
        self._machine = machine

    @property
    def ca_pem(self) -> bytes:
        """The certificate of the cluster's own CA."""
        return self._machine.ca.pem

    @property
    def own_fingerprint(self) -> str:
        """The SHA-256 of the node's own certificate."""
        own = first_certificate(self.files[OWN])
        return fingerprint(own) if own else ""

    def install(self, bundle: CertificateBundle, *, reload: bool = True) -> None:
        """Put a pair there, as another administrator would."""
        with self._machine.lock:
            self.files[CUSTOM] = bundle.fullchain_pem
            self.files[CUSTOM_KEY] = bundle.key.reveal_pem()
            if reload:
                self._machine.workers.reload()

    def stop(self) -> None:
        """Close the port and every connection; files and accounts stay."""
        super().stop()
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
        machine = Machine(name, host, version, ClusterCa(), node_accounts(), Tickets(), timing, clock, checks_pairs)
        super().__init__(machine, Standalone(machine))
