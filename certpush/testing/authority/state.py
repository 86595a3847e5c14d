"""What the CA knows: its keys, its provisioners, which tokens were used and which certificates are revoked."""

from __future__ import annotations

import threading
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from cryptography import x509

from certpush.testing.authority.in_memory import Clock
from certpush.testing.authority.leaf import provisioner_name
from certpush.testing.authority.limits import BACKDATE, Limits
from certpush.testing.authority.pki import Pki
from certpush.testing.authority.provisioners import Claims, Provisioner


@dataclass
class CaState:
    """All that the answers depend on. Requests come from many threads; ``lock`` guards what they change."""

    pki: Pki
    clock: Clock
    provisioners: Sequence[Provisioner]
    dns_names: Sequence[str]
    claims: Claims = field(default_factory=dict)
    backdate: timedelta = BACKDATE
    database: bool = True
    allowed_dns: Sequence[str] | None = None
    further_roots: Sequence[x509.Certificate] = ()
    started: datetime = field(init=False)
    revoked: set[int] = field(default_factory=set)
    _used: set[str] = field(default_factory=set)
    _signed_for: dict[int, str] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def __post_init__(self) -> None:
        self.start()

    def start(self) -> None:
        """Begin anew: tokens from before this second are refused from now on."""
        self.started = self.clock().replace(microsecond=0)
        for one in self.provisioners:
            self.limits(one)  # step-ca checks all claims when it starts
        if not self.database:
            self._used.clear()

    @property
    def roots(self) -> tuple[x509.Certificate, ...]:
        """All roots, the one in use first."""
        return (self.pki.root, *self.further_roots)

    def limits(self, provisioner: Provisioner) -> Limits:
        """What a provisioner allows."""
        return Limits().under(self.claims).under(provisioner.claims)

    def use(self, token_id: str) -> bool:
        """Note that a token is used; False when it was before."""
        with self._lock:
            fresh = token_id not in self._used
            self._used.add(token_id)
            return fresh

    def revoke(self, serial: int) -> bool:
        """Note that a certificate is revoked; False when it was before."""
        with self._lock:
            fresh = serial not in self.revoked
            self.revoked.add(serial)
            return fresh

    def remember(self, certificate: x509.Certificate, provisioner: str) -> None:
        """Note who let a certificate be signed, as the database does."""
        if self.database:
            self._signed_for[certificate.serial_number] = provisioner

    def names_provisioner(self, certificate: x509.Certificate) -> bool:
        """Whether a certificate says, in its extension, who let it be signed."""
        return provisioner_name(certificate) is not None

    def provisioner_of(self, certificate: x509.Certificate) -> Provisioner | None:
        """Who let this certificate be signed, by the database or by its extension."""
        name = self._signed_for.get(certificate.serial_number) or provisioner_name(certificate)
        return next((one for one in self.provisioners if one.name == name), None)
