"""Certificates: how to read and name one, and the bundle of leaf, chain, roots and key."""

from __future__ import annotations

import ipaddress
import re
from dataclasses import field
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Self

from cryptography import x509
from cryptography.exceptions import InvalidSignature, UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization

from certpush.errors import BundleInvalid
from certpush.model.keys import PrivateKey
from certpush.model.names import DnsName, IpName, Name
from certpush.records import record

UNREADABLE = (ValueError, x509.InvalidVersion)
"""What loading a certificate raises; the second is no ValueError, and any byte from a stranger can cause it."""
MAX_PEM_BYTES = 64 * 1024  # a chain is a few KiB; anything larger is not a certificate chain
_PEM_CERTIFICATE = re.compile(rb"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)


def fingerprint(certificate: x509.Certificate) -> str:
    """SHA-256 of the DER form, lower-case hex without separators: how certpush names a certificate."""
    return certificate.fingerprint(hashes.SHA256()).hex()


def certificate_names(certificate: x509.Certificate) -> tuple[Name, ...]:
    """DNS names and IP addresses of the SAN extension, in the certificate's order.

    Raises:
        BundleInvalid: the certificate's extensions cannot be read.

    """
    try:
        san = certificate.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    except x509.ExtensionNotFound:
        return ()
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        # cryptography reads extensions when they are first asked for, so a malformed one shows up here.
        raise BundleInvalid("the extensions of the certificate cannot be read") from error
    names: list[Name] = []
    for entry in san:
        if isinstance(entry, x509.DNSName):
            names.append(DnsName(entry.value.lower()))
        elif isinstance(entry, x509.IPAddress) and isinstance(entry.value, ipaddress.IPv4Address | ipaddress.IPv6Address):
            names.append(IpName(entry.value))
    return tuple(names)


def read_certificates(pem: bytes) -> tuple[x509.Certificate, ...]:
    """Read every certificate of a PEM text, in order; other blocks and comments are passed over.

    Raises:
        BundleInvalid: larger than 64 KiB, no certificate in it, or one that cannot be read.

    """
    if len(pem) > MAX_PEM_BYTES:
        raise BundleInvalid("the certificate text is larger than 64 KiB")
    try:
        found = tuple(x509.load_pem_x509_certificate(block) for block in _PEM_CERTIFICATE.findall(pem))
    except UNREADABLE as error:
        raise BundleInvalid("a certificate in the PEM text cannot be read") from error
    if not found:
        raise BundleInvalid("there is no certificate in the PEM text")
    return found


def to_pem(*certificates: x509.Certificate) -> bytes:
    """PEM text of the certificates, clean and in the given order, each ending with a newline."""
    return b"".join(one.public_bytes(serialization.Encoding.PEM) for one in certificates)


@record(frozen=True)
class CertificateBundle:
    """A leaf with its key, the intermediates above it (leaf's issuer first), and the roots they lead to.

    Validated when it is made: the key is the leaf's, and each certificate is signed by the next.

    Raises:
        BundleInvalid: the parts do not belong together.

    """

    leaf: x509.Certificate
    chain: tuple[x509.Certificate, ...]
    roots: tuple[x509.Certificate, ...]
    key: PrivateKey = field(repr=False)

    def __post_init__(self) -> None:
        if leaf_spki(self.leaf) != self.key.public_spki:
            raise BundleInvalid("the private key does not belong to the certificate")
        for child, parent in zip((self.leaf, *self.chain), self.chain, strict=False):
            if not issued_by(child, parent):
                raise BundleInvalid("the chain is out of order: a certificate is not signed by the one after it")

    @classmethod
    def from_pem(cls, fullchain: bytes, key: bytes, roots: bytes = b"") -> Self:
        """Read a bundle from PEM texts: leaf first, then intermediates; a root at its end moves to ``roots``."""
        leaf, *rest = read_certificates(fullchain)
        given_roots = read_certificates(roots) if roots.strip() else ()
        chain = tuple(one for one in rest if one.subject != one.issuer)
        own_roots = tuple(one for one in rest if one.subject == one.issuer and one not in given_roots)
        return cls(leaf, chain, (*given_roots, *own_roots), PrivateKey.from_pem(key))

    @cached_property
    def fingerprint(self) -> str:
        """SHA-256 of the leaf, lower-case hex."""
        return fingerprint(self.leaf)

    @property
    def root_fingerprints(self) -> frozenset[str]:
        """SHA-256 of each root, lower-case hex."""
        return frozenset(fingerprint(root) for root in self.roots)

    @property
    def serial(self) -> int:
        """The leaf's serial number."""
        return self.leaf.serial_number

    @property
    def not_before(self) -> datetime:
        """From when the leaf is valid, UTC."""
        return self.leaf.not_valid_before_utc

    @property
    def not_after(self) -> datetime:
        """Until when the leaf is valid, UTC."""
        return self.leaf.not_valid_after_utc

    @property
    def names(self) -> tuple[Name, ...]:
        """The leaf's DNS names and IP addresses."""
        return certificate_names(self.leaf)

    @property
    def leaf_pem(self) -> bytes:
        """The leaf alone."""
        return to_pem(self.leaf)

    @property
    def chain_pem(self) -> bytes:
        """The intermediates alone, the leaf's issuer first."""
        return to_pem(*self.chain)

    @property
    def fullchain_pem(self) -> bytes:
        """Leaf and intermediates, as a server sends them; no root."""
        return to_pem(self.leaf, *self.chain)

    @property
    def roots_pem(self) -> bytes:
        """The roots, for a trust store."""
        return to_pem(*self.roots)


def leaf_spki(certificate: x509.Certificate) -> bytes:
    """The certificate's public key, DER SubjectPublicKeyInfo.

    Raises:
        BundleInvalid: the key is damaged, or of a kind that nobody here knows.

    """
    try:
        public_key = certificate.public_key()
    except (ValueError, UnsupportedAlgorithm) as error:
        raise BundleInvalid("the public key of the certificate cannot be read") from error
    return public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


@lru_cache(maxsize=256)  # a run meets the same intermediate below the same root for every certificate
def issued_by(child: x509.Certificate, parent: x509.Certificate) -> bool:
    """Whether ``parent`` names and signed ``child``."""
    try:
        child.verify_directly_issued_by(parent)
    except (ValueError, TypeError, InvalidSignature, UnsupportedAlgorithm):
        return False
    return True
