"""Everything about a CA that can be checked before asking it for anything: what ``certpush doctor`` shows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import datetime, timedelta

from cryptography import x509

from certpush.errors import CertpushError, ClockSkew, ConfigError, IssuerUnreachable, TrustError
from certpush.kit.settings import format_duration
from certpush.model import CertificateRequest, Finding, Severity, fingerprint
from certpush.stepca.advice import STOCK_LEAST, STOCK_MOST, allow_longer, allow_shorter, own_limits
from certpush.stepca.client import StepCa
from certpush.stepca.contact import explaining_distrust
from certpush.stepca.credentials import Situation, credential_for
from certpush.stepca.jwe import WrongPassword
from certpush.stepca.settings import CaSettings
from certpush.stepca.skew import MOST_SKEW, refuse_skew
from certpush.stepca.tokens import Clock, TokenMint
from certpush.stepca.transport_errors import OutsideValidity, WrongName
from certpush.stepca.wire import Provisioner, printable

_SOON = timedelta(days=30)


def examine(connect: Callable[[], StepCa], settings: CaSettings, clock: Clock, request: CertificateRequest | None) -> tuple[Finding, ...]:
    """Look at the CA from the outside in; what a failed check makes impossible to check is left out."""
    try:
        ca = connect()
        with explaining_distrust(ca.address, ca.roots, clock):
            status = ca.health().status
    except CertpushError as error:
        return (_failed(_code_of(error), error),)
    return (
        Finding(Severity.OK, "ca-reachable", f"{ca.address} answers"),
        *look_at(ca, status, clock),
        *_credential(ca, settings, clock, request),
        *expiries(ca, clock, request),
    )


def look_at(ca: StepCa, status: str, clock: Clock) -> Iterator[Finding]:
    """Check root, health, clock and names, which a CA shows to everybody; ``status`` is what it says of its health."""
    yield from _root(ca)
    if status == "ok":
        yield Finding(Severity.OK, "ca-health", "the CA is well")
    else:
        yield Finding(Severity.WARNING, "ca-health", f"the CA says: {printable(status)}", "look at the CA's log")
    yield from _clock(ca, clock)
    yield from _names(ca)


def _failed(code: str, error: CertpushError) -> Finding:
    return Finding(Severity.ERROR, code, error.message, error.hint)


def _code_of(error: CertpushError) -> str:
    codes: tuple[tuple[type[CertpushError], str], ...] = (
        (IssuerUnreachable, "ca-reachable"),
        (WrongName, "ca-names"),
        (OutsideValidity, "ca-clock"),
        (ClockSkew, "ca-clock"),
        (TrustError, "ca-root"),
        (ConfigError, "ca-settings"),
    )
    return next((code for kind, code in codes if isinstance(error, kind)), "ca-health")


def _root(ca: StepCa) -> Iterator[Finding]:
    shown = ", ".join(fingerprint(root) for root in ca.roots)
    yield Finding(Severity.OK, "ca-root", f"its certificate leads to the root {shown}")
    try:
        announced = [root for root in ca.all_roots() if root not in ca.roots]
    except CertpushError as error:
        yield Finding(Severity.WARNING, "ca-root", error.message, error.hint)
        return
    for root in announced:
        yield Finding(
            Severity.WARNING,
            "ca-root",
            f"the CA announces a further root, {fingerprint(root)}, which is not trusted here",
            "before the CA signs with it: put both roots into one PEM file and set root to its path; devices need it too",
        )


def _clock(ca: StepCa, clock: Clock) -> Iterator[Finding]:
    if ca.skew is None:
        yield Finding(Severity.INFO, "ca-clock", "the CA's answers carry no date, so the clocks cannot be compared")
        return
    try:
        refuse_skew(str(ca.address), ca.skew, clock())
    except ClockSkew as error:
        yield _failed("ca-clock", error)
    else:
        yield Finding(Severity.OK, "ca-clock", f"the clocks differ by less than {MOST_SKEW.seconds} s")


def _names(ca: StepCa) -> Iterator[Finding]:
    names = ", ".join(ca.own_names)
    if ca.address.host in {name.lower() for name in ca.own_names}:
        yield Finding(Severity.OK, "ca-names", f"{ca.address.host} is one of the CA's names")
        return
    yield Finding(
        Severity.WARNING,
        "ca-names",
        f"{ca.address.host} is not one of the CA's names ({names}); tokens will name {ca.audience.host} instead",
        'use one of them in url, or add this one to "dnsNames" in ca.json',
    )


# --- how we prove ourselves -------------------------------------------------------------------


def _credential(ca: StepCa, settings: CaSettings, clock: Clock, request: CertificateRequest | None) -> Iterator[Finding]:
    try:
        listed = ca.provisioners()
        credential = credential_for(Situation(settings, listed, clock, str(ca.address)))
    except WrongPassword as error:
        yield _failed("ca-password", error)
        return
    except CertpushError as error:
        yield _failed("ca-provisioner", error)
        return
    if not isinstance(credential, TokenMint):
        yield Finding(Severity.INFO, "ca-provisioner", "a ready token is used; whether the CA takes it shows when it is sent")
        return
    yield Finding(Severity.OK, "ca-provisioner", f"the CA lists the provisioner {credential.provisioner!r}")
    yield _x5c(credential, clock, request) if credential.chain else Finding(Severity.OK, "ca-password", "the provisioner's key is at hand")
    mine = next(one for one in listed if one.name == credential.provisioner and one.kid == credential.kid)
    yield from _lifetime(mine, request)


def _x5c(credential: TokenMint, clock: Clock, request: CertificateRequest | None) -> Finding:
    ends = credential.chain[0].not_valid_after_utc
    shown = f"x5c_certificate is valid until {ends:%Y-%m-%d %H:%M} UTC"
    if request and request.lifetime and clock() + request.lifetime > ends:
        hint = "renew it, or ask for a shorter lifetime: step-ca lets nothing outlive it"
        return Finding(Severity.ERROR, "ca-password", f"{shown}, and the certificate asked for would outlive it", hint)
    return Finding(Severity.OK, "ca-password", shown)


def _lifetime(provisioner: Provisioner, request: CertificateRequest | None) -> Iterator[Finding]:
    limits = own_limits(provisioner)
    most, least = limits.most, limits.least
    asked = request.lifetime if request else None
    if asked and most and asked > most:
        yield Finding(
            Severity.ERROR,
            "ca-lifetime",
            f"{format_duration(asked)} is asked for, and the provisioner {provisioner.name!r} allows {format_duration(most)} at most",
            f"ask for {format_duration(most)} or less; {allow_longer(asked, provisioner.name)}",
        )
    elif asked and least and asked < least:
        yield Finding(
            Severity.ERROR,
            "ca-lifetime",
            f"{format_duration(asked)} is asked for, and the provisioner {provisioner.name!r} allows no less than {format_duration(least)}",
            f"ask for {format_duration(least)} or more; {allow_shorter(asked, provisioner.name)}",
        )
    elif most:
        yield Finding(Severity.OK, "ca-lifetime", f"the provisioner {provisioner.name!r} allows up to {format_duration(most)}")
    else:
        yield _unseen_limit(provisioner.name, asked, certain=bool(asked and limits.allow(asked)))


def _unseen_limit(provisioner: str, asked: timedelta | None, *, certain: bool) -> Finding:
    """Where the provisioner has no limit the CA's own counts, and nobody outside sees it; beyond step-ca's default it is worth a word."""
    unseen = f"the provisioner {provisioner!r} sets no limit of its own; the CA's own is not visible from outside"
    if asked is None or certain or STOCK_LEAST <= asked <= STOCK_MOST:
        return Finding(Severity.INFO, "ca-lifetime", f"{unseen} (step-ca's default: 24h)")
    change = allow_longer(asked, provisioner) if asked > STOCK_MOST else allow_shorter(asked, provisioner)
    return Finding(
        Severity.WARNING,
        "ca-lifetime",
        f"{format_duration(asked)} is asked for; {unseen}, and step-ca's default is {format_duration(STOCK_LEAST)} to 24h",
        f"nothing to do where the CA allows it already; else {change}",
    )


# --- the CA's own certificates ----------------------------------------------------------------


def signing_certificates(ca: StepCa) -> Iterator[tuple[str, x509.Certificate]]:
    """The roots that are trusted here, and the intermediates that the CA tells of, each with what it is."""
    try:
        intermediates = ca.intermediates()
    except CertpushError:  # step-ca knows this route since 0.24 only
        intermediates = ()
    yield from (("root", one) for one in ca.roots)
    yield from (("intermediate", one) for one in intermediates)


def expiries(ca: StepCa, clock: Clock, request: CertificateRequest | None = None) -> Iterator[Finding]:
    """Check how long roots and intermediates last, and whether they outlive what is asked for."""
    now = clock()
    ends = now + (request.lifetime if request and request.lifetime else timedelta(0))
    for kind, one in signing_certificates(ca):
        yield _expiry(kind, one, now, ends)


def _expiry(kind: str, certificate: x509.Certificate, now: datetime, needed_until: datetime) -> Finding:
    ends = certificate.not_valid_after_utc
    shown = f"the CA's {kind} ends on {ends:%Y-%m-%d %H:%M} UTC"
    if ends <= now:
        return Finding(Severity.ERROR, "ca-certificate", shown, f"make a new {kind} on the CA")
    if ends < needed_until:
        hint = f"make a new {kind} on the CA, or ask for a shorter lifetime"
        return Finding(Severity.WARNING, "ca-certificate", f"{shown}, before the certificate asked for would", hint)
    if ends - now < _SOON:
        return Finding(Severity.WARNING, "ca-certificate", shown, f"make a new {kind} on the CA soon, and give it to whoever trusts it")
    return Finding(Severity.OK, "ca-certificate", shown)
