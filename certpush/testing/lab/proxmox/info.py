"""What PVE tells of a certificate: an object made from the first certificate of a file."""

from __future__ import annotations

import ipaddress
import re

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from certpush.model import UNREADABLE, JsonValue, fingerprint

_BLOCK = re.compile(rb"^-----BEGIN CERTIFICATE-----[ \t\r]*\n.*?^-----END CERTIFICATE-----[ \t\r]*$", re.DOTALL | re.MULTILINE)
_SHORT = {
    NameOID.COMMON_NAME: "CN",
    NameOID.ORGANIZATION_NAME: "O",
    NameOID.ORGANIZATIONAL_UNIT_NAME: "OU",
    NameOID.COUNTRY_NAME: "C",
    NameOID.STATE_OR_PROVINCE_NAME: "ST",
    NameOID.LOCALITY_NAME: "L",
    NameOID.EMAIL_ADDRESS: "emailAddress",
    NameOID.SERIAL_NUMBER: "serialNumber",
}


def first_certificate(pem: bytes) -> x509.Certificate | None:
    """The first certificate of a file as OpenSSL reads it; None where there is none that can be read."""
    # cryptography would also take what stands beside the labels.
    block = _BLOCK.search(pem)
    try:
        return x509.load_pem_x509_certificate(block[0]) if block else None
    except UNREADABLE:
        return None


def describe(filename: str, certificate: x509.Certificate) -> dict[str, JsonValue]:
    """The object that PVE gives for a file; it never shows the chain."""
    kind, bits = key_in_words(certificate)
    return {
        "filename": filename,
        "fingerprint": with_colons(fingerprint(certificate)),
        "subject": oneline(certificate.subject),
        "issuer": oneline(certificate.issuer),
        "notbefore": int(certificate.not_valid_before_utc.timestamp()),
        "notafter": int(certificate.not_valid_after_utc.timestamp()),
        "san": list(alternative_names(certificate)),
        "pem": certificate.public_bytes(Encoding.PEM).decode("ascii"),
        "public-key-type": kind,
        "public-key-bits": bits,
    }


def with_colons(digest: str) -> str:
    """A fingerprint as PVE writes it: upper case, with colons."""
    return ":".join(digest[place : place + 2] for place in range(0, len(digest), 2)).upper()


def oneline(name: x509.Name) -> str:
    """A name as OpenSSL's X509_NAME_oneline writes it."""
    return "".join(f"/{short_name(one)}={one.value!s}" for one in name)


def short_name(attribute: x509.NameAttribute[str | bytes]) -> str:
    """What a part of a name is called, in short: CN, O."""
    return _SHORT.get(attribute.oid, attribute.oid.dotted_string)


def alternative_names(certificate: x509.Certificate) -> tuple[str, ...]:
    """DNS names and addresses in the certificate's order; IPv6 in full, other types left out."""
    try:
        names = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except (x509.ExtensionNotFound, ValueError):
        return ()
    return tuple(text for one in names if (text := _name_in_words(one)))


def _name_in_words(name: x509.GeneralName) -> str:
    if isinstance(name, x509.DNSName):
        return name.value
    if isinstance(name, x509.IPAddress) and isinstance(name.value, ipaddress.IPv4Address | ipaddress.IPv6Address):
        return name.value.exploded
    return ""


def key_in_words(certificate: x509.Certificate) -> tuple[str, int]:
    """The type of a certificate's key in OpenSSL's words, and its size in bits."""
    try:
        key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm):
        return "undefined", 0
    if isinstance(key, rsa.RSAPublicKey):
        return "rsaEncryption", key.key_size
    if isinstance(key, ec.EllipticCurvePublicKey):
        return "id-ecPublicKey", key.key_size
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ED25519", 256  # as OpenSSL counts
    return "undefined", 0
