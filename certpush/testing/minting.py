"""Certificates for the contract suite, minted in memory."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certpush.model import CertificateBundle, DnsName, KeySpec, Name, PrivateKey
from certpush.testing.authority.pki import Pki, issuer_key_identifier

Mint: TypeAlias = Callable[[tuple[Name, ...], KeySpec], CertificateBundle]


def minter() -> Mint:
    """Give a function that mints certificates for these names, with intermediate and root."""
    pki = Pki.make("Contract")

    def mint(names: tuple[Name, ...], spec: KeySpec) -> CertificateBundle:
        key = _slow_key(spec) if spec.startswith("rsa") else PrivateKey.generate(spec)
        return CertificateBundle(_leaf(pki, names, key), (pki.intermediate,), (pki.root,), key)

    return mint


@cache
def _slow_key(spec: KeySpec) -> PrivateKey:
    return PrivateKey.generate(spec)  # RSA takes up to seconds; another certificate for the same key is as good a test


def _leaf(pki: Pki, names: tuple[Name, ...], key: PrivateKey) -> x509.Certificate:
    now = datetime.now(UTC)
    alternatives = [x509.DNSName(one.value) if isinstance(one, DnsName) else x509.IPAddress(one.value) for one in names]
    return (
        x509.CertificateBuilder()
        .subject_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, str(names[0]))]))
        .issuer_name(pki.intermediate.subject)
        .public_key(key.reveal_key().public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=1))
        .not_valid_after(now + timedelta(hours=24))
        .add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
        .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
        .add_extension(issuer_key_identifier(pki.intermediate), critical=False)
        .sign(pki.intermediate_key, hashes.SHA256())
    )
