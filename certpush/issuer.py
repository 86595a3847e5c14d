"""The Issuer protocol: who signs certificates. step-ca is the built-in one."""

from __future__ import annotations

from typing import Protocol

from cryptography import x509

from certpush.model import CertificateBundle, CertificateRequest, Finding
from certpush.records import record


@record(frozen=True, slots=True)
class Issued:
    """What the issuer answered: untrusted until ``rotation.obtain`` has compared it with the request."""

    leaf: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    roots: tuple[x509.Certificate, ...]
    note: str = ""
    """What the record should tell of how it came; empty as a rule."""


class Issuer(Protocol):
    """Signs what it is asked to. Used from many threads at once."""

    def sign(self, request: CertificateRequest, csr: bytes) -> Issued:
        """Get a certificate for the PEM signing request.

        Raises:
            IssuerUnreachable: no answer; trying later may help.
            IssuerRefused: the CA said no; the hint says what to change.
            TrustError: it is not our CA; nothing secret was sent.

        """
        ...

    def rekey(self, current: CertificateBundle, csr: bytes) -> Issued:
        """Get the same certificate for a new key, proving ourselves with the current one; no password needed."""
        ...

    def renew(self, current: CertificateBundle, *, after_expiry: bool = False) -> Issued:
        """Get the same certificate for the same key by showing it; with ``after_expiry`` an expired one, by a token that its key signs."""
        ...

    def revoke(self, serial: int, *, reason: str, reason_code: int) -> None:
        """Keep this certificate from being renewed (and list it, where the CA keeps a list)."""
        ...

    def roots(self) -> tuple[x509.Certificate, ...]:
        """The roots that its certificates lead to, checked against what is configured; the CA is asked where that is not enough.

        Raises:
            IssuerUnreachable: it had to be asked, and did not answer.
            TrustError: it is not our CA.
            ConfigError: nothing says which root it has.

        """
        ...

    def check(self, request: CertificateRequest | None) -> tuple[Finding, ...]:
        """Check all that can be known before asking: reachability, root, provisioner, clock, lifetime."""
        ...
