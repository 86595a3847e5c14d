"""The step-ca issuer: signs what it is asked to, and says what is wrong when it cannot."""

from __future__ import annotations

import itertools
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING, Self

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding

from certpush.errors import BundleInvalid, ConfigError
from certpush.issuer import Issued
from certpush.kit.allowance import allowing
from certpush.model import CertificateBundle, CertificateRequest, Finding, fingerprint
from certpush.stepca.address import CaAddress, normalised_fingerprint
from certpush.stepca.bootstrap import address_of, completed, known_fingerprints, read_root_file, user_path
from certpush.stepca.client import StepCa, utc_now
from certpush.stepca.contact import explaining_distrust, fetch_root
from certpush.stepca.learning import RootMemory, asked_lately, keeping, learn, named_by, recalled
from certpush.stepca.patience import persistently
from certpush.stepca.settings import CaSettings
from certpush.stepca.transport_errors import AnswerLost, OwnCertificateRefused

if TYPE_CHECKING:  # a renewal shows its certificate, and needs no token
    from certpush.stepca.proving import Prover
    from certpush.stepca.tokens import Clock

OPERATION_SECONDS = 30.0
"""For everything that one call does: first contact, listing, opening the key, all tries and the waits between them."""
_LOST = "an answer of the CA was lost and asked for again: it may have signed one more, which nobody has"
Sleep = Callable[[float], None]


def open_issuer(
    settings: CaSettings,
    *,
    clock: Clock = utc_now,
    sleep: Sleep = time.sleep,
    environ: Mapping[str, str] | None = None,
    memory: RootMemory | None = None,
) -> StepCaIssuer:
    """Make an issuer; nothing is sent before it is used.

    With ``environ`` (which has HOME, perhaps STEPPATH and other STEP_* variables) what the
    settings leave out is taken from an existing ``step ca bootstrap``.

    Raises:
        ConfigError: what step left there cannot be read.

    """
    return StepCaIssuer(settings if environ is None else completed(settings, environ), clock=clock, sleep=sleep, memory=memory)


