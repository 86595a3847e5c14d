"""Mint certificates without thinking of the authority behind them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeAlias

from certpush.model import CertificateBundle, KeySpec, Name
from certpush.testing.authority import Authority

Mint: TypeAlias = Callable[[tuple[Name, ...], KeySpec], CertificateBundle]


def minter() -> Mint:
    """Give a function that mints certificates for these names, all below one root."""
    authority = Authority("Minted")
    return lambda names, spec: authority.issue(*names, key=spec)
