"""What a CA may answer: leaves and CA certificates of any shape, good ones unless told otherwise."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.types import CertificatePublicKeyTypes
from cryptography.x509.oid import ExtendedKeyUsageOID

from certpush.model import CertificateRequest, DnsName, KeySpec, Name, SigningKey, parse_name

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
SHA256 = hashes.SHA256()
SERVER = ExtendedKeyUsageOID.SERVER_AUTH


def request_for(*names: str, key: KeySpec = KeySpec.EC_P256, lifetime: timedelta | None = DAY) -> CertificateRequest:
    return CertificateRequest(tuple(parse_name(one) for one in names or ("box.lan", "192.0.2.7")), key, lifetime)


@dataclass(frozen=True)
class Ca:
    """A CA certificate with its key."""

    certificate: x509.Certificate
    key: SigningKey = field(repr=False)

    def below(self, name: str = "Intermediate", **wanted) -> Ca:
        """Another CA that this one signed."""
        return make_ca(name, under=self, **wanted)


def make_ca(
    name: str = "Root",
    *,
    under: Ca | None = None,
    starts: datetime = NOW - 365 * DAY,
    ends: datetime = NOW + 3650 * DAY,
    is_ca: bool | None = True,
    path_length: int | None = None,
    may_sign: bool | None = None,
    key: SigningKey | None = None,
    digest: hashes.HashAlgorithm = SHA256,
    more: Mapping[x509.ExtensionType, bool] | None = None,
) -> Ca:
    """A CA certificate; ``is_ca=None`` leaves the constraints out, ``may_sign=None`` the key usage. ``more`` says what is critical."""
    key = key or ec.generate_private_key(ec.SECP256R1())
    builder = _builder(name, under, key.public_key(), starts, ends)
    if is_ca is not None:
        builder = builder.add_extension(x509.BasicConstraints(ca=is_ca, path_length=path_length if is_ca else None), critical=True)
    if may_sign is not None:
        builder = builder.add_extension(key_usage(digital_signature=True, key_cert_sign=may_sign), critical=True)
    builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    for extension, critical in (more or {}).items():
        builder = builder.add_extension(extension, critical=critical)
    return Ca(builder.sign(under.key if under else key, digest), key)


def make_leaf(
    ca: Ca,
    key: CertificatePublicKeyTypes,
    names: tuple[Name, ...],
    *,
    starts: datetime = NOW - MINUTE,
    ends: datetime = NOW + DAY,
    uses: tuple[x509.ObjectIdentifier, ...] | None = (SERVER,),
    is_ca: bool = False,
    digital_signature: bool | None = True,
    also: tuple[x509.GeneralName, ...] = (),
    more: tuple[x509.ExtensionType, ...] = (),
    critical: bool = False,
    digest: hashes.HashAlgorithm = SHA256,
) -> x509.Certificate:
    """A leaf as asked for; ``uses=None`` and ``digital_signature=None`` leave those extensions out."""
    builder = _builder("leaf", ca, key, starts, ends)
    alternatives = [x509.DNSName(one.value) if isinstance(one, DnsName) else x509.IPAddress(one.value) for one in names]
    if alternatives or also:
        builder = builder.add_extension(x509.SubjectAlternativeName([*alternatives, *also]), critical=False)
    if uses is not None:
        builder = builder.add_extension(x509.ExtendedKeyUsage(uses), critical=False)
    if is_ca:
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    if digital_signature is not None:
        usage = key_usage(digital_signature=digital_signature, key_encipherment=not digital_signature)
        builder = builder.add_extension(usage, critical=True)
    for extension in more:
        builder = builder.add_extension(extension, critical=critical)
    return builder.sign(ca.key, digest)


def key_usage(*, digital_signature: bool, key_cert_sign: bool = False, key_encipherment: bool = False) -> x509.KeyUsage:
    return x509.KeyUsage(
        digital_signature=digital_signature,
        content_commitment=False,
        key_encipherment=key_encipherment,
        data_encipherment=False,
        key_agreement=False,
        key_cert_sign=key_cert_sign,
        crl_sign=False,
        encipher_only=False,
        decipher_only=False,
    )


def tampered(certificate: x509.Certificate, was: str, becomes: str) -> x509.Certificate:
    """The certificate with some bytes (hex) of its DER changed; its signature is wrong then."""
    der = certificate.public_bytes(serialization.Encoding.DER)
    old, new = bytes.fromhex(was), bytes.fromhex(becomes)
    assert old in der
    assert len(old) == len(new)
    return x509.load_der_x509_certificate(der.replace(old, new))


def _builder(name: str, under: Ca | None, key: CertificatePublicKeyTypes, starts: datetime, ends: datetime) -> x509.CertificateBuilder:
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(under.certificate.subject if under else subject)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(starts)
        .not_valid_after(ends)
    )
