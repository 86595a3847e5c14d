"""Who let a certificate be signed, as step-ca writes it into its certificates: a strict reader of that one extension."""

from __future__ import annotations

from cryptography import x509
from cryptography.x509.oid import ObjectIdentifier

from certpush.records import record

STEP_PROVISIONER = ObjectIdentifier("1.3.6.1.4.1.37476.9000.64.1")
_SEQUENCE, _INTEGER, _OCTETS = 0x30, 0x02, 0x04
# The order of the constants in step-ca's provisioner package.
_TYPES = ("?", "JWK", "OIDC", "GCP", "AWS", "Azure", "ACME", "X5C", "K8sSA", "SSHPOP", "SCEP", "Nebula")


@record(frozen=True, slots=True)
class SignedBy:
    """The provisioner that a certificate names: its type, its name, and the id of its key (empty where it has none)."""

    type: str
    name: str
    credential: str


def signed_by(certificate: x509.Certificate) -> SignedBy | None:
    """Tell which provisioner a certificate came through; None where it does not say.

    Raises:
        ValueError: the extension is there, and is not what step-ca writes.

    """
    try:
        found = certificate.extensions.get_extension_for_oid(STEP_PROVISIONER).value
    except x509.ExtensionNotFound:
        return None
    return read_extension(found.public_bytes())


def read_extension(der: bytes) -> SignedBy:
    """Read SEQUENCE{INTEGER type, OCTET STRING name, OCTET STRING credential, ...}; what follows is passed over.

    Raises:
        ValueError: it is not that, to the last octet of it.

    """
    body, rest = _take(der, _SEQUENCE)
    if rest:
        raise ValueError("octets after the end")
    number, body = _take(body, _INTEGER)
    name, body = _take(body, _OCTETS)
    credential, _ = _take(body, _OCTETS)
    kind = int.from_bytes(number, "big", signed=True)
    known = _TYPES[kind] if 0 < kind < len(_TYPES) else f"type {kind}"
    return SignedBy(known, name.decode(), credential.decode())


def _take(der: bytes, tag: int) -> tuple[bytes, bytes]:
    """The content of the first value, which has this tag, and what follows it."""
    if len(der) < 2 or der[0] != tag:
        raise ValueError("another type than step-ca writes")
    size, start = der[1], 2
    if size >= 0x80:
        start += size & 0x7F
        size = int.from_bytes(der[2:start], "big")
        # DER has one way to write a length: the shortest. Without this, 0x80 (indefinite) would read as nothing.
        if size < 0x80 or der[2] == 0:
            raise ValueError("a length that is not DER")
    if start + size > len(der):
        raise ValueError("cut off")
    return der[start : start + size], der[start + size :]
