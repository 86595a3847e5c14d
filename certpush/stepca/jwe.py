"""A provisioner's private key as the CA hands it out: a JWK sealed with a password (compact JWE, RFC 7516)."""

from __future__ import annotations

import hashlib
import threading

import msgspec
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives import hashes, keywrap
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.kdf.pbkdf2 import PBKDF2HMAC

from certpush.errors import IssuerRefused
from certpush.model import Secret
from certpush.stepca.jose import ProvisionerKey, from_base64url, read_private_jwk

MAX_ROUNDS = 1_000_000
"""PBKDF2 rounds that are accepted (step writes 100,000 or 600,000): more would let a CA keep us busy for minutes."""
_MAX_CHARACTERS = 64 * 1024
_ALGORITHM = "PBES2-HS256+A128KW"
_ENCRYPTION = "A256GCM"


class WrongPassword(IssuerRefused):
    """The password does not open the provisioner's key."""


class _Header(msgspec.Struct, frozen=True):
    alg: str
    enc: str
    p2c: int
    p2s: str
    zip: str = ""
    crit: list[str] = []


def open_sealed_key(sealed: str, password: Secret, whose: str) -> ProvisionerKey:
    """Open a sealed provisioner key; the same one with the same password only once in this process.

    Raises:
        WrongPassword: the password does not open it.
        IssuerRefused: it is not sealed as the step tools do.

    """
    text = password.reveal().rstrip()  # step trims passwords from files; a stray newline is a wrong password
    # The password belongs to the cache's key: knowing the sealed text alone must open nothing.
    known_as = hashlib.sha256(f"{sealed}\0{text}".encode()).digest()
    with _opening:
        if known_as not in _opened:
            if len(_opened) >= _MAX_OPENED:
                _opened.clear()
            _opened[known_as] = _read_key(unseal(sealed, text, whose), whose)
        return _opened[known_as]


_MAX_OPENED = 64
_opened: dict[bytes, ProvisionerKey] = {}  # in memory alone: PBKDF2 costs more than all the rest of issuing
_opening = threading.Lock()


def _read_key(plain: bytes, whose: str) -> ProvisionerKey:
    try:
        return read_private_jwk(plain)
    except ValueError as error:
        raise IssuerRefused(f"{whose}: the key was opened, but {error}", hint=_NOT_STEP) from None


_NOT_STEP = "make the provisioner's key anew with the step tools: step ca provisioner update NAME --create"


def unseal(sealed: str, password: str, whose: str) -> bytes:
    """Decrypt a compact JWE of exactly the algorithms that step uses; ``whose`` is named in errors.

    Raises:
        WrongPassword: the password is not the one.
        IssuerRefused: other algorithms, too many rounds, or no such text at all.

    """
    header, parts = _parse(sealed, whose)
    _refuse_other_algorithms(header, whose)
    try:
        salt = _ALGORITHM.encode() + b"\0" + from_base64url(header.p2s)  # RFC 7518 4.8.1.1
        wrapped, nonce, text, tag = (from_base64url(part) for part in parts[1:])
        wrapping = PBKDF2HMAC(algorithm=hashes.SHA256(), length=16, salt=salt, iterations=header.p2c).derive(password.encode())
        return AESGCM(keywrap.aes_key_unwrap(wrapping, wrapped)).decrypt(nonce, text + tag, parts[0].encode("ascii"))
    except keywrap.InvalidUnwrap:
        raise WrongPassword(
            f"{whose}: the password does not open the provisioner's key",
            hint="give the password of the provisioner, not that of the CA's own keys; it may have been changed on the CA",
        ) from None
    except (ValueError, InvalidTag):
        raise IssuerRefused(f"{whose}: the provisioner's sealed key is damaged", hint=_NOT_STEP) from None


def _parse(sealed: str, whose: str) -> tuple[_Header, list[str]]:
    parts = sealed.split(".") if len(sealed) <= _MAX_CHARACTERS else []
    try:
        header, _, _, _, _ = parts
        return msgspec.json.decode(from_base64url(header), type=_Header), parts
    except (ValueError, RecursionError, msgspec.DecodeError):
        raise IssuerRefused(f"{whose}: the provisioner's sealed key cannot be read", hint=_NOT_STEP) from None


def _refuse_other_algorithms(header: _Header, whose: str) -> None:
    if (header.alg, header.enc) != (_ALGORITHM, _ENCRYPTION) or header.zip or header.crit:
        sealed_with = ascii(f"{header.alg[:40]} / {header.enc[:40]}")
        raise IssuerRefused(f"{whose}: the provisioner's key is sealed with {sealed_with}, not as the step tools do", hint=_NOT_STEP)
    if not 1 <= header.p2c <= MAX_ROUNDS:
        raise IssuerRefused(
            f"{whose}: the provisioner's key asks for {str(header.p2c)[:20]} rounds of PBKDF2; at most {MAX_ROUNDS:,} are done",
            hint=_NOT_STEP,
        )
