"""Whom to trust at the other end of a TLS connection: certificates by their fingerprint, or CAs."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING

from certpush.errors import BundleInvalid, ConfigError
from certpush.kit.annotations import parts_of
from certpush.kit.escaping import escaped
from certpush.kit.settings import Settings, fields_of

if TYPE_CHECKING:  # loaded where certificates are named by a file: a pin is only text
    from cryptography import x509

_PREFIX = "sha256:"
_PIN = re.compile(r"[0-9a-f]{64}")


class Trust(Settings):
    """Who is the right server: one that shows a pinned certificate, or one whose chain leads to a root and covers its name.

    ``pins`` are SHA-256 fingerprints of leaf certificates (64 lower-case hex digits); ``roots``
    is PEM text of CA certificates. ``system`` is for servers of the public internet: the CAs that
    this machine trusts. Where all are empty nobody is trusted.
    """

    pins: tuple[str, ...] = ()
    roots: str = ""
    system: bool = False

    def __post_init__(self) -> None:
        for pin in self.pins:
            if not _PIN.fullmatch(pin):
                raise ConfigError(f"{escaped(pin[:100])} is no SHA-256 fingerprint", hint="64 hex digits in lower case, without colons")
        if self.roots:
            _certificates(self.roots.encode(), "roots")

    @classmethod
    def parse(cls, text: str) -> Trust:
        """Read ``"sha256:..."`` (colons and upper case are fine), or the path of a PEM file with CA certificates.

        Raises:
            ConfigError: it is neither, or the file cannot be read.

        """
        if text.lower().startswith(_PREFIX):
            return cls(pins=(read_pin(text),))
        if _PIN.fullmatch(_bare(text)):
            raise ConfigError(f"{text[:100]!a} names no file", hint=f'if it is a fingerprint, write "{_PREFIX}" before it')
        return cls(roots=_roots_in(text))

    @classmethod
    def by_the_system(cls) -> Trust:
        """Whoever the CAs of this machine vouch for: never for an appliance, which they do not know."""
        return cls(system=True)

    def also(self, *pins: str, roots: str = "") -> Trust:
        """Trust these fingerprints (in any usual spelling) and roots as well.

        Raises:
            ConfigError: one is no SHA-256 fingerprint.

        """
        together = dict.fromkeys((*self.pins, *(read_pin(one) for one in pins)))
        return Trust(pins=tuple(together), roots=self.roots if roots in self.roots else self.roots + roots, system=self.system)

    @property
    def empty(self) -> bool:
        """Whether nobody is trusted."""
        return not self.pins and not self.roots and not self.system


def takes_trust(settings: type[Settings]) -> bool:
    """Whether a settings class has a field ``trust: Trust``, which the core fills."""
    return any(one.encode_name == "trust" and parts_of(one.type)[0] is Trust for one in fields_of(settings))


def read_pin(text: str) -> str:
    """The 64 lower-case hex digits of a SHA-256 fingerprint, with or without ``sha256:`` and colons.

    Raises:
        ConfigError: it is none.

    """
    pin = _bare(text.lower().removeprefix(_PREFIX))
    if not _PIN.fullmatch(pin):
        raise ConfigError(
            f"{text[:100]!a} is no SHA-256 fingerprint of a certificate",
            hint=f'write "{_PREFIX}" and 64 hex digits, with or without colons; `certpush trust NAME` shows it',
        )
    return pin


def write_pin(fingerprint: str) -> str:
    """How the configuration names a certificate by its fingerprint (64 hex digits)."""
    return _PREFIX + fingerprint


def with_colons(fingerprint: str) -> str:
    """``AA:BB:...``, as openssl and most appliances print a fingerprint (64 hex digits)."""
    return ":".join(fingerprint[at : at + 2] for at in range(0, len(fingerprint), 2)).upper()


def _bare(text: str) -> str:
    return text.strip().replace(":", "").lower()


def _roots_in(path: str) -> str:
    """The certificates of a PEM file, clean: whatever else stands in it, such as a key, goes no further."""
    from certpush.model import MAX_PEM_BYTES, to_pem

    try:
        with Path(path).expanduser().open("rb") as file:
            content = file.read(MAX_PEM_BYTES + 1)
    except (OSError, RuntimeError, ValueError) as error:  # the latter two: a home that nobody has, a name that no file can have
        why = getattr(error, "strerror", None) or str(error)
        raise ConfigError(
            f"{escaped(path[:200])} cannot be read: {escaped(why)}",
            hint=f'name a PEM file with the certificate of the CA, or write "{_PREFIX}..." to pin one certificate',
        ) from error
    return to_pem(*_certificates(content, escaped(path[:200]))).decode("ascii")


def _certificates(content: bytes, whose: str) -> tuple[x509.Certificate, ...]:
    from certpush.model import read_certificates

    try:
        return read_certificates(content)
    except BundleInvalid as error:
        raise ConfigError(f"{whose}: {error.message}", hint="name a PEM file with the certificate of the CA") from error
