"""What the embedded CA and a real step-ca tell their clients alike."""

from __future__ import annotations

from abc import abstractmethod

from certpush.testing.authority.pki import Pki
from certpush.testing.authority.provisioners import JwkProvisioner
from certpush.testing.server import HousedServer


class ServedCa(HousedServer):
    """A CA that can be asked: where it is, what it is trusted by, who may ask it. After ``restart`` it refuses tokens from before."""

    admin: JwkProvisioner
    """The JWK provisioner that every CA has here."""

    @property
    @abstractmethod
    def url(self) -> str:
        """Where it answers."""

    @property
    @abstractmethod
    def pki(self) -> Pki:
        """Root and intermediate."""

    @property
    def fingerprint(self) -> str:
        """The root's SHA-256, lower-case hex."""
        return self.pki.fingerprint

    @property
    def root_pem(self) -> bytes:
        """The root, PEM."""
        return self.pki.root_pem

    @property
    def provisioner(self) -> str:
        """The JWK provisioner's name."""
        return self.admin.name

    @property
    def password(self) -> str:
        """The JWK provisioner's password."""
        return self.admin.password
