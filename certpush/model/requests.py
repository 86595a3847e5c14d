"""What a certificate should be: its names, its key, its lifetime, and when to replace it."""

from __future__ import annotations

import enum
from datetime import timedelta
from fractions import Fraction
from typing import Self

from certpush.errors import ConfigError
from certpush.model.names import Name, parse_name
from certpush.records import record


class KeySpec(enum.StrEnum):
    """The kinds of private key that can be asked for, in the words of the configuration."""

    EC_P256 = "ec-p256"
    EC_P384 = "ec-p384"
    EC_P521 = "ec-p521"
    RSA_2048 = "rsa-2048"
    RSA_3072 = "rsa-3072"
    RSA_4096 = "rsa-4096"
    ED25519 = "ed25519"


@record(frozen=True, slots=True)
class CertificateRequest:
    """What a certificate should be: its names (the first is the CN), its key, how long it lives (None: the CA's default)."""

    names: tuple[Name, ...]
    key: KeySpec = KeySpec.EC_P256
    lifetime: timedelta | None = None

    @classmethod
    def of(cls, *names: str, key: KeySpec = KeySpec.EC_P256, lifetime: timedelta | None = None) -> Self:
        """The same from texts: ``CertificateRequest.of("wiki.lan", "192.0.2.7")``.

        Raises:
            ConfigError: a text is no name that a certificate can have, or stands there twice.

        """
        return cls(tuple(parse_name(one) for one in names), key, lifetime)

    def __post_init__(self) -> None:
        if not self.names:
            raise ConfigError("a certificate needs at least one name", hint='add names = ["host.example.com"]')
        if len(set(self.names)) != len(self.names):
            raise ConfigError("a name stands twice in the list of names", hint="remove the second one")
        if self.lifetime is not None and self.lifetime <= timedelta(0):
            raise ConfigError("the lifetime of a certificate is more than nothing", hint='write it as "24h" or "30d"')


DEFAULT_RENEW_AT = Fraction(2, 3)
DEFAULT_DANGER_LEFT = Fraction(1, 6)


@record(frozen=True, slots=True, kw_only=True)
class CertificateSpec:
    """One certificate as configured: what to ask for, of which CA, and when to replace it.

    ``renew_at`` is the part of the lifetime after which it is due, ``danger_left`` the part
    left from which a person should know.
    """

    name: str
    request: CertificateRequest
    ca: str
    reuse_key: bool = False
    renew_at: Fraction = DEFAULT_RENEW_AT
    danger_left: Fraction = DEFAULT_DANGER_LEFT
    allow_short_chain: bool = False
