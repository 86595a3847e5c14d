"""One PVE node as its calls see it: files, workers, accounts, and the neighbours it knows."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime

from certpush.testing.lab.proxmox.accounts import Accounts, Clock
from certpush.testing.lab.proxmox.faults import ProxmoxFaults
from certpush.testing.lab.proxmox.files import CUSTOM, CUSTOM_KEY, OWN, OWN_KEY, ROOT, NodeFiles
from certpush.testing.lab.proxmox.own_pki import ClusterCa, key_pem
from certpush.testing.lab.proxmox.refusals import died
from certpush.testing.lab.proxmox.tasks import Tasks
from certpush.testing.lab.proxmox.tickets import Tickets
from certpush.testing.lab.proxmox.tls import Shown, shown
from certpush.testing.lab.proxmox.workers import Workers

_LOCK_FILE = "/var/lock/pve-certs.lock"


@dataclass(frozen=True)
class Timing:
    """How long things take, in seconds.

    ``overlap``: how long old workers accept after a reload; ``first_new``: from when new ones do.
    ``refusal``: what a 401 is delayed by. ``idle``: how long a connection may be silent.
    """

    overlap: float = 5.2
    first_new: float = 0.3
    refusal: float = 3.0
    idle: float = 5.0


@dataclass
class Machine:
    """A node."""

    name: str
    host: str
    version: str
    ca: ClusterCa
    accounts: Accounts
    tickets: Tickets
    timing: Timing
    real_clock: Clock
    checks_pairs: bool
    faults: ProxmoxFaults = field(default_factory=ProxmoxFaults)
    content: dict[str, bytes] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.content |= {ROOT: self.ca.pem, OWN: self.ca.sign(self.name, self.host), OWN_KEY: key_pem(self.name)}
        self.files = NodeFiles(self.name, self.content, self.faults, checks_pairs=self.checks_pairs)
        self.workers = Workers(self.load, overlap=self.timing.overlap, first_new=self.timing.first_new)
        self.tasks = Tasks(self.name)
        self.lock = threading.RLock()

    def clock(self) -> datetime:
        """What the node's clock shows."""
        return self.real_clock() + self.faults.clock_offset

    def load(self) -> Shown:
        """What workers that start now show."""
        custom_key = self.faults.tls_key_file or self.content.get(CUSTOM_KEY)
        if CUSTOM in self.content and custom_key is not None:
            return shown(self.content[CUSTOM], custom_key)
        return shown(self.content[OWN], self.content[OWN_KEY])

    def reload(self) -> None:
        """Reload pveproxy.

        Raises:
            Refused: 500, it did not work.

        """
        self.run_systemctl("reload-or-restart")

    def run_systemctl(self, verb: str) -> None:
        """Have systemd do that to pveproxy.

        Raises:
            Refused: 500, it did not work.

        """
        if self.faults.reload_breaks():
            raise died(f"command 'systemctl {verb} pveproxy' failed: exit code 1")
        if not self.faults.reload_does_nothing and (verb == "restart" or not self.faults.only_restart_helps):
            self.workers.reload()

    def take_lock(self) -> threading.RLock:
        """The lock of the certificates, for ``with``.

        Raises:
            Refused: 500, another process holds it.

        """
        if self.faults.lock_held:
            threading.Event().wait(self.faults.lock_seconds)
            raise died(f"can't lock file '{_LOCK_FILE}' - got timeout\n")
        return self.lock

    def files_of(self, directory: str) -> NodeFiles:
        """The files in a node's directory; only this machine's exists."""
        if directory == self.name:
            return self.files
        return NodeFiles(directory, {ROOT: self.content[ROOT]}, self.faults, checks_pairs=self.checks_pairs, exists=False)
