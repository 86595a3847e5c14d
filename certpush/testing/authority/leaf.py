"""A leaf certificate as step-ca's default template makes it, and the ways in which a test may want it otherwise."""

from __future__ import annotations

import ipaddress
import secrets
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID, NameOID, ObjectIdentifier

from certpush.testing.authority.pki import Pki, issuer_key_identifier

STEP_PROVISIONER = ObjectIdentifier("1.3.6.1.4.1.37476.9000.64.1")
SERVER_AND_CLIENT = (ExtendedKeyUsageOID.SERVER_AUTH, ExtendedKeyUsageOID.CLIENT_AUTH)
Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_LONGEST_CN = 64  # X.520; step-ca does not mind, cryptography warns


@dataclass(frozen=True)
class AlternativeNames:
    """The names of a certificate, by type and in the order in which step-ca writes them."""

    dns: tuple[str, ...] = ()
    emails: tuple[str, ...] = ()
    addresses: tuple[Address, ...] = ()
    uris: tuple[str, ...] = ()

    def der(self) -> bytes:
        """The SAN extension, encoded without any check: step-ca signs what cryptography would refuse to build."""
        entries = [(0x82, text.encode("ascii")) for text in self.dns]
        entries += [(0x81, text.encode("ascii")) for text in self.emails]
        entries += [(0x87, address.packed) for address in self.addresses]
        entries += [(0x86, text.encode("ascii")) for text in self.uris]
        return der(0x30, b"".join(der(tag, content) for tag, content in entries))


@dataclass(frozen=True)
class Profile:
    """All that a leaf says, apart from its key and its issuer."""

    common_name: str
    names: AlternativeNames
    not_before: datetime
    not_after: datetime
    provisioner: bytes | None = None
    usages: tuple[ObjectIdentifier, ...] = SERVER_AND_CLIENT
    is_ca: bool = False


def sign_leaf(pki: Pki, key: CertificatePublicKeyTypes, profile: Profile) -> x509.Certificate:
    """Sign a leaf with the intermediate; extensions stand in step-ca's order."""
    builder = _bounded(pki, key, profile.not_before, profile.not_after).subject_name(common_name(profile.common_name))
    builder = builder.add_extension(_key_usage(key, is_ca=profile.is_ca), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage(profile.usages), critical=False)
    if profile.is_ca:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    builder = builder.add_extension(issuer_key_identifier(pki.intermediate), critical=False)
    builder = builder.add_extension(_raw(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, profile.names.der()), critical=False)
    if profile.provisioner is not None:
        builder = builder.add_extension(_raw(STEP_PROVISIONER, profile.provisioner), critical=False)
    return builder.sign(pki.intermediate_key, hashes.SHA256())


def sign_again(
    pki: Pki,
    old: x509.Certificate,
    key: CertificatePublicKeyTypes | None,
    valid: tuple[datetime, datetime],
    *,
    instead: Sequence[x509.ExtensionType] = (),
) -> x509.Certificate:
    """Sign the old certificate anew, for its own key or another: all its extensions are copied, but for the key identifiers.

    Those in ``instead`` replace the ones of their kind, or are added.
    """
    with _quiet():
        builder = _bounded(pki, key or old.public_key(), *valid).subject_name(old.subject)
    replaced = {one.oid for one in instead} | {ExtensionOID.AUTHORITY_KEY_IDENTIFIER}
    if key:
        replaced |= {ExtensionOID.SUBJECT_KEY_IDENTIFIER}
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key), critical=False)
    builder = builder.add_extension(issuer_key_identifier(pki.intermediate), critical=False)
    for extension in old.extensions:
        if extension.oid not in replaced:
            builder = builder.add_extension(_raw(extension.oid, extension.value.public_bytes()), critical=extension.critical)
    for one in instead:
        builder = builder.add_extension(one, critical=False)
    return builder.sign(pki.intermediate_key, hashes.SHA256())


def provisioner_extension(kind: int, name: str, credential: str) -> bytes:
    """Who let this certificate be signed: SEQUENCE{INTEGER type, OCTET STRING name, OCTET STRING credential}."""
    parts = der(0x02, bytes([kind])) + der(0x04, name.encode()) + der(0x04, credential.encode())
    return der(0x30, parts)


def provisioner_name(certificate: x509.Certificate) -> str | None:
    """The provisioner that a certificate names in step's extension; None where it has none."""
    try:
        found = certificate.extensions.get_extension_for_oid(STEP_PROVISIONER).value
    except x509.ExtensionNotFound:
        return None
    sequence, _ = _split_der(found.public_bytes())
    _, rest = _split_der(sequence)
    name, _ = _split_der(rest)
    return name.decode()


def common_name(text: str) -> x509.Name:
    """A subject of one CN, of any length."""
    with _quiet():
        return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text, _validate=len(text.encode()) <= _LONGEST_CN)])


def der(tag: int, content: bytes) -> bytes:
    """One DER value."""
    size = len(content)
    if size < 0x80:
        return bytes([tag, size]) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes([tag, 0x80 | len(length)]) + length + content


def _split_der(value: bytes) -> tuple[bytes, bytes]:
    """The content of the first value, and what follows it."""
    size, start = value[1], 2
    if size & 0x80:
        start += size & 0x7F
        size = int.from_bytes(value[2:start], "big")
    return value[start : start + size], value[start + size :]


def _bounded(pki: Pki, key: CertificatePublicKeyTypes, not_before: datetime, not_after: datetime) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .issuer_name(pki.intermediate.subject)
        .public_key(key)
        .serial_number(secrets.randbits(127) + 1)  # as step-ca: 128 random bits, never 0
        .not_valid_before(not_before.replace(microsecond=0))
        .not_valid_after(not_after.replace(microsecond=0))
    )


def _raw(oid: ObjectIdentifier, value: bytes) -> x509.UnrecognizedExtension:
    return x509.UnrecognizedExtension(oid, value)


def _quiet() -> warnings.catch_warnings[None]:
    """Cryptography warns of a CN longer than 64 characters, which step-ca signs without a word."""
    return warnings.catch_warnings(action="ignore", category=UserWarning)


def _key_usage(key: CertificatePublicKeyTypes, *, is_ca: bool) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=True,
        content_commitment=False,
        key_encipherment=isinstance(key, rsa.RSAPublicKey),
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=is_ca,
        crl_sign=is_ca,
        encipher_only=False,
        decipher_only=False,
    )
