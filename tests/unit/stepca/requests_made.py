"""Signing requests as certpush makes them."""

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from certpush.model import DnsName, PrivateKey


def signing_request(key: PrivateKey, names) -> bytes:
    """A PEM signing request: the first name as CN, all of them as SANs."""
    builder = (
        x509.CertificateSigningRequestBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(names[0]))]))
        .add_extension(
            x509.SubjectAlternativeName(
                [x509.DNSName(one.value) if isinstance(one, DnsName) else x509.IPAddress(one.value) for one in names]
            ),
            critical=False,
        )
    )
    digest = None if key.spec == "ed25519" else hashes.SHA256()
    return builder.sign(key.reveal_key(), digest).public_bytes(Encoding.PEM)
