"""In what the Backup Server and the Datacenter Manager differ, and the state that one of them has."""

from __future__ import annotations

import threading
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import NameOID

from certpush.model import fingerprint
from certpush.testing.lab.process import LabError
from certpush.testing.lab.proxmox.accounts import Accounts, Clock
from certpush.testing.lab.proxmox.faults import ProxmoxFaults
from certpush.testing.lab.proxmox.info import first_certificate
from certpush.testing.lab.proxmox.own_pki import key_pem, self_signed
from certpush.testing.lab.proxmox.tickets import Tickets
from certpush.testing.lab.proxmox.tls import Shown, shown
from certpush.testing.lab.proxmox.workers import Workers


@dataclass(frozen=True)
class Model:
    """One of the two products; ``name`` and ``version`` are what a server has that is given none.

    ``audit`` and ``modify`` are its names of these privileges; ``info_needs_modify`` says that even
    looking at the certificate needs the latter. ``file_shown`` is the name that the API tells.
    ``name_in_words`` writes an alternative name, or leaves it out with an empty text.
    ``ticket_in_cookie`` says that a login's ticket comes as a cookie alone. ``unreadable`` stands
    before OpenSSL's words where the file holds no certificate. ``service`` is what the API can be told
    to restart; empty where it has no such call.
    """

    product: str
    name: str
    version: str
    prefix: str
    realm: str
    certificate_file: str
    key_file: str
    file_shown: str
    audit: str
    modify: str
    privileges: tuple[str, ...]
    told_paths: tuple[str, ...]
    acme_path: str
    name_in_words: Callable[[x509.GeneralName], str]
    info_needs_modify: bool
    ticket_in_cookie: bool
    unreadable: str
    service: str = ""

    @property
    def user(self) -> str:
        """The usual user."""
        return f"certpush@{self.realm}"


@dataclass
class RustMachine:
    """The state of one of them. A reload happens inside the process: what cannot be loaded is logged, and changes nothing."""

    model: Model
    name: str
    version: str
    accounts: Accounts
    real_clock: Clock
    refusal_delay: float
    faults: ProxmoxFaults = field(default_factory=ProxmoxFaults)
    files: dict[str, bytes] = field(default_factory=dict)
    lock: threading.RLock = field(default_factory=threading.RLock)

    def __post_init__(self) -> None:
        self.tickets = Tickets(self.model.prefix)
        self.workers = Workers(self.load, overlap=0, first_new=0, retires=False)
        self.make_own()

    def clock(self) -> datetime:
        """What the machine's clock shows."""
        return self.real_clock() + self.faults.clock_offset

    def make_own(self) -> None:
        """Sign a new certificate for itself, and put it in place."""
        full = f"{self.name}.certpush.test"
        parts = ((NameOID.ORGANIZATION_NAME, self.model.product), (NameOID.ORGANIZATIONAL_UNIT_NAME, f"{uuid.uuid4()}".upper()))
        subject = x509.Name([x509.NameAttribute(kind, text) for kind, text in (*parts, (NameOID.COMMON_NAME, full))])
        pem = self_signed(subject, ("localhost", self.name, full), ("127.0.0.1", "::1"), owner=self.model.product)
        self.put(pem, key_pem(self.model.product))
        own = first_certificate(pem)
        self.own_fingerprint = fingerprint(own) if own else ""

    def put(self, certificates: bytes, key: bytes) -> None:
        """Write both files."""
        self.files[self.model.certificate_file] = certificates
        self.files[self.model.key_file] = key

    def load(self) -> Shown:
        """What would be served from the files."""
        return shown(self.files.get(self.model.certificate_file, b""), self.files.get(self.model.key_file, b""))

    def reload(self) -> None:
        """Serve what the files hold, where that can be served; nobody is told where it cannot."""
        fails = self.faults.reload_breaks() or self.faults.reload_does_nothing or self.faults.only_restart_helps
        if not fails and self.load().context:
            self.workers.reload()

    def restart(self) -> None:
        """Start a new process beside the old one, which ends when its tasks are done; it serves what the files hold."""
        fails = self.faults.reload_breaks() or self.faults.reload_does_nothing
        if not fails and self.load().context:
            self.workers.reload()

    def check_start(self) -> None:
        """Tell whether the service would start.

        Raises:
            LabError: its certificate cannot be served.

        """
        if self.load().context is None:
            raise LabError(f"{self.model.product} does not start: its certificate cannot be served")
