"""Render a certificate bundle into the content of a file, and read the certificate back from it."""

from __future__ import annotations

import enum
import re
from collections.abc import Callable, Mapping
from dataclasses import field

from cryptography.hazmat.primitives import serialization

from certpush.errors import BundleInvalid
from certpush.model import CertificateBundle, PrivateKey, Secret, fingerprint, leaf_spki, read_certificates
from certpush.records import record

_PRIVATE_KEY = re.compile(rb"-----BEGIN ([A-Z ]*PRIVATE KEY)-----.+?-----END \1-----\n?", re.DOTALL)


class Role(enum.StrEnum):
    """What a file holds; the value is the name that a check command can use in braces."""

    FULLCHAIN = "fullchain"
    CERT = "cert"
    CHAIN = "chain"
    KEY = "key_file"
    COMBINED = "combined"
    PKCS12 = "pkcs12"
    ROOT = "root"

    @property
    def holds_leaf(self) -> bool:
        """Whether the leaf can be read from it."""
        return self in (Role.FULLCHAIN, Role.CERT, Role.COMBINED, Role.PKCS12)

    @property
    def holds_key(self) -> bool:
        """Whether nobody else may read it."""
        return self in (Role.KEY, Role.COMBINED, Role.PKCS12)


@record(frozen=True, slots=True)
class Leaf:
    """What can be read from an installed file: the leaf's fingerprint, and its public key for comparing."""

    fingerprint: str
    public: bytes = field(repr=False)


def render(role: Role, bundle: CertificateBundle, *, key_first: bool = False, password: Secret | None = None) -> bytes:
    """Make the content of one file; a PKCS#12 file differs from one call to the next, for its salts are random.

    Raises:
        BundleInvalid: a root is asked for, and the bundle has none.

    """
    if role is Role.ROOT and not bundle.roots:
        raise BundleInvalid("there is no root in the bundle for the root file", hint="give the CA's root, or leave out `root`")
    makers: Mapping[Role, Callable[[], bytes]] = {
        Role.FULLCHAIN: lambda: bundle.fullchain_pem,
        Role.CERT: lambda: bundle.leaf_pem,
        Role.CHAIN: lambda: bundle.chain_pem,
        Role.KEY: bundle.key.reveal_pem,
        Role.COMBINED: lambda: _combined(bundle, key_first=key_first),
        Role.PKCS12: lambda: _pkcs12(bundle, password),
        Role.ROOT: lambda: bundle.roots_pem,
    }
    return makers[role]()


def read_leaf(role: Role, text: bytes, password: Secret | None = None) -> Leaf:
    """Read the leaf back from an installed file.

    Raises:
        BundleInvalid: there is none, or it cannot be read.

    """
    if role is not Role.PKCS12:
        leaf = read_certificates(text)[0]
        return Leaf(fingerprint(leaf), leaf_spki(leaf))
    from cryptography.hazmat.primitives.serialization import pkcs12

    try:
        _, certificate, _ = pkcs12.load_key_and_certificates(text, password.reveal().encode() if password else None)
    except ValueError as error:
        raise BundleInvalid("the PKCS#12 file cannot be read with the configured password") from error
    if certificate is None:
        raise BundleInvalid("there is no certificate in the PKCS#12 file")
    return Leaf(fingerprint(certificate), leaf_spki(certificate))


def read_public_key(text: bytes) -> bytes:
    """The public half (SPKI) of an installed key.

    Raises:
        BundleInvalid: there is no key that can be read.

    """
    found = _PRIVATE_KEY.search(text)
    return PrivateKey.from_pem(found[0] if found else b"").public_spki


def _combined(bundle: CertificateBundle, *, key_first: bool) -> bytes:
    key = bundle.key.reveal_pem()
    return key + bundle.fullchain_pem if key_first else bundle.fullchain_pem + key


def _pkcs12(bundle: CertificateBundle, password: Secret | None) -> bytes:
    from cryptography.hazmat.primitives.serialization import pkcs12

    encryption: serialization.KeySerializationEncryption = serialization.NoEncryption()
    if password is not None:
        encryption = serialization.BestAvailableEncryption(password.reveal().encode())
    name = str(bundle.names[0]).encode() if bundle.names else b"certificate"
    return pkcs12.serialize_key_and_certificates(name, bundle.key.reveal_key(), bundle.leaf, list(bundle.chain) or None, encryption)
