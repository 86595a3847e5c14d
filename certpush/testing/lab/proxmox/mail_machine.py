"""The state of a Mail Gateway: one file for the API, one for SMTP, and two services that show them."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, TypeAlias

from cryptography import x509
from cryptography.x509.oid import NameOID

from certpush.model import JsonValue, fingerprint
from certpush.testing.lab.proxmox.accounts import Accounts, Clock
from certpush.testing.lab.proxmox.faults import ProxmoxFaults
from certpush.testing.lab.proxmox.info import describe, first_certificate
from certpush.testing.lab.proxmox.machine import Timing
from certpush.testing.lab.proxmox.own_pki import key_pem, self_signed
from certpush.testing.lab.proxmox.postfix import Postfix
from certpush.testing.lab.proxmox.refusals import Refused, died
from certpush.testing.lab.proxmox.tickets import Tickets
from certpush.testing.lab.proxmox.tls import Shown, shown
from certpush.testing.lab.proxmox.workers import Workers

Use: TypeAlias = Literal["api", "smtp"]
_FILES: dict[str, str] = {"api": "pmg-api.pem", "smtp": "pmg-tls.pem"}
_OLD = ".old"
_LOCK_FILE = "/var/lock/pmg-certs.lock"


@dataclass
class MailMachine:
    """A Mail Gateway. ``mail_tls`` is what its configuration says of TLS in SMTP; Postfix heeds it from its next reload on."""

    name: str
    host: str
    version: str
    accounts: Accounts
    timing: Timing
    real_clock: Clock
    faults: ProxmoxFaults = field(default_factory=ProxmoxFaults)
    files: dict[str, bytes] = field(default_factory=dict)
    mail_tls: bool = False

    def __post_init__(self) -> None:
        self.tickets = Tickets("PMG")
        self.lock = threading.RLock()
        self.make_own()
        self.workers = Workers(lambda: self.load("api"), overlap=self.timing.overlap, first_new=self.timing.first_new)
        self.postfix = Postfix(self.name, self.host)

    def clock(self) -> datetime:
        """What its clock shows."""
        return self.real_clock() + self.faults.clock_offset

    def make_own(self) -> None:
        """Sign a new certificate for the API, and put it in place."""
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, self.name)])
        pem = self_signed(subject, owner="pmg")
        self.files[_FILES["api"]] = key_pem("pmg") + pem
        own = first_certificate(pem)
        self.own_fingerprint = fingerprint(own) if own else ""

    def load(self, use: Use) -> Shown:
        """What would be shown from a file."""
        pem = self.files.get(_FILES[use], b"")
        return shown(pem, pem)

    def information(self) -> list[JsonValue]:
        """What PMG tells of its files; those that cannot be read are left out."""
        readable = [name for name in _FILES.values() if name in self.files and name not in self.faults.hidden_files]
        certificates = ((name, first_certificate(self.files[name])) for name in readable)
        return [describe(name, one) for name, one in certificates if one]

    def upload(self, use: Use, pem: bytes, *, force: bool) -> dict[str, JsonValue]:
        """Put key and chain into their file; whether they belong together, nobody asks."""
        name = _FILES[use]
        before = self.files.get(name)
        if before is not None and not force:
            raise died("Custom certificate file exists but force flag is not set.\n")
        self.files[name] = pem
        certificate = first_certificate(pem)
        if certificate is None:
            if before is not None:  # the copy is left where it is; a first upload leaves what it wrote
                self.files[name] = self.files[name + _OLD] = before
            raise died(f"Setting certificate files failed - unable to read certificate from '/etc/pmg/{name}'\n\n")
        self.files.pop(name + _OLD, None)
        return describe(name, certificate)

    def remove(self, use: Use) -> None:
        """Remove a file; the API gets a new one of its own at once."""
        self.files.pop(_FILES[use], None)
        if use == "api":
            self.make_own()

    def reload_api(self) -> None:
        """Reload pmgproxy.

        Raises:
            Refused: 500, it did not work.

        """
        self._run("systemctl reload-or-restart pmgproxy")
        if not self.faults.reload_does_nothing:
            self.workers.reload()

    def set_mail_tls(self, *, on: bool, reload: bool) -> None:
        """Write whether SMTP has TLS, and reload Postfix where that is asked for.

        Raises:
            Refused: 500, the reload did not work; the configuration is written.

        """
        self.mail_tls = on
        if reload:
            self._run("systemctl reload postfix")
            if not self.faults.reload_does_nothing:
                self.reload_postfix()

    def reload_postfix(self) -> None:
        """Have Postfix read its configuration and its certificate."""
        self.postfix.show(self.load("smtp") if self.mail_tls else None)

    def take_lock(self) -> threading.RLock:
        """The lock of the certificates, for ``with``.

        Raises:
            Refused: 500, another process holds it.

        """
        if self.faults.lock_held:
            threading.Event().wait(self.faults.lock_seconds)
            raise died(f"can't lock file '{_LOCK_FILE}' - got timeout")
        return self.lock

    def _run(self, command: str) -> None:
        if self.faults.reload_breaks():
            raise Refused(500, f"command '{command}' failed: exit code 1\n")
