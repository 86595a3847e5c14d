"""Bundles of each sort that a device may be given, made when they are first asked for."""

from __future__ import annotations

from functools import cached_property

from certpush.model import CertificateBundle, KeySpec
from certpush.testing.authority import Authority


class Bundles:
    """All from one CA, for the names under which a device on loopback is visited."""

    def __init__(self, authority: Authority, *names: str) -> None:
        self.authority = authority
        self.names = names or ("localhost", "127.0.0.1")

    @cached_property
    def ec(self) -> CertificateBundle:
        """An EC P-256 key and an intermediate, as certpush gets it by default."""
        return self.authority.issue(*self.names)

    @cached_property
    def rsa(self) -> CertificateBundle:
        """An RSA key of 2048 bits."""
        return self.authority.issue(*self.names, key=KeySpec.RSA_2048)

    @cached_property
    def without_intermediate(self) -> CertificateBundle:
        """The leaf alone."""
        return self.authority.issue(*self.names, intermediate=False)

    @cached_property
    def expired(self) -> CertificateBundle:
        """It ended an hour ago."""
        return self.authority.expired(*self.names)

    @cached_property
    def not_yet_valid(self) -> CertificateBundle:
        """It begins in an hour."""
        return self.authority.not_yet_valid(*self.names)

    @cached_property
    def of_another_ca(self) -> CertificateBundle:
        """By a CA that nobody trusts here."""
        return Authority("Another").issue(*self.names)
