"""A provisioner's private key as step-ca hands it out: a JWK, sealed with a password (compact JWE, RFC 7516)."""

from __future__ import annotations

import os

from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from certpush.model import JsonValue
from certpush.stepca.jose import compact_json, to_base64url


def seal(plain: bytes, password: bytes, *, p2c: int) -> str:
    """Encrypt as the step tools do: PBES2-HS256+A128KW around A256GCM, ``p2c`` rounds of PBKDF2."""
    algorithm, salt, content_key, nonce = b"PBES2-HS256+A128KW", os.urandom(16), os.urandom(32), os.urandom(12)
    header: dict[str, JsonValue] = {"alg": algorithm.decode(), "cty": "jwk+json", "enc": "A256GCM", "p2c": p2c, "p2s": to_base64url(salt)}
    protected = to_base64url(compact_json(header))
    # RFC 7518 4.8.1.1: the algorithm's name and a zero byte stand before the salt.
    derive = PBKDF2HMAC(algorithm=hashes.SHA256(), length=16, salt=algorithm + b"\x00" + salt, iterations=p2c)
    wrapped = keywrap.aes_key_wrap(derive.derive(password), content_key)
    sealed = AESGCM(content_key).encrypt(nonce, plain, protected.encode("ascii"))
    return ".".join((protected, to_base64url(wrapped), to_base64url(nonce), to_base64url(sealed[:-16]), to_base64url(sealed[-16:])))
