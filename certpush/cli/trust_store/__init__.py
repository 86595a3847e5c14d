"""Putting a root into the trust stores of this machine and its user's browsers, and taking exactly it out again."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

from cryptography import x509

from certpush.cli.trust_store import nss, system
from certpush.cli.trust_store.places import Deed, Machine, Report
from certpush.model import fingerprint

__all__ = ["Deed", "Machine", "Report", "find", "install", "remove"]


def install(root: x509.Certificate, machine: Machine) -> Iterator[Report]:
    """Make every store that is here trust ``root``; where it does already, nothing is done."""
    yield system.install(root, machine)
    yield from nss.install(root, machine)


def remove(root: x509.Certificate, machine: Machine) -> Iterator[Report]:
    """Take ``root`` out of every store, where certpush put it in; what others put there stays."""
    yield system.remove(root, machine)
    yield from nss.remove(root, machine)


def find(sha256: str, machine: Machine) -> x509.Certificate | None:
    """The root with this fingerprint, as certpush put it into a store here: a CA that is gone cannot be asked for it."""
    found = itertools.chain(system.named(sha256, machine), nss.named(sha256, machine))
    return next((one for one in found if fingerprint(one) == sha256), None)
