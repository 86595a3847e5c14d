"""Reading tokens as step-ca does: compact JWS, checked with a public key. Written apart from the client, to check it."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature

from certpush.model import JsonValue

_EC: Mapping[str, tuple[str, hashes.HashAlgorithm]] = {
    "ES256": ("secp256r1", hashes.SHA256()),
    "ES384": ("secp384r1", hashes.SHA384()),
    "ES512": ("secp521r1", hashes.SHA512()),
}
_RSA: Mapping[str, hashes.HashAlgorithm] = {"RS256": hashes.SHA256(), "RS384": hashes.SHA384(), "RS512": hashes.SHA512()}


class BadToken(ValueError):
    """It is no token, or not signed with that key."""


@dataclass(frozen=True)
class Jws:
    """A token that was read and not checked yet."""

    header: Mapping[str, JsonValue]
    claims: Mapping[str, JsonValue]
    signed: bytes
    signature: bytes

    @classmethod
    def parse(cls, token: str) -> Jws:
        """Take a token apart.

        Raises:
            BadToken: it is none, or of an algorithm that step-ca does not know (``none``, HS256).

        """
        parts = re.sub(r"\s", "", token).split(".")  # as go-jose: white space counts nowhere
        if len(parts) != 3:
            raise BadToken("compact JWS format must have three parts")
        header, claims, signature = map(_base64url, parts)
        jws = cls(_object(header), _object(claims), b".".join(map(_to_base64url, (header, claims))), signature)
        if jws.header.get("alg") not in {*_EC, *_RSA, "EdDSA"}:
            raise BadToken("unexpected signature algorithm")
        jws._check_header()
        return jws

    def _check_header(self) -> None:
        """Refuse what go-jose cannot read or does not know, whether it matters here or not."""
        critical = self.header.get("crit") or []
        if not isinstance(critical, list) or any(one != "b64" for one in critical) or self.header.get("b64") is False:
            raise BadToken("unsupported crit header")
        if not all(isinstance(self.header.get(name, ""), str | None) for name in ("nonce", "kid")):
            raise BadToken("a header is no text")
        if "jwk" in self.header:
            raise BadToken("the key of a provisioner is never in the token")
        if "x5c" in self.header:
            self.certificates("x5c")

    def verify(self, key: object) -> None:
        """Check the signature.

        Raises:
            BadToken: another key signed it.

        """
        try:
            self._verify(key)
        except (InvalidSignature, ValueError) as error:
            raise BadToken("error in cryptographic primitive") from error

    def _verify(self, key: object) -> None:
        algorithm = str(self.header["alg"])
        if isinstance(key, ec.EllipticCurvePublicKey) and algorithm in _EC:
            curve, digest = _EC[algorithm]
            half = len(self.signature) // 2
            if key.curve.name != curve or half != (key.key_size + 7) // 8:
                raise BadToken("another curve")
            r, s = (int.from_bytes(part, "big") for part in (self.signature[:half], self.signature[half:]))
            key.verify(encode_dss_signature(r, s), self.signed, ec.ECDSA(digest))
        elif isinstance(key, rsa.RSAPublicKey) and algorithm in _RSA:
            key.verify(self.signature, self.signed, padding.PKCS1v15(), _RSA[algorithm])
        elif isinstance(key, ed25519.Ed25519PublicKey) and algorithm == "EdDSA":
            key.verify(self.signature, self.signed)
        else:
            raise BadToken("the algorithm is not the key's")

    def certificates(self, header: str) -> tuple[x509.Certificate, ...]:
        """The certificates in ``x5c`` or ``x5cInsecure``, leaf first.

        Raises:
            BadToken: there is none, or one cannot be read.

        """
        found = self.header.get(header)
        if not isinstance(found, list) or not found:
            raise BadToken(f"the header {header} has no certificates")
        try:
            return tuple(x509.load_der_x509_certificate(base64.b64decode(str(one), validate=True)) for one in found)
        except ValueError as error:
            raise BadToken(f"the header {header} cannot be read") from error


def _base64url(text: str) -> bytes:
    bare = text.rstrip("=")
    if not re.fullmatch(r"[A-Za-z0-9_-]*", bare):
        raise BadToken("not base64url")
    try:
        return base64.urlsafe_b64decode(bare + "=" * (-len(bare) % 4))
    except ValueError as error:
        raise BadToken("not base64url") from error


def _to_base64url(raw: bytes) -> bytes:
    """As go-jose writes it anew to check the signature, whatever padding came."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=")


def _without_doubles(members: list[tuple[str, JsonValue]]) -> dict[str, JsonValue]:
    if len(dict(members)) != len(members):
        raise ValueError("a member stands twice")
    return dict(members)


def _object(text: bytes) -> Mapping[str, JsonValue]:
    try:
        value = json.loads(text, object_pairs_hook=_without_doubles)
    except (ValueError, RecursionError) as error:
        raise BadToken("not JSON") from error
    if not isinstance(value, dict):
        raise BadToken("not an object")
    return value
