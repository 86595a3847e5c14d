"""The ``[ca]`` table: where the CA is, how it is recognised, and how certpush proves itself to it."""

# No annotations from __future__: msgspec would have to compile the text of each one, in every process.

from typing import Annotated

from certpush.errors import ConfigError
from certpush.kit.settings import Doc, Settings
from certpush.model import Secret
from certpush.stepca.address import CaAddress, normalised_fingerprint


class CaSettings(Settings):
    """A step-ca and the provisioner to use. What is left out is taken from an existing ``step ca bootstrap``."""

    url: Annotated[str | None, Doc("the CA's address: https://ca.local.lan:9000")] = None
    fingerprint: Annotated[str | None, Doc("SHA-256 of the root, as `step certificate fingerprint root_ca.crt` prints it")] = None
    root: Annotated[str | None, Doc("PEM file with the root; may hold several while roots are rotated")] = None
    provisioner: Annotated[str | None, Doc("name of the provisioner, upper and lower case as on the CA")] = None
    password: Annotated[Secret | None, Doc("password of the provisioner's key")] = None
    x5c_certificate: Annotated[str | None, Doc("without a password, for an X5C provisioner: PEM file, certificate and chain")] = None
    x5c_key: Annotated[str | None, Doc("the private key of x5c_certificate, PEM file")] = None
    provisioner_key: Annotated[str | None, Doc("the provisioner's private key (JWK file), where the CA does not hand it out")] = None
    token: Annotated[Secret | None, Doc("a ready token instead: an ID token (OIDC), a service account's (K8sSA)")] = None

    def __post_init__(self) -> None:
        if self.url is not None:
            CaAddress.parse(self.url)
        if self.fingerprint is not None:
            normalised_fingerprint(self.fingerprint)
        if (self.x5c_certificate is None) != (self.x5c_key is None):
            raise ConfigError("the CA's x5c_certificate and x5c_key belong together", hint="give both, or neither")
        self._refuse_two_ways()

    def _refuse_two_ways(self) -> None:
        own_key = self.password is not None or self.provisioner_key is not None
        ways = {
            "password or provisioner_key": own_key,
            "x5c_certificate": self.x5c_certificate is not None,
            "token": self.token is not None,
        }
        given = [way for way, present in ways.items() if present]
        if len(given) > 1:
            raise ConfigError(f"the CA has two ways to prove oneself: {' and '.join(given)}", hint="keep one of them")
