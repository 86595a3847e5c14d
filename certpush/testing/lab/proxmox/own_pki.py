"""The CA that a Proxmox cluster makes for itself, and the certificates it signs for its nodes."""

from __future__ import annotations

import functools
import ipaddress
import uuid
from datetime import UTC, datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.x509.oid import NameOID

from certpush.model import to_pem

_HOUR = timedelta(hours=1)
_CA_LIFETIME = timedelta(days=3650)
_NODE_LIFETIME = timedelta(days=730)


@functools.cache
def _key_of(owner: str) -> rsa.RSAPrivateKey:  # noqa: ARG001 - what the cache goes by
    """One key for each owner and process: what differs between two machines of one name is the certificate."""
    return rsa.generate_private_key(public_exponent=65537, key_size=2048)


def key_pem(owner: str) -> bytes:
    """The owner's key as the product writes it: PKCS#8, not encrypted."""
    return _key_of(owner).private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())


class ClusterCa:
    """The CA of a cluster, or of a node alone."""

    def __init__(self, domain: str = "certpush.test") -> None:
        self.domain = domain
        key = _key_of("the cluster's CA")
        self._name = _name(CN="Proxmox Virtual Environment", OU=str(uuid.uuid4()), O="PVE Cluster Manager CA")
        builder = _builder(key, self._name, _CA_LIFETIME).issuer_name(self._name)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        builder = builder.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        self.certificate = builder.sign(key, hashes.SHA256())

    @property
    def pem(self) -> bytes:
        """Its certificate: pve-root-ca.pem."""
        return to_pem(self.certificate)

    def sign(self, node: str, *addresses: str) -> bytes:
        """A certificate for a node's key, PEM: pve-ssl.pem."""
        key, full = _key_of(node), f"{node}.{self.domain}"
        subject = _name(OU="PVE Cluster Node", O="Proxmox Virtual Environment", CN=full)
        builder = _builder(key, subject, _NODE_LIFETIME).issuer_name(self._name)
        builder = builder.add_extension(_names((node, full, "localhost"), ("127.0.0.1", "::1", *addresses)), critical=False)
        return to_pem(builder.sign(_key_of("the cluster's CA"), hashes.SHA256()))


def self_signed(subject: x509.Name, names: tuple[str, ...] = (), addresses: tuple[str, ...] = (), *, owner: str) -> bytes:
    """A certificate that a product signs for itself, PEM."""
    key = _key_of(owner)
    builder = _builder(key, subject, _CA_LIFETIME).issuer_name(subject)
    if names or addresses:
        builder = builder.add_extension(_names(names, addresses), critical=False)
    return to_pem(builder.sign(key, hashes.SHA256()))


def _name(**parts: str) -> x509.Name:
    kinds = {"CN": NameOID.COMMON_NAME, "OU": NameOID.ORGANIZATIONAL_UNIT_NAME, "O": NameOID.ORGANIZATION_NAME}
    return x509.Name([x509.NameAttribute(kinds[kind], text) for kind, text in parts.items()])


def _names(dns: tuple[str, ...], addresses: tuple[str, ...]) -> x509.SubjectAlternativeName:
    numbers = dict.fromkeys(ipaddress.ip_address(one) for one in addresses)
    return x509.SubjectAlternativeName([*map(x509.IPAddress, numbers), *map(x509.DNSName, dns)])


def _builder(key: rsa.RSAPrivateKey, subject: x509.Name, lifetime: timedelta) -> x509.CertificateBuilder:
    start = datetime.now(UTC) - _HOUR  # so that small clock differences do no harm
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(start)
        .not_valid_after(start + lifetime)
    )
