"""The CA's answers as types: strict about what is needed, blind to the rest; nothing past here sees raw JSON."""

from __future__ import annotations

import logging
import re
from typing import TypeVar

import msgspec
from cryptography import x509

from certpush.errors import BundleInvalid, IssuerRefused
from certpush.kit.shapes import known
from certpush.model import read_certificates

_log = logging.getLogger(__name__)
T = TypeVar("T")
_MAX_CHAIN = 10
IS_IT_STEP = "does something else answer at this address, such as a proxy or a login page?"


class Health(msgspec.Struct, frozen=True):
    """Answer of /health."""

    status: str


class Version(msgspec.Struct, frozen=True, rename="camel"):
    """Answer of /version."""

    version: str
    require_client_authentication: bool = False


class RootAnswer(msgspec.Struct, frozen=True):
    """Answer of /root/FINGERPRINT."""

    ca: str


class CertificatesAnswer(msgspec.Struct, frozen=True):
    """Answer of /roots and /intermediates."""

    crts: list[str]


class SealedKeyAnswer(msgspec.Struct, frozen=True):
    """Answer of /provisioners/KID/encrypted-key."""

    key: str


class SignAnswer(msgspec.Struct, frozen=True, rename="camel"):
    """Answer of /sign, /renew and /rekey."""

    crt: str
    ca: str
    cert_chain: list[str] | None = None


class ProvisionerPage(msgspec.Struct, frozen=True, rename="camel"):
    """One page of /provisioners; a page past the end has null."""

    provisioners: list[msgspec.Raw] | None = None
    next_cursor: str = ""


class PublicKey(msgspec.Struct, frozen=True):
    """The public half of a JWK provisioner's key, as far as it is of use here."""

    kid: str = ""


class Claims(msgspec.Struct, frozen=True):
    """A provisioner's own limits; the authority's are not visible over the API."""

    min_lifetime: str = msgspec.field(name="minTLSCertDuration", default="")
    max_lifetime: str = msgspec.field(name="maxTLSCertDuration", default="")
    default_lifetime: str = msgspec.field(name="defaultTLSCertDuration", default="")
    disable_renewal: bool = msgspec.field(name="disableRenewal", default=False)
    allow_renewal_after_expiry: bool = msgspec.field(name="allowRenewalAfterExpiry", default=False)


class Provisioner(msgspec.Struct, frozen=True, rename="camel"):
    """A provisioner as the CA lists it; ``roots`` are those of an X5C provisioner, PEM in base64."""

    type: str
    name: str
    key: PublicKey | None = None
    encrypted_key: str = ""
    roots: str = ""
    claims: Claims | None = None
    state: str = ""
    state_reason: str = ""

    @property
    def kid(self) -> str:
        """The id of a JWK provisioner's key; empty for other types."""
        return self.key.kid if self.key else ""


class ErrorBody(msgspec.Struct, frozen=True):
    """The JSON of a refusal: ``message``, or ``detail`` where the admin or ACME part of the CA speaks."""

    message: str = ""
    detail: str = ""


def decode(body: bytes, into: type[T], asked: str) -> T:
    """Read a JSON answer.

    Raises:
        IssuerRefused: it is not what step-ca answers to ``asked``.

    """
    try:
        return msgspec.json.decode(body, type=known(into))
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
        raise IssuerRefused(
            f"{asked}: the answer is not what step-ca sends ({str(error)[:120]})",
            hint=IS_IT_STEP,
        ) from None


def read_provisioners(page: ProvisionerPage) -> list[Provisioner]:
    """Read the entries of a page; one of an unknown shape is passed over, so that it cannot hide the others."""
    found = []
    for entry in page.provisioners or ():
        try:
            found.append(msgspec.json.decode(entry, type=known(Provisioner)))
        except (msgspec.DecodeError, RecursionError, UnicodeDecodeError) as error:
            _log.warning("a provisioner in the CA's listing cannot be read: %s", error)
    return found


def read_error(body: bytes) -> str:
    """The text of a refusal, whatever its form, made safe to print."""
    try:
        told = msgspec.json.decode(body, type=ErrorBody)
        return printable(told.message or told.detail)
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return printable(body.decode("utf-8", "replace"))


def printable(text: str) -> str:
    """One line of at most 600 characters without control characters: what a server says may be printed on a terminal."""
    one_line = re.sub(r"\s+", " ", text).strip()
    return "".join(letter if letter.isprintable() else "?" for letter in one_line)[:600]


def read_chain(answer: SignAnswer, asked: str) -> tuple[x509.Certificate, tuple[x509.Certificate, ...]]:
    """The leaf, and the certificates above it, of an answer to /sign.

    Raises:
        BundleInvalid: they cannot be read, or the answer contradicts itself.

    """
    texts = answer.cert_chain or [answer.crt, answer.ca]
    if len(texts) > _MAX_CHAIN:
        raise BundleInvalid(f"{asked}: the CA sent a chain of {len(texts)} certificates", hint=IS_IT_STEP)
    leaf, *above = (read_one(text, asked) for text in texts)
    if leaf != read_one(answer.crt, asked):
        raise BundleInvalid(f"{asked}: the CA's answer names two different certificates as the new one", hint=IS_IT_STEP)
    return leaf, tuple(above)


def read_one(text: str, asked: str) -> x509.Certificate:
    """Read a PEM text of exactly one certificate.

    Raises:
        BundleInvalid: it is not that.

    """
    try:
        (certificate,) = read_certificates(text.encode("ascii"))
    except (ValueError, BundleInvalid) as error:
        reason = error.message if isinstance(error, BundleInvalid) else "not exactly one certificate"
        raise BundleInvalid(f"{asked}: a certificate in the CA's answer cannot be read ({reason})", hint=IS_IT_STEP) from None
    return certificate
