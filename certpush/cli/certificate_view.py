"""What is in a certificate, as lines for a person and as an object for a machine."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm

from certpush.cli.receipts import left, moment
from certpush.cli.step_extension import SignedBy, signed_by
from certpush.errors import BundleInvalid
from certpush.kit.escaping import escaped
from certpush.model import certificate_names, describe_public_key, fingerprint
from certpush.records import record

_LABEL_WIDTH = 11
UNREADABLE = "cannot be read"


@record(frozen=True, slots=True)
class Line:
    """One line of the view: what it is about, and what is said; nothing in it is escaped yet."""

    label: str
    text: str

    def __str__(self) -> str:
        return f"{self.label:<{_LABEL_WIDTH}}  {escaped(self.text)}"


def certificate_lines(certificate: x509.Certificate, now: datetime) -> tuple[Line, ...]:
    """The whole view of one certificate."""
    return (
        Line("subject", subject(certificate)),
        Line("names", ", ".join(_names(certificate)) or "none (clients match names, never the subject)"),
        Line("issuer", issuer(certificate)),
        Line("provisioner", _provisioner(certificate)),
        Line("valid", validity(certificate, now)),
        Line("key", _key(certificate)),
        Line("fingerprint", fingerprint(certificate)),
        Line("serial", f"{certificate.serial_number} ({_hexadecimal(certificate)})"),
    )


def chain_line(certificate: x509.Certificate, now: datetime) -> str:
    """A certificate above the leaf, in one line."""
    return f"{subject(certificate)}, {validity(certificate, now)}, {fingerprint(certificate)}"


def certificate_document(certificate: x509.Certificate, now: datetime) -> dict[str, Any]:
    """One certificate for a machine."""
    found = _provisioner_of(certificate)
    known = {"type": found.type, "name": found.name, "credential": found.credential} if isinstance(found, SignedBy) else None
    return {
        "subject": subject(certificate),
        "names": _names(certificate),
        "issuer": issuer(certificate),
        "provisioner": known,
        "not_before": moment(certificate.not_valid_before_utc),
        "not_after": moment(certificate.not_valid_after_utc),
        "seconds_left": int((certificate.not_valid_after_utc - now).total_seconds()),
        "key": _key(certificate),
        "fingerprint": fingerprint(certificate),
        "serial": str(certificate.serial_number),  # 128 bits: as a JSON number it would be rounded
        "serial_hex": _hexadecimal(certificate),
    }


def chain_documents(certificates: Sequence[x509.Certificate], now: datetime) -> list[dict[str, Any]]:
    """The certificates above the leaf, for a machine."""
    return [certificate_document(one, now) for one in certificates]


def subject(certificate: x509.Certificate) -> str:
    """Whom it is for, most specific part first."""
    return _readable(lambda: _subject(certificate))


def issuer(certificate: x509.Certificate) -> str:
    """Who signed it; said plainly where that was its own key's owner."""
    return _readable(lambda: _issuer(certificate))


def validity(certificate: x509.Certificate, now: datetime) -> str:
    """From when to when, and how much is left."""
    starts, ends = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    return f"{starts:%Y-%m-%d %H:%M} to {ends:%Y-%m-%d %H:%M} UTC ({_remains(starts, ends, now)})"


def _remains(starts: datetime, ends: datetime, now: datetime) -> str:
    if now < starts:
        return f"not valid yet: starts in {left(starts, now)}"
    return "EXPIRED" if ends <= now else f"{left(ends, now)} left"


def _subject(certificate: x509.Certificate) -> str:
    return certificate.subject.rfc4514_string() or "(empty)"


def _issuer(certificate: x509.Certificate) -> str:
    text = certificate.issuer.rfc4514_string()
    return f"{text} (itself)" if certificate.issuer == certificate.subject else text or "(empty)"


def _names(certificate: x509.Certificate) -> list[str]:
    try:
        return [str(name) for name in certificate_names(certificate)]
    except BundleInvalid:
        return [UNREADABLE]


def _key(certificate: x509.Certificate) -> str:
    return _readable(lambda: describe_public_key(certificate.public_key()))


def _hexadecimal(certificate: x509.Certificate) -> str:
    return f"0x{certificate.serial_number:x}"


def _provisioner(certificate: x509.Certificate) -> str:
    found = _provisioner_of(certificate)
    if found is None:
        return "not named (another CA, or step-ca with disableSmallstepExtensions)"
    if isinstance(found, str):
        return found
    return f"{found.name} ({found.type}{f', key {found.credential}' if found.credential else ''})"


def _provisioner_of(certificate: x509.Certificate) -> SignedBy | str | None:
    try:
        return signed_by(certificate)
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType):
        # cryptography reads all extensions when the first is asked for: any malformed one shows up here.
        return UNREADABLE


def _readable(read: Callable[[], str]) -> str:
    try:
        return read()
    except (ValueError, UnsupportedAlgorithm):
        return UNREADABLE
