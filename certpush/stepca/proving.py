"""What needs a token: see the CA first, make the token last, send it once, and find out why when it is refused."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certpush.errors import CertpushError, IssuerUnreachable
from certpush.issuer import Issued
from certpush.model import CertificateRequest, fingerprint
from certpush.records import record
from certpush.stepca.client import StepCa
from certpush.stepca.credentials import Credential, ReadyToken, Situation, credential_for
from certpush.stepca.patience import CaBusy
from certpush.stepca.refusal import CaRefusal
from certpush.stepca.settings import CaSettings
from certpush.stepca.skew import refuse_skew
from certpush.stepca.tokens import Clock, TokenMint
from certpush.stepca.transport_errors import AnswerLost
from certpush.stepca.wire import Provisioner

if TYPE_CHECKING:
    from certpush.stepca.diagnosis import Evidence

_FRESH_SECONDS = 10.0


@record(frozen=True, slots=True)
class Contact:
    """What was seen of the CA a moment ago, over a verified connection."""

    listed: tuple[Provisioner, ...]
    skew: timedelta | None
    certificate: bytes | None
    at: float
    seen: datetime
    """The same moment by our clock, which may be set in between: then the difference of the clocks is another one."""


class Prover:
    """Makes and sends tokens for one CA; each call is one try with one new token. May be used from many threads."""

    def __init__(self, ca: StepCa, settings: CaSettings, clock: Clock) -> None:
        self.ca = ca
        self._settings = settings
        self._clock = clock
        self._contact: Contact | None = None

    def sign(self, request: CertificateRequest, csr: x509.CertificateSigningRequest, *, tries_before: int) -> Issued:
        """Ask once for a certificate."""
        contact, credential = self._prepared()
        token = credential.for_signing(self.ca.audience, request.names, csr, fingerprint(self.ca.roots[0]))
        with self._judging(contact, credential, tries_before, "sign"):
            text = csr.public_bytes(Encoding.PEM).decode("ascii")
            return self.ca.sign(text, token, request.lifetime, provisioner=credential.provisioner)

    def revoke(self, serial: int, *, reason: str, reason_code: int, tries_before: int) -> None:
        """Ask once for a revocation; "already revoked" is a yes when an earlier try may have been the one."""
        contact, credential = self._prepared()
        token = credential.for_revoking(self.ca.audience, serial)
        with self._judging(contact, credential, tries_before, "revoke"):
            try:
                self.ca.revoke(serial, token, reason=reason, reason_code=reason_code)
            except CaRefusal as refusal:
                if not (tries_before and refusal.already_revoked):
                    raise

    # --- inside ----------------------------------------------------------------------------

    def _prepared(self) -> tuple[Contact, Credential]:
        """See the CA over a verified connection before anything secret is made; not again within 10 s."""
        contact = self._contact
        if contact is None or not self._is_fresh(contact):
            contact = self._contact = self._look()
        if contact.skew is not None:
            refuse_skew(str(self.ca.address), contact.skew, self._clock())
        return contact, credential_for(Situation(self._settings, contact.listed, self._clock, str(self.ca.address)))

    def _look(self) -> Contact:
        listed = self.ca.provisioners()
        return Contact(listed, self.ca.skew, self.ca.server_certificate, time.monotonic(), self._clock())

    def _is_fresh(self, contact: Contact) -> bool:
        passed = (self._clock() - contact.seen).total_seconds()
        return time.monotonic() - contact.at <= _FRESH_SECONDS and abs(passed) <= _FRESH_SECONDS

    @contextmanager
    def _judging(self, contact: Contact, credential: Credential, tries_before: int, route: str) -> Iterator[None]:
        try:
            yield
        except CaRefusal as refusal:
            self._contact = None  # whatever was wrong with it, look anew
            if not refusal.says_nothing:
                raise
            from certpush.stepca.diagnosis import diagnosed

            what = f"POST {self.ca.address}/{route}"
            raise diagnosed(refusal, what, self._evidence(contact, credential, tries_before)) from None
        except (AnswerLost, CaBusy) as error:
            self._contact = None
            if isinstance(credential, ReadyToken):  # it may be spent, and we cannot make another
                raise IssuerUnreachable(error.message, hint="get a new token: this one may have been used up") from None
            raise

    def _evidence(self, contact: Contact, credential: Credential, tries_before: int) -> Evidence:
        from certpush.stepca.diagnosis import Evidence

        skew = self.ca.skew  # of the refusal itself
        return Evidence(
            address=self.ca.address,
            skew=skew,
            ca_names=self.ca.own_names,
            still_listed=self._is_listed(credential),
            provisioner=credential.provisioner,
            ready_token=isinstance(credential, ReadyToken),
            tries_before=tries_before,
            certificate_before=contact.certificate,
            certificate_after=self.ca.server_certificate,
            ca_now=self._clock() + (skew or timedelta(0)),
        )

    def _is_listed(self, credential: Credential) -> bool | None:
        if not isinstance(credential, TokenMint):
            return None
        try:
            listed = self.ca.provisioners()
        except CertpushError:
            return None
        return any(one.name == credential.provisioner and one.kid == credential.kid for one in listed)
