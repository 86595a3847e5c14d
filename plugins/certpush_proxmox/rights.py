"""What a login may do on a device, and the commands that give it what is missing."""

from __future__ import annotations

from collections.abc import Mapping

from certpush.model import JsonValue
from certpush_proxmox.product import Product
from certpush_proxmox.settings import LoginSettings


def who_asks(settings: LoginSettings) -> str:
    """The login, as a person knows it."""
    return getattr(settings, "token_id", None) or settings.user or "the login"


def may(permissions: Mapping[str, JsonValue], path: str, privilege: str) -> bool:
    """Whether the privilege reaches this path: the nearest path that is listed decides, from above only what is handed down."""
    nearest = path
    while True:
        listed = permissions.get(nearest)
        if isinstance(listed, dict) and (listed or nearest == path):
            return privilege in listed and (nearest == path or bool(listed[privilege]))
        if nearest == "/":
            return False
        nearest = nearest.rpartition("/")[0] or "/"


def grant(product: Product, settings: LoginSettings, path: str) -> str:
    """The commands that give what is missing."""
    token = getattr(settings, "token_id", None)
    user = settings.user or str(token).partition("!")[0]
    commands = [one.format(path=path, user=user, token=token) for one in product.grants if token or "{token}" not in one]
    return "on the device, as root: " + "; ".join(commands)
