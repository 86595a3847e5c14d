"""A backup under a passphrase: scrypt (RFC 7914) makes the key, AES-256-GCM encrypts and notices every changed bit.

Three parts: the word that says what it is, a line of JSON with what the key was made with, and
the rest. The two lines are authenticated, too.
"""

from __future__ import annotations

import base64
import json
import os
from typing import TYPE_CHECKING

from certpush.errors import StateError

if TYPE_CHECKING:
    from certpush.model import Secret

_WORD = b"certpush-state-encrypted 1\n"
_COST = 2**15  # 32 MiB and about 0.1 s, as RFC 7914 has it for an interactive login
_MOST = 2**20  # what a stranger's file may ask of us: 1 GiB
_BLOCK, _SALT, _NONCE = 8, 16, 12
_LONGEST_LINE = 1024
_WRONG = "the backup cannot be decrypted: the passphrase is another one, or the file is damaged"


def is_sealed(text: bytes) -> bool:
    """Whether it is a backup under a passphrase, of any format."""
    return text.startswith(_WORD.partition(b" ")[0])


def seal(plain: bytes, passphrase: Secret) -> bytes:
    """Encrypt; another salt each time."""
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    salt, nonce = os.urandom(_SALT), os.urandom(_NONCE)
    head = _WORD + json.dumps({"scrypt": _COST, "salt": _text(salt), "nonce": _text(nonce)}).encode() + b"\n"
    return head + AESGCM(_key(passphrase, salt, _COST)).encrypt(nonce, plain, head)


def unseal(sealed: bytes, passphrase: Secret | None) -> bytes:
    """Decrypt.

    Raises:
        StateError: there is no passphrase or another one, or a bit was changed, or it is of another format.

    """
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    if passphrase is None:
        raise StateError("the backup is encrypted", hint='name its passphrase: --passphrase "file:/path/of/it"')
    if not sealed.startswith(_WORD):
        raise StateError("the backup was encrypted by a newer certpush", hint="upgrade certpush; nothing was changed")
    line, _, body = sealed[len(_WORD) :].partition(b"\n")
    try:
        cost, salt, nonce = _read(line)
        return AESGCM(_key(passphrase, salt, cost)).decrypt(nonce, body, _WORD + line + b"\n")
    except (InvalidTag, ValueError, LookupError, TypeError):
        raise StateError(_WRONG, hint="give the passphrase that it was made with, or take another backup") from None


def _read(line: bytes) -> tuple[int, bytes, bytes]:
    made_with = json.loads(line[:_LONGEST_LINE])
    cost = made_with["scrypt"]
    if not isinstance(cost, int) or not 2 <= cost <= _MOST:
        raise ValueError("a cost that nobody would have chosen")
    return cost, base64.b64decode(made_with["salt"], validate=True), base64.b64decode(made_with["nonce"], validate=True)


def _key(passphrase: Secret, salt: bytes, cost: int) -> bytes:
    from cryptography.hazmat.primitives.kdf.scrypt import Scrypt

    return Scrypt(salt=salt, length=32, n=cost, r=_BLOCK, p=1).derive(passphrase.reveal().encode())


def _text(value: bytes) -> str:
    return base64.b64encode(value).decode("ascii")
