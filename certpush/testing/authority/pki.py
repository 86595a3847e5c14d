"""A root and an intermediate as `step ca init` makes them: EC P-256, ten years, intermediate with path length 0."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from certpush.model import fingerprint, to_pem

TEN_YEARS = timedelta(days=3650)
HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class Pki:
    """A root and an intermediate with their keys."""

    root: x509.Certificate
    root_key: ec.EllipticCurvePrivateKey = field(repr=False)
    intermediate: x509.Certificate
    intermediate_key: ec.EllipticCurvePrivateKey = field(repr=False)

    @classmethod
    def make(cls, name: str = "Test", *, now: datetime | None = None, lifetime: timedelta = TEN_YEARS) -> Pki:
        """Make both anew; they are valid from an hour before ``now``, so that small clock differences do no harm."""
        root_key = ec.generate_private_key(ec.SECP256R1())
        start = (now or datetime.now(UTC)) - HOUR
        root = _ca_certificate(f"{name} Root CA", name, root_key, valid=(start, start + lifetime), path_length=1)
        return cls.under(root, root_key, name, now=now, lifetime=lifetime)

    @classmethod
    def under(
        cls,
        root: x509.Certificate,
        root_key: ec.EllipticCurvePrivateKey,
        name: str = "Test",
        *,
        now: datetime | None = None,
        lifetime: timedelta = TEN_YEARS,
    ) -> Pki:
        """Make a new intermediate below an existing root; ``lifetime`` is the intermediate's."""
        key = ec.generate_private_key(ec.SECP256R1())
        start = (now or datetime.now(UTC)) - HOUR
        valid = (start, min(start + lifetime, root.not_valid_after_utc))
        intermediate = _ca_certificate(f"{name} Intermediate CA", name, key, valid=valid, path_length=0, issuer=(root, root_key))
        return cls(root, root_key, intermediate, key)

    @property
    def root_pem(self) -> bytes:
        """The root, PEM."""
        return to_pem(self.root)

    @property
    def fingerprint(self) -> str:
        """The root's SHA-256, as `step certificate fingerprint` prints it."""
        return fingerprint(self.root)

    def intermediate_key_pem(self, password: bytes | None = None) -> bytes:
        """The intermediate's key, PKCS#8, encrypted where a password is given."""
        encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
        return self.intermediate_key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


def _ca_certificate(
    common_name: str,
    organization: str,
    key: ec.EllipticCurvePrivateKey,
    *,
    valid: tuple[datetime, datetime],
    path_length: int,
    issuer: tuple[x509.Certificate, ec.EllipticCurvePrivateKey] | None = None,
) -> x509.Certificate:
    subject = x509.Name(
        [x509.NameAttribute(NameOID.ORGANIZATION_NAME, organization), x509.NameAttribute(NameOID.COMMON_NAME, common_name)],
    )
    parent, signing_key = issuer or (None, key)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(parent.subject if parent else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(valid[0])
        .not_valid_after(valid[1])
        .add_extension(x509.BasicConstraints(ca=True, path_length=path_length), critical=True)
        .add_extension(_CA_KEY_USAGE, critical=True)
        .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    )
    if parent:
        builder = builder.add_extension(issuer_key_identifier(parent), critical=False)
    return builder.sign(signing_key, hashes.SHA256())


def issuer_key_identifier(issuer: x509.Certificate) -> x509.AuthorityKeyIdentifier:
    """The identifier that a certificate carries to point at its issuer's key."""
    own = issuer.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    return x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(own)


_CA_KEY_USAGE = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)
