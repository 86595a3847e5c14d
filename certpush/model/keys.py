"""Private keys: they cannot be printed or pickled by accident, only ``reveal`` methods give them out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NoReturn, Self, TypeAlias

from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

from certpush.errors import BundleInvalid
from certpush.model.requests import KeySpec

MAX_KEY_BYTES = 16 * 1024


_CURVES: Mapping[KeySpec, type[ec.EllipticCurve]] = {
    KeySpec.EC_P256: ec.SECP256R1,
    KeySpec.EC_P384: ec.SECP384R1,
    KeySpec.EC_P521: ec.SECP521R1,
}
_RSA_BITS: Mapping[KeySpec, int] = {KeySpec.RSA_2048: 2048, KeySpec.RSA_3072: 3072, KeySpec.RSA_4096: 4096}

SigningKey: TypeAlias = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey


class PrivateKey:
    """A private key that cannot be printed, compared or pickled; ``reveal_*`` is the only way out."""

    __slots__ = ("_key",)

    def __init__(self, key: SigningKey) -> None:
        self._key = key

    @classmethod
    def generate(cls, spec: KeySpec) -> Self:
        """Make a new key with the operating system's randomness."""
        if spec in _CURVES:
            return cls(ec.generate_private_key(_CURVES[spec]()))
        if spec in _RSA_BITS:
            return cls(rsa.generate_private_key(public_exponent=65537, key_size=_RSA_BITS[spec]))
        return cls(ed25519.Ed25519PrivateKey.generate())

    @classmethod
    def from_pem(cls, pem: bytes) -> Self:
        """Read an unencrypted PEM key (PKCS#8, SEC1 or PKCS#1).

        Raises:
            BundleInvalid: it is no such key, or larger than 16 KiB. The text never holds the key.

        """
        if len(pem) > MAX_KEY_BYTES:
            raise BundleInvalid("the private key is larger than 16 KiB")
        try:
            key = serialization.load_pem_private_key(pem, password=None)
        except (ValueError, TypeError, UnsupportedAlgorithm) as error:
            raise BundleInvalid(
                "the private key cannot be read",
                hint="give an unencrypted PEM key (PKCS#8, EC or RSA)",
            ) from error
        if not isinstance(key, ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey | ed25519.Ed25519PrivateKey):
            raise BundleInvalid("the private key is of a type that certificates here do not use", hint="use EC, RSA or Ed25519")
        return cls(key)

    @property
    def spec(self) -> str:
        """What kind of key it is, in the words of the configuration where it has one (``ec-p256``)."""
        return describe_public_key(self._key.public_key())

    @property
    def public_spki(self) -> bytes:
        """The public half, DER SubjectPublicKeyInfo: what two keys are compared by."""
        return _spki(self._key.public_key())

    def reveal_key(self) -> SigningKey:
        """Give out the key object, to sign with it."""
        return self._key

    def reveal_pem(self, *, traditional: bool = False) -> bytes:
        """Give out the PEM text: PKCS#8, or SEC1/PKCS#1 when ``traditional`` (old appliances)."""
        wanted = serialization.PrivateFormat.TraditionalOpenSSL if traditional else serialization.PrivateFormat.PKCS8
        if isinstance(self._key, ed25519.Ed25519PrivateKey):
            wanted = serialization.PrivateFormat.PKCS8  # it has no older form
        return self._key.private_bytes(serialization.Encoding.PEM, wanted, serialization.NoEncryption())

    def __repr__(self) -> str:
        return "PrivateKey(<redacted>)"

    def __reduce__(self) -> NoReturn:
        raise TypeError("a PrivateKey is never pickled; hand over reveal_pem() through a pipe instead")


def describe_public_key(key: object) -> str:
    """Name a public key as the configuration would (``ec-p256``, ``rsa-2048``), else by its type."""
    if isinstance(key, ec.EllipticCurvePublicKey):
        # Only the NIST curves: secp256k1 has 256 bits too, and is another thing.
        return f"ec-p{key.curve.key_size}" if re.fullmatch(r"secp\d+r1", key.curve.name) else f"ec-{key.curve.name}"
    if isinstance(key, rsa.RSAPublicKey):
        return f"rsa-{key.key_size}"
    if isinstance(key, ed25519.Ed25519PublicKey):
        return "ed25519"
    return type(key).__name__


def _spki(public_key: ec.EllipticCurvePublicKey | rsa.RSAPublicKey | ed25519.Ed25519PublicKey) -> bytes:
    return public_key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
