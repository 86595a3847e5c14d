"""The few parts of JOSE that step-ca needs: base64url, compact signatures, private keys as JWK (RFC 7515, 7517, 7518)."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import field

import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from certpush.model import JsonValue, SigningKey
from certpush.records import record

_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
_CURVES: Mapping[str, type[ec.EllipticCurve]] = {"P-256": ec.SECP256R1, "P-384": ec.SECP384R1, "P-521": ec.SECP521R1}
_EC_ALGORITHMS: Mapping[str, tuple[str, type[hashes.HashAlgorithm]]] = {
    "secp256r1": ("ES256", hashes.SHA256),
    "secp384r1": ("ES384", hashes.SHA384),
    "secp521r1": ("ES512", hashes.SHA512),
}


def to_base64url(raw: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode("ascii")


def from_base64url(text: str) -> bytes:
    """Read base64url without padding; any other character is an error.

    Raises:
        ValueError: it is no such text.

    """
    if not _BASE64URL.fullmatch(text):
        raise ValueError("not base64url")
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def compact_json(value: Mapping[str, JsonValue]) -> bytes:
    """JSON without spaces, members in the given order."""
    return json.dumps(value, separators=(",", ":")).encode()


def sign_compact(header: Mapping[str, JsonValue], claims: Mapping[str, JsonValue], key: SigningKey) -> str:
    """Make a compact JWS of type JWT; ``alg`` follows from the key."""
    whole_header = {"alg": algorithm_of(key), **header, "typ": "JWT"}
    signing_input = f"{to_base64url(compact_json(whole_header))}.{to_base64url(compact_json(claims))}"
    return f"{signing_input}.{to_base64url(_signature(signing_input.encode('ascii'), key))}"


def algorithm_of(key: SigningKey) -> str:
    """Which JWS algorithm a key signs with."""
    if isinstance(key, ec.EllipticCurvePrivateKey):
        return _ec_algorithm(key)[0]
    return "RS256" if isinstance(key, rsa.RSAPrivateKey) else "EdDSA"


def _ec_algorithm(key: ec.EllipticCurvePrivateKey) -> tuple[str, type[hashes.HashAlgorithm]]:
    if key.curve.name not in _EC_ALGORITHMS:
        raise ValueError(f"no token can be signed with a key on the curve {key.curve.name}")
    return _EC_ALGORITHMS[key.curve.name]


def _signature(signed: bytes, key: SigningKey) -> bytes:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(_ec_algorithm(key)[1]())))
        size = (key.curve.key_size + 7) // 8
        # RFC 7518 3.4: both numbers at full length, not DER.
        return r.to_bytes(size, "big") + s.to_bytes(size, "big")
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    return key.sign(signed)


# --- private keys as JWK ----------------------------------------------------------------------


@record(frozen=True, slots=True)
class ProvisionerKey:
    """A provisioner's private key, and the id that tokens name it by."""

    kid: str
    key: SigningKey = field(repr=False)


class _Jwk(msgspec.Struct, frozen=True):
    kty: str
    crv: str = ""
    kid: str = ""
    x: str = ""
    y: str = ""
    d: str = ""
    n: str = ""
    e: str = ""

    def __repr__(self) -> str:
        return "_Jwk(<redacted>)"


def read_private_jwk(text: bytes) -> ProvisionerKey:
    """Read a private JWK: EC (P-256, P-384, P-521), RSA, or OKP (Ed25519).

    Raises:
        ValueError: it is no such key. Never holds a part of it.

    """
    try:
        jwk = msgspec.json.decode(text, type=_Jwk)
        key = _private_key(jwk)
    except (ValueError, TypeError, RecursionError, msgspec.DecodeError):
        # What went wrong may hold the key.
        raise ValueError("it is not a private JWK of a type that step-ca uses") from None
    return ProvisionerKey(jwk.kid or thumbprint(key), key)


def _private_key(jwk: _Jwk) -> SigningKey:
    if not jwk.d:
        raise ValueError("public half only")
    if jwk.kty == "EC" and jwk.crv in _CURVES:
        point = ec.EllipticCurvePublicNumbers(_number(jwk.x), _number(jwk.y), _CURVES[jwk.crv]())
        return ec.EllipticCurvePrivateNumbers(_number(jwk.d), point).private_key()
    if jwk.kty == "RSA":
        return _rsa_key(_number(jwk.n), _number(jwk.e), _number(jwk.d))
    if jwk.kty == "OKP" and jwk.crv == "Ed25519":
        return ed25519.Ed25519PrivateKey.from_private_bytes(from_base64url(jwk.d))
    raise ValueError("unknown type")


def _rsa_key(n: int, e: int, d: int) -> rsa.RSAPrivateKey:
    p, q = rsa.rsa_recover_prime_factors(n, e, d)
    numbers = rsa.RSAPrivateNumbers(
        p=p,
        q=q,
        d=d,
        dmp1=rsa.rsa_crt_dmp1(d, p),
        dmq1=rsa.rsa_crt_dmq1(d, q),
        iqmp=rsa.rsa_crt_iqmp(p, q),
        public_numbers=rsa.RSAPublicNumbers(e, n),
    )
    return numbers.private_key()


def _number(text: str) -> int:
    return int.from_bytes(from_base64url(text), "big")


def thumbprint(key: SigningKey) -> str:
    """The key's RFC 7638 SHA-256 thumbprint: what step-ca uses as ``kid``."""
    # Members in lexical order, no spaces (RFC 7638 3.2).
    return to_base64url(hashlib.sha256(compact_json(_public_members(key))).digest())


def _public_members(key: SigningKey) -> dict[str, JsonValue]:
    if isinstance(key, ec.EllipticCurvePrivateKey):
        numbers, size = key.public_key().public_numbers(), (key.curve.key_size + 7) // 8
        crv = next(name for name, curve in _CURVES.items() if isinstance(key.curve, curve))
        x, y = (to_base64url(one.to_bytes(size, "big")) for one in (numbers.x, numbers.y))
        return {"crv": crv, "kty": "EC", "x": x, "y": y}
    if isinstance(key, rsa.RSAPrivateKey):
        public = key.public_key().public_numbers()
        e, n = (to_base64url(one.to_bytes((one.bit_length() + 7) // 8, "big")) for one in (public.e, public.n))
        return {"e": e, "kty": "RSA", "n": n}
    raw = key.public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    return {"crv": "Ed25519", "kty": "OKP", "x": to_base64url(raw)}
