"""A cluster of Proxmox VE nodes."""

from __future__ import annotations

import errno
from collections.abc import Mapping, Sequence
from typing import Self

from certpush.testing.authority.in_memory import Clock, real_clock
from certpush.testing.lab.proxmox.accounts import Accounts, Acl
from certpush.testing.lab.proxmox.corosync import Corosync
from certpush.testing.lab.proxmox.machine import Machine, Timing
from certpush.testing.lab.proxmox.node import PveServer, node_accounts
from certpush.testing.lab.proxmox.own_pki import ClusterCa
from certpush.testing.lab.proxmox.tickets import Tickets
from certpush.testing.server import Server

_ATTEMPTS = 20


class ProxmoxCluster(Server):
    """Nodes at 127.0.0.1, 127.0.0.2 and so on, all at one port, with one CA and one user database.

    ``pin_refresh``: after how many seconds at the earliest a worker reads its neighbours'
    fingerprints anew. ``proxy_timeout``: after how many seconds a node gives up on another that
    was handed a call. The other arguments are those of ``ProxmoxNode``.
    """

    def __init__(  # noqa: PLR0913 - keywords, all with a default
        self,
        names: Sequence[str] = ("pve1", "pve2", "pve3"),
        *,
        name: str = "lab",
        overlap: float = 5.2,
        first_new: float = 0.3,
        refusal_delay: float = 3.0,
        idle: float = 5.0,
        pin_refresh: float = 60.0,
        proxy_timeout: float = 30.0,
        version: str = "9.2.11",
        checks_pairs: bool = True,
        clock: Clock = real_clock,
    ) -> None:
        timing = Timing(overlap, first_new, refusal_delay, idle)
        ca, accounts, tickets = ClusterCa(), node_accounts(), Tickets()
        self._machines = {
            node: Machine(node, f"127.0.0.{number}", version, ca, accounts, tickets, timing, clock, checks_pairs)
            for number, node in enumerate(names, 1)
        }
        self._corosync = Corosync(name, self._machines, pin_refresh, proxy_timeout)
        self._nodes = {node: PveServer(machine, self._corosync) for node, machine in self._machines.items()}
        self._corosync.services.update({node: server.service for node, server in self._nodes.items()})
        self._entry = self._nodes[names[0]]

    @property
    def nodes(self) -> Mapping[str, PveServer]:
        """The nodes by their names, in their order."""
        return self._nodes

    @property
    def host(self) -> str:
        """The first node's address."""
        return self._entry.host

    @property
    def port(self) -> int:
        """The port of all nodes; 0 before the first start."""
        return self._entry.port

    @property
    def quorate(self) -> bool:
        """Whether a majority is there; without it nothing can be written. May be set."""
        return self._corosync.quorate

    @quorate.setter
    def quorate(self, quorate: bool) -> None:
        self._corosync.quorate = quorate
        for machine in self._machines.values():
            machine.faults.no_quorum = not quorate

    @property
    def ca_pem(self) -> bytes:
        """The certificate of the cluster's CA."""
        return self._entry.ca_pem

    @property
    def accounts(self) -> Accounts:
        """The users, tokens and their rights, the same on all nodes."""
        return self._entry.accounts

    @property
    def acl(self) -> Acl:
        """What the usual user and the usual token may."""
        return self._entry.acl

    @property
    def user(self) -> str:
        """The usual user."""
        return self._entry.user

    @property
    def password(self) -> str:
        """The usual user's password."""
        return self._entry.password

    @property
    def token_id(self) -> str:
        """The usual token's full name."""
        return self._entry.token_id

    @property
    def token(self) -> str:
        """The usual token's secret."""
        return self._entry.token

    @property
    def settled(self) -> bool:
        """Whether no old worker accepts any more, on any node."""
        return all(one.settled for one in self._nodes.values())

    def start(self) -> Self:
        """Start all nodes, at one port that is free at all their addresses; later at the same again."""
        attempts = 1 if self.port else _ATTEMPTS
        while True:
            attempts -= 1
            try:
                self._start_all()
            except OSError as error:
                self.stop()
                if error.errno != errno.EADDRINUSE or not attempts:
                    raise
                self._at_port(0)
            else:
                return self

    def stop(self) -> None:
        """Stop all nodes."""
        for one in self._nodes.values():
            one.stop()

    def _start_all(self) -> None:
        for one in self._nodes.values():
            one.start()
            self._at_port(one.port)

    def _at_port(self, port: int) -> None:
        for one in self._nodes.values():
            one.service.listener.port = port
