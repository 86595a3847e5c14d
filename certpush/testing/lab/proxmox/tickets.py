"""Tickets and what goes with them: signed texts with a time in them, and one-time codes that are good once."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
import secrets
import struct
from datetime import datetime
from urllib.parse import quote, unquote

_GRACE = 300
_LIFETIME = 7200
_STEP = 30
_SKEW = 1  # steps
_TICKET = re.compile(r"(\S+)::([^:\s]+)")
_PLAIN = re.compile(r"[A-Z]+:(?:(\S+):)?([A-Z0-9]{8})")
_CHALLENGED = "!tfa!"


def totp_code(secret: str, at: datetime) -> str:
    """The code that an authenticator with this secret (base32) shows at that moment: six digits for thirty seconds."""
    return _code(secret, int(at.timestamp()) // _STEP)


def _code(secret: str, step: int) -> str:
    key = base64.b32decode(secret + "=" * (-len(secret) % 8), casefold=True)
    digest = hmac.digest(key, struct.pack(">Q", step), "sha1")
    place = digest[-1] & 0xF
    return f"{(int.from_bytes(digest[place : place + 4]) & 0x7FFFFFFF) % 10**6:06}"


class Tickets:
    """Makes tickets, challenges and tokens against forged requests, and recognises its own; one for all nodes of a cluster."""

    def __init__(self, prefix: str = "PVE") -> None:
        self._prefix = prefix
        self._key = secrets.token_bytes(32)
        self._used_steps: dict[str, int] = {}

    def issue(self, user: str, now: datetime) -> str:
        """A ticket for a user."""
        return self._sign(user, now)

    def challenge(self, user: str, now: datetime) -> str:
        """What a user must answer with a second factor; it opens nothing."""
        return self._sign(f'{_CHALLENGED}{{"totp":true}}', now, user)

    def user_of(self, ticket: str, now: datetime) -> str | None:
        """Whose ticket that is; None where it is no ticket, or too old."""
        said = self._read(ticket, now)
        return None if said is None or said.startswith(_CHALLENGED) else said

    def is_challenge(self, ticket: str, user: str, now: datetime) -> bool:
        """Whether that is a challenge for this user."""
        return (self._read(ticket, now, user) or "").startswith(_CHALLENGED)

    def csrf_token(self, user: str, now: datetime) -> str:
        """What must be sent along with a ticket to change anything."""
        stamp = _stamp(now)
        return f"{stamp}:{self._mac(f'csrf:{stamp}:{user}')}"

    def is_csrf_token(self, token: str, user: str, now: datetime) -> bool:
        """Whether that was made for this user, not too long ago."""
        stamp, _, mac = token.partition(":")
        return _in_time(stamp, now) and hmac.compare_digest(mac.encode(), self._mac(f"csrf:{stamp}:{user}").encode())

    def takes_code(self, user: str, secret: str, code: str, now: datetime) -> bool:
        """Whether a one-time code is right, and was not used before."""
        current = int(now.timestamp()) // _STEP
        for step in range(current - _SKEW, current + _SKEW + 1):
            if step > self._used_steps.get(user, 0) and hmac.compare_digest(_code(secret, step), code):
                self._used_steps[user] = step
                return True
        return False

    def _sign(self, said: str, now: datetime, bound_to: str = "") -> str:
        plain = f"{self._prefix}:{quote(said, safe=_KEPT)}:{_stamp(now)}"
        return f"{plain}::{self._mac(f'{plain}:{bound_to}')}"

    def _read(self, ticket: str, now: datetime, bound_to: str = "") -> str | None:
        found = _TICKET.fullmatch(ticket)
        if not found or not hmac.compare_digest(self._mac(f"{found[1]}:{bound_to}").encode(), found[2].encode()):
            return None
        said = _PLAIN.fullmatch(found[1])
        return unquote(said[1]) if said and said[1] and _in_time(said[2], now) else None

    def _mac(self, text: str) -> str:
        return base64.b64encode(hmac.digest(self._key, text.encode(), hashlib.sha256)).decode()


_KEPT = "!\"#$&'()*+,/;<=>?@[]^`{|}~"  # all but the colon, which separates


def _stamp(now: datetime) -> str:
    return f"{int(now.timestamp()):08X}"


def _in_time(stamp: str, now: datetime) -> bool:
    if not re.fullmatch("[0-9A-F]{8}", stamp):
        return False
    return -_GRACE < now.timestamp() - int(stamp, 16) < _LIFETIME
