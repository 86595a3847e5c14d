"""What PHP's OpenSSL functions tell of certificates and keys, as far as the store asks for it."""

from __future__ import annotations

import base64
import binascii

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

_SPKI = (Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def decoded(text: str) -> str:
    """The text of a ``crt`` or ``prv``; empty where it is none."""
    try:
        return base64.b64decode(text).decode("utf-8", "replace")
    except binascii.Error:
        return ""


def encoded(text: str) -> str:
    """What stands in ``crt`` or ``prv`` for a text."""
    return base64.b64encode(text.encode()).decode()


def first_certificate(pem: str) -> x509.Certificate | None:
    """The first certificate of a text; None where there is none."""
    begin = pem.find("-----BEGIN CERTIFICATE-----")
    try:
        return x509.load_pem_x509_certificate(pem[begin:].encode()) if begin >= 0 else None
    except ValueError:
        return None


def key_loads(pem: str) -> bool:
    """Whether there is a private key, without a passphrase."""
    return _public_of(pem) is not None


def belong_together(certificate: x509.Certificate, key: str) -> bool:
    """Whether this is the certificate's key."""
    return _public_of(key) == certificate.public_key().public_bytes(*_SPKI)


def values(name: x509.Name) -> dict[str, tuple[str, ...]]:
    """A name as ``openssl_x509_parse`` gives it: by kind of attribute."""
    found: dict[str, tuple[str, ...]] = {}
    for one in name:
        found[one.oid.dotted_string] = (*found.get(one.oid.dotted_string, ()), str(one.value))
    return found


def fits_within(subject: x509.Name, issuer: x509.Name) -> bool:
    """The comparison by which authorities are linked: every value of the subject is one of the issuer's. No signature is looked at."""
    return set(values(subject).values()) <= set(values(issuer).values())


def _public_of(key: str) -> bytes | None:
    try:
        return load_pem_private_key(key.strip().encode(), None).public_key().public_bytes(*_SPKI)
    except (ValueError, TypeError):
        return None
