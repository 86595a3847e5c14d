"""Provisioners as they stand in a step-ca configuration and in its listing."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass, field

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec

from certpush.model import JsonValue, to_pem
from certpush.stepca.jose import compact_json, thumbprint, to_base64url
from certpush.testing.authority.sealed_key import seal

CURRENT_P2C = 600_000
"""PBKDF2 rounds of current step tools (go.step.sm/crypto 0.77; older ones used 100 000)."""

Claims = Mapping[str, JsonValue]
"""`claims` of a provisioner or an authority, in step-ca's own words: ``{"maxTLSCertDuration": "2160h"}``."""


@dataclass(frozen=True)
class JwkProvisioner:
    """A provisioner that accepts tokens signed with its key; the key is handed out sealed with the password."""

    name: str
    password: str = field(repr=False)
    key: ec.EllipticCurvePrivateKey = field(repr=False)
    encrypted_key: str | None = field(repr=False)
    claims: Claims = field(default_factory=dict)

    @classmethod
    def make(
        cls,
        name: str = "admin",
        password: str = "provisioner password",  # noqa: S107 -- made up for tests, guards nothing
        *,
        p2c: int = CURRENT_P2C,
        claims: Claims | None = None,
        hand_out_key: bool = True,
    ) -> JwkProvisioner:
        """Make one with a new P-256 key; without ``hand_out_key`` the CA does not serve the sealed key."""
        key = ec.generate_private_key(ec.SECP256R1())
        sealed = seal(compact_json(_private_jwk(key)), password.encode(), p2c=p2c) if hand_out_key else None
        return cls(name, password, key, sealed, claims or {})

    @property
    def kid(self) -> str:
        """The key's RFC 7638 thumbprint, by which tokens name it."""
        return thumbprint(self.key)

    def configuration(self) -> dict[str, JsonValue]:
        """How it stands in ca.json and in the listing, in step-ca's order."""
        public: dict[str, JsonValue] = {"use": "sig", "kty": "EC", "kid": self.kid, "crv": "P-256", "alg": "ES256"}
        public |= _point(self.key)
        entry: dict[str, JsonValue] = {"type": "JWK", "name": self.name, "key": public}
        if self.encrypted_key:
            entry["encryptedKey"] = self.encrypted_key
        if self.claims:
            entry["claims"] = dict(self.claims)
        return entry


@dataclass(frozen=True)
class X5cProvisioner:
    """A provisioner that accepts tokens signed with a certificate's key, where the certificate leads to ``roots``."""

    name: str
    roots: tuple[x509.Certificate, ...]
    claims: Claims = field(default_factory=dict)

    def configuration(self) -> dict[str, JsonValue]:
        """How it stands in ca.json and in the listing."""
        entry: dict[str, JsonValue] = {"type": "X5C", "name": self.name, "roots": base64.b64encode(to_pem(*self.roots)).decode()}
        if self.claims:
            entry["claims"] = dict(self.claims)
        return entry


Provisioner = JwkProvisioner | X5cProvisioner


def _point(key: ec.EllipticCurvePrivateKey) -> dict[str, JsonValue]:
    numbers = key.public_key().public_numbers()
    return {"x": to_base64url(numbers.x.to_bytes(32, "big")), "y": to_base64url(numbers.y.to_bytes(32, "big"))}


def _private_jwk(key: ec.EllipticCurvePrivateKey) -> dict[str, JsonValue]:
    scalar = key.private_numbers().private_value.to_bytes(32, "big")
    head: dict[str, JsonValue] = {"use": "sig", "kty": "EC", "kid": thumbprint(key), "crv": "P-256", "alg": "ES256"}
    return head | _point(key) | {"d": to_base64url(scalar)}
