"""Mint certificates without thinking of the authority behind them."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import TypeAlias

from cryptography import x509
from cryptography.hazmat.primitives import hashes

from certpush.model import CertificateBundle, KeySpec, Name, PrivateKey
from certpush.testing.authority import Authority

Mint: TypeAlias = Callable[[tuple[Name, ...], KeySpec], CertificateBundle]


def minter() -> Mint:
    """Give a function that mints certificates for these names, all below one root."""
    authority = Authority("Minted")
    return lambda names, spec: authority.issue(*names, key=spec)


def self_signed(name: str, *, key: KeySpec = KeySpec.EC_P256, life: timedelta = timedelta(days=3650)) -> CertificateBundle:
    """Make what a fresh appliance shows: a certificate that it signed itself, by the name ``name``; ``life`` is what is left of it."""
    private = PrivateKey.generate(key)
    whose = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder(whose, whose, private.reveal_key().public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + life)
        .sign(private.reveal_key(), hashes.SHA256())
    )
    return CertificateBundle(certificate, (), (), private)
