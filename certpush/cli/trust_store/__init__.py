"""Putting a root into the trust stores of this machine and its user's browsers, and taking exactly it out again."""

from __future__ import annotations

from collections.abc import Iterator

from cryptography import x509

from certpush.cli.trust_store import nss, system
from certpush.cli.trust_store.places import Deed, Machine, Report

__all__ = ["Deed", "Machine", "Report", "install", "remove"]


def install(root: x509.Certificate, machine: Machine) -> Iterator[Report]:
    """Make every store that is here trust ``root``; where it does already, nothing is done."""
    yield system.install(root, machine)
    yield from nss.install(root, machine)


def remove(root: x509.Certificate, machine: Machine) -> Iterator[Report]:
    """Take ``root`` out of every store, where certpush put it in; what others put there stays."""
    yield system.remove(root, machine)
    yield from nss.remove(root, machine)
