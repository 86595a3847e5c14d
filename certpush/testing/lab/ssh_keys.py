"""Keys as OpenSSH writes them, for hosts and for users."""

from __future__ import annotations

import base64
import hashlib
import os
from pathlib import Path

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa

SshKey = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey


def write_key(path: Path, kind: str) -> None:
    """Write a new private key, 0600; ``kind`` is ed25519, ecdsa or rsa."""
    path.unlink(missing_ok=True)
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(_openssh(_new_key(kind)))


def unknown_key() -> str:
    """Give a new private key, which no server knows."""
    return _openssh(_new_key("ed25519")).decode()


def public_line(private: Path) -> bytes:
    """Give the line of authorized_keys for the private key in that file."""
    key = serialization.load_ssh_private_key(private.read_bytes(), password=None)
    return key.public_key().public_bytes(serialization.Encoding.OpenSSH, serialization.PublicFormat.OpenSSH) + b"\n"


def fingerprint(public_line: str) -> str:
    """Give a public key's ``SHA256:...``, as ssh-keygen prints it."""
    digest = hashlib.sha256(base64.b64decode(public_line.split()[1])).digest()
    return "SHA256:" + base64.b64encode(digest).decode().rstrip("=")


def _new_key(kind: str) -> SshKey:
    if kind == "ed25519":
        return ed25519.Ed25519PrivateKey.generate()
    if kind == "ecdsa":
        return ec.generate_private_key(ec.SECP256R1())
    if kind == "rsa":
        return rsa.generate_private_key(public_exponent=65537, key_size=3072)
    raise ValueError(f"keys are ed25519, ecdsa or rsa, not {kind}")


def _openssh(key: SshKey) -> bytes:
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.OpenSSH, serialization.NoEncryption())
