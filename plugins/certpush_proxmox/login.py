"""Saying who we are: an API token, or a ticket for a user with a password and perhaps a second factor."""

from __future__ import annotations

import binascii
import re
import time
from base64 import b32decode
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from certpush.errors import ConfigError, TargetAuthFailed
from certpush.model import JsonValue
from certpush_proxmox.library import Shown
from certpush_proxmox.product import Product
from certpush_proxmox.refusals import LoginRefused
from certpush_proxmox.settings import LoginSettings, TokenSettings

_STEP = 30  # seconds for which a code counts (RFC 6238); PVE takes each code once
_SECRET = re.compile(r"[A-Za-z0-9._~+/-]{8,200}")


class Asking(Protocol):
    """One call that writes: path, then fields."""

    def __call__(self, *path: str, **fields: str | int) -> JsonValue:
        """Send it and give what was answered."""
        ...


def token_header(product: Product, settings: LoginSettings, seconds: float) -> Shown | None:
    """The token as the product wants it; None where a user logs in.

    Raises:
        ConfigError: what stands in ``token`` is no token's secret; its text is not shown.

    """
    if not isinstance(settings, TokenSettings) or settings.token is None:
        return None
    secret = settings.token.reveal().strip()
    if "!" in secret or "=" in secret or "APIToken" in secret:
        raise ConfigError(
            "token: this is more than the token's secret, perhaps the whole id or header",
            hint="keep only the secret there, which was shown once when the token was made; the id goes into token_id",
        )
    if not _SECRET.fullmatch(secret):
        raise ConfigError("token: this cannot be a token's secret", hint="is there white space in it, or another secret altogether?")
    return Shown(seconds, {"Authorization": f"{product.service}APIToken={settings.token_id}{product.separator}{secret}"})


@dataclass(frozen=True, slots=True)
class Desk:
    """Where one logs in: how to ask, what cookie came with the latest answer, and how to wait."""

    ask: Asking
    cookie: Callable[[], str] = field(default=lambda: "")
    """``NAME=VALUE`` of the login; Datacenter Manager gives its ticket in no other way."""
    pause: Callable[[float], None] = time.sleep


def ticket(product: Product, settings: LoginSettings, seconds: float, desk: Desk) -> Shown:
    """Log in with password, and second factor where one is wanted; both go over connections that were judged before.

    Raises:
        TargetAuthFailed: the login was refused.

    """
    if settings.user is None or settings.password is None:
        raise ConfigError("nothing says how to log in", hint="write user and password")
    answer = _answered(desk.ask("access", "ticket", username=settings.user, password=settings.password.reveal()), desk)
    challenge = str(answer.get("ticket") or "")
    if answer.get("NeedTFA") or challenge.startswith(f"{product.service}:!tfa!"):
        answer = _second_factor(settings, challenge, desk)
    bearer, csrf = answer.get("ticket"), str(answer.get("CSRFPreventionToken", ""))
    cookie = f"{product.service}AuthCookie={bearer}" if bearer else desk.cookie()
    return Shown(seconds, {"Cookie": cookie}, writing={"CSRFPreventionToken": csrf})


def _second_factor(settings: LoginSettings, challenge: str, desk: Desk) -> Mapping[str, JsonValue]:
    if settings.totp is None:
        raise TargetAuthFailed(
            f"{settings.user} has a second factor, and none is given",
            hint='write totp = "file:/path" with its base32 secret, or better use an API token, which needs none',
        )
    fields = {"username": str(settings.user), "tfa-challenge": challenge}
    try:
        return _answered(desk.ask("access", "ticket", **fields, password=f"totp:{_code(settings, time.time())}"), desk)
    except LoginRefused:
        if _is_code(settings):
            raise
    # Each code is taken once, and another run may have used this one: the next is as good.
    desk.pause(_STEP - time.time() % _STEP + 0.5)
    return _answered(desk.ask("access", "ticket", **fields, password=f"totp:{_code(settings, time.time())}"), desk)


def _answered(answer: JsonValue, desk: Desk) -> Mapping[str, JsonValue]:
    if isinstance(answer, dict) and (answer.get("ticket") or desk.cookie()):
        return answer
    raise TargetAuthFailed("the login was answered without a ticket", hint="is this the API of the product that the kind names?")


def _is_code(settings: LoginSettings) -> bool:
    text = settings.totp.reveal().strip() if settings.totp else ""
    return text.isdecimal() and len(text) == 6


def _code(settings: LoginSettings, now: float) -> str:
    """The code of this moment."""
    from cryptography.hazmat.primitives.hashes import SHA1
    from cryptography.hazmat.primitives.twofactor.totp import TOTP

    text = re.sub(r"[\s=-]", "", settings.totp.reveal()).upper() if settings.totp else ""
    if _is_code(settings):
        return text
    try:
        key = b32decode(text + "=" * (-len(text) % 8))
        return TOTP(key, 6, SHA1(), _STEP, enforce_key_length=False).generate(now).decode()  # noqa: S303 - what authenticators use
    except (binascii.Error, ValueError):
        raise ConfigError(
            "totp: this is neither the base32 secret of the second factor nor a code of six digits",
            hint="write the secret that was shown beside the QR code when it was set up",
        ) from None
