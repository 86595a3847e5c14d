"""What a certificate says of itself, as far as a look tells it: dates, and names as text.

A certificate that a handshake verified was read by OpenSSL, which judged it, and ``ssl`` tells
what it found. That is taken where it is plain. All else is read by cryptography, as everywhere
in certpush: what is odd, and what did not hold up. Both say the same of a plain certificate; a
test holds one against the other.
"""

from __future__ import annotations

import hashlib
import re
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from certpush.kit.escaping import escaped

if TYPE_CHECKING:
    from cryptography import x509

_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
_PLAIN = re.compile(r"[A-Za-z0-9*._:/@()'-]+(?: [A-Za-z0-9*._:/@()'-]+)*")
"""A value that needs no escape, neither in RFC 4514 nor on a terminal."""
_SHORT = {  # what OpenSSL calls them, and RFC 4514
    "commonName": "CN",
    "countryName": "C",
    "domainComponent": "DC",
    "localityName": "L",
    "organizationName": "O",
    "organizationalUnitName": "OU",
    "stateOrProvinceName": "ST",
}


class UnreadableCertificate(Exception):
    """What was shown is no certificate, or a damaged one."""


class Shown(NamedTuple):
    """A certificate that somebody showed; ``subject`` and ``issuer`` may be printed, though a stranger wrote them."""

    fingerprint: str
    not_before: datetime
    not_after: datetime
    subject: str
    issuer: str


class _Odd(ValueError):
    """It is not plain, and for cryptography to read."""


def shown_by(connection: ssl.SSLSocket) -> Shown:
    """The certificate that the other side of this connection showed.

    Raises:
        UnreadableCertificate: it cannot be read.

    """
    der = connection.getpeercert(binary_form=True) or b""
    try:
        return _as_told(der, connection.getpeercert() or {})  # empty where nothing was verified
    except (ValueError, KeyError, ssl.SSLError):
        return read(der)


def read(der: bytes) -> Shown:
    """Read a certificate's DER form.

    Raises:
        UnreadableCertificate: it is none.

    """
    from cryptography import x509

    from certpush.model import UNREADABLE, fingerprint

    try:
        leaf = x509.load_der_x509_certificate(der)
    except UNREADABLE as error:
        raise UnreadableCertificate from error
    return Shown(fingerprint(leaf), leaf.not_valid_before_utc, leaf.not_valid_after_utc, subject_of(leaf), issuer_of(leaf))


def _as_told(der: bytes, told: Mapping[str, Any]) -> Shown:
    """What ``SSLSocket.getpeercert`` tells of a plain certificate.

    Raises:
        ValueError, KeyError: it is not plain, or nothing is told.

    """
    dates = _moment(told["notBefore"]), _moment(told["notAfter"])
    return Shown(hashlib.sha256(der).hexdigest(), *dates, _name(told["subject"]), _name(told["issuer"]))


def _moment(text: str) -> datetime:
    """``Jan  5 09:34:43 2018 GMT``, which is how OpenSSL prints what has no fraction of a second."""
    month, day, clock, year, zone = text.split()
    if zone != "GMT":
        raise _Odd
    hour, minute, second = clock.split(":")
    return datetime(int(year), _MONTHS.index(month) + 1, int(day), int(hour), int(minute), int(second), tzinfo=UTC)


def _name(parts: tuple[tuple[tuple[str, str], ...], ...]) -> str:
    """As RFC 4514 writes it: the last part first."""
    return ",".join([_part(part) for part in reversed(parts)])


def _part(part: tuple[tuple[str, str], ...]) -> str:
    ((kind, value),) = part
    if not _PLAIN.fullmatch(value):
        raise _Odd
    return f"{_SHORT[kind]}={value}"


def subject_of(certificate: x509.Certificate) -> str:
    """Whom a certificate is for, as text that may be printed: a stranger wrote it."""
    return _shown(certificate, "subject")


def issuer_of(certificate: x509.Certificate) -> str:
    """Who signed a certificate, as text that may be printed."""
    return _shown(certificate, "issuer")


def _shown(certificate: x509.Certificate, which: Literal["subject", "issuer"]) -> str:
    # cryptography reads a name when it is first asked for, so a malformed one shows up here.
    try:
        name: x509.Name = getattr(certificate, which)
        return escaped(name.rfc4514_string())
    except ValueError:
        return "(unreadable)"
