"""A CA for tests and the demo: certificates minted in memory, and an HTTPS server that speaks step-ca's API."""

from certpush.testing.authority.embedded import EmbeddedCa
from certpush.testing.authority.faults import Answer, Fault, Leaf
from certpush.testing.authority.in_memory import Authority, Clock, real_clock
from certpush.testing.authority.pki import Pki
from certpush.testing.authority.provisioners import JwkProvisioner, X5cProvisioner

__all__ = [
    "Answer",
    "Authority",
    "Clock",
    "EmbeddedCa",
    "Fault",
    "JwkProvisioner",
    "Leaf",
    "Pki",
    "X5cProvisioner",
    "real_clock",
]