class StepCaIssuer:
    """An ``Issuer`` for one step-ca. May be used from many threads; close it at the end."""

    def __init__(
        self, settings: CaSettings, *, clock: Clock = utc_now, sleep: Sleep = time.sleep, memory: RootMemory | None = None
    ) -> None:
        self.settings = settings
        self._memory = memory
        self._named: tuple[x509.Certificate, ...] = ()
        self._asked: datetime | None = None
        """When the CA was last asked which roots it has, by this object."""
        self._clock = clock
        self._sleep = sleep
        self._prover: Prover | None = None
        self._ca: StepCa | None = None
        self._lock = threading.Lock()

    @property
    def address(self) -> CaAddress:
        """Where the CA is; ConfigError where the settings do not say."""
        return address_of(self.settings)

    def connect(self) -> StepCa:
        """The CA itself, its root known and checked; the first call fetches the root where only its fingerprint is configured.

        Raises:
            RootMismatch: the CA's root is not the configured one, or file and fingerprint do not agree.
            ConfigError: neither is configured, or the file cannot be read.
            IssuerUnreachable: the CA does not answer.

        """
        # No lock around the network: threads that wait for a dead CA would do so one after the other.
        if self._ca is None:
            opened = StepCa(str(self.address), self._roots(), clock=self._clock)
            with self._lock:
                if self._ca is None:
                    self._ca = opened
        return self._ca

    # --- the Issuer protocol ---------------------------------------------------------------

    def sign(self, request: CertificateRequest, csr: bytes) -> Issued:
        """Get a certificate for the PEM signing request; ``lifetime`` None is the CA's default.

        A new token for each try, made after the CA was seen with its root and its clock.

        Raises:
            IssuerUnreachable: no answer; trying later may help.
            IssuerRefused: the CA said no; the hint says what to change.
            ClockSkew: the clocks differ by more than 30 s.
            TrustError: it is not our CA; nothing secret was sent.

        """
        parsed, tries = _read_csr(csr), itertools.count()
        with self._proving() as prover:
            return self._with_named(self._answered(lambda: prover.sign(request, parsed, tries_before=next(tries))))

    def revoke(self, serial: int, *, reason: str, reason_code: int) -> None:
        """Keep this certificate from being renewed (and list it, where the CA keeps a list)."""
        if serial <= 0 or reason_code not in range(11):
            raise ConfigError("a serial number is positive, and a reason code is 0 to 10", hint="RFC 5280: 4 is superseded")
        tries = itertools.count()
        with self._proving() as prover:
            persistently(
                lambda: prover.revoke(serial, reason=reason, reason_code=reason_code, tries_before=next(tries)),
                self._sleep,
            )

    def rekey(self, current: CertificateBundle, csr: bytes) -> Issued:
        """Get the same certificate for a new key by showing the current one in TLS; no password needed."""
        text = _read_csr(csr).public_bytes(Encoding.PEM).decode("ascii")
        with self._talking() as ca:
            return self._with_named(self._showing(current, ca, lambda: ca.rekey(current, text)))

    def renew(self, current: CertificateBundle, *, after_expiry: bool = False) -> Issued:
        """Get the same certificate for the same key.

        With ``after_expiry`` an expired one is renewed by a token, where its provisioner allows
        that (``allowRenewalAfterExpiry``).
        """
        with self._talking() as ca:
            if not (after_expiry and current.not_after <= self._clock()):
                try:
                    return self._with_named(self._showing(current, ca, lambda: ca.renew(current)))
                except OwnCertificateRefused as refused:  # the clocks of two machines may judge its last seconds otherwise
                    if not (after_expiry and "EXPIRED" in refused.alert):
                        raise
            return self._with_named(self._answered(lambda: ca.renew_with_token(current)))

    def roots(self) -> tuple[x509.Certificate, ...]:
        """The configured root; fetched by its fingerprint where only that is configured, and not asked for twice.

        Raises:
            IssuerUnreachable: the CA does not answer.
            RootMismatch: its root is not the configured one.
            ConfigError: nothing says which root this CA has.

        """
        with self._talking() as ca:
            return ca.roots

    def check(self, request: CertificateRequest | None) -> tuple[Finding, ...]:
        """Check all that can be known before asking, each finding with what to do."""
        from certpush.stepca.checks import examine

        with allowing(seconds=OPERATION_SECONDS):
            return examine(self.connect, self.settings, self._clock, request)

    def close(self) -> None:
        """Close all connections; the next call opens new ones."""
        if self._ca is not None:
            self._ca.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # --- inside ----------------------------------------------------------------------------

    def _roots(self) -> tuple[x509.Certificate, ...]:
        settings = self.settings
        known = recalled(known_fingerprints(settings), self._memory)
        if settings.root is not None:
            return tuple(dict.fromkeys((*read_root_file(user_path(settings.root), settings.fingerprint), *known)))
        if settings.fingerprint is not None:
            if known:
                return known
            return (fetch_root(self.address, normalised_fingerprint(settings.fingerprint), self._clock),)
        raise ConfigError(
            f"{self.address}: nothing says which root this CA has",
            hint="add fingerprint = ... to [ca]; on the CA: step certificate fingerprint $(step path)/certs/root_ca.crt",
        )

    @contextmanager
    def _talking(self) -> Iterator[StepCa]:
        with allowing(seconds=OPERATION_SECONDS):
            ca = persistently(self.connect, self._sleep)
            with explaining_distrust(ca.address, ca.roots, self._clock):
                yield self._having_learned(ca)

    def _answered(self, ask: Callable[[], Issued]) -> Issued:
        """Ask, again where an answer is lost; of that the record tells, because the CA may have signed for each."""
        lost: list[AnswerLost] = []
        issued = persistently(ask, self._sleep, lost=lost.append)
        return replace(issued, note=_LOST) if lost else issued

    def _with_named(self, issued: Issued) -> Issued:
        """While the CA changes its root, whoever gets roots gets the other one too, before a certificate needs it."""
        return replace(issued, roots=tuple(dict.fromkeys((*issued.roots, *self._named))))

    def _having_learned(self, ca: StepCa) -> StepCa:
        """The CA with all roots that it has now; looked at when it is first talked to, and again once a day."""
        memory, now = self._memory, self._clock()
        if memory is None or asked_lately(self._asked, now):
            return ca
        named, known = named_by(ca, now), known_fingerprints(self.settings)
        configured = [root for root in ca.roots if fingerprint(root) in known]
        roots = learn(ca, configured, named, memory) if named else ca.roots
        keeping(ca, lambda: memory.note_asked(now))
        with self._lock:
            self._named, self._asked = named, now
            if set(roots) != set(ca.roots):
                ca.close()
                ca = self._ca = StepCa(str(self.address), roots, clock=self._clock)
        return ca

    @contextmanager
    def _proving(self) -> Iterator[Prover]:
        from certpush.stepca.proving import Prover

        with self._talking() as ca:
            with self._lock:
                if self._prover is None or self._prover.ca is not ca:
                    self._prover = Prover(ca, self.settings, self._clock)
                prover = self._prover
            yield prover

    def _showing(self, current: CertificateBundle, ca: StepCa, ask: Callable[[], Issued]) -> Issued:
        """Ask by showing ``current``; in TLS 1.3 the CA's alert about it comes late, and a reset may overtake it."""
        try:
            return self._answered(lambda: self._unless_expired(current, ask))
        except AnswerLost:
            ca.health()  # it is there, and answers who shows nothing
        raise OwnCertificateRefused(
            f"{self.address}: the CA ends each connection on which the certificate is shown, and answers others",
            alert="",
            hint="get a new one with the provisioner's password; was the one shown issued by this CA, or does a proxy in between end TLS?",
        )

    def _unless_expired(self, current: CertificateBundle, ask: Callable[[], Issued]) -> Issued:
        try:
            return ask()
        except AnswerLost:
            if current.not_after > self._clock():
                raise
        raise OwnCertificateRefused(
            f"{self.address}: the certificate shown expired on {current.not_after:%Y-%m-%d %H:%M:%S} UTC",
            alert="CERTIFICATE_EXPIRED",
            hint="get a new one with the provisioner's password, or allow renewal after expiry on the CA",
        )


def _read_csr(csr: bytes) -> x509.CertificateSigningRequest:
    try:
        return x509.load_pem_x509_csr(csr)
    except ValueError:
        raise BundleInvalid("the signing request cannot be read", hint="it is PEM, as `openssl req -new` writes it") from None
