"""The way to one device's API: proxmoxer over connections that were judged, each answer judged before it is believed."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Any

from certpush.kit.https import TrustedConnections, date_of, exchange
from certpush.model import JsonValue
from certpush_proxmox.library import Shown, open_client
from certpush_proxmox.login import Desk, ticket, token_header
from certpush_proxmox.product import Product
from certpush_proxmox.refusals import judge
from certpush_proxmox.settings import LoginSettings

if TYPE_CHECKING:
    import requests

_IDLE = 3.0  # seconds after which a kept connection is not used again: pveproxy ends it after 5


class Api:
    """Calls of one device. Logs in at the first; everything goes through ``connections``, which decide whether it is the right one."""

    def __init__(self, product: Product, settings: LoginSettings, *, pause: Callable[[float], None] = time.sleep) -> None:
        self.product = product
        self.where = str(settings.address)
        self.connections = TrustedConnections(settings.trust, where=self.where)
        self.date: datetime | None = None
        """The device's clock at its latest answer."""
        self.settings = settings
        self._pause = pause
        self._seconds = settings.request_timeout.total_seconds()
        self._client: Any = None
        self._session: requests.Session | None = None
        self._cookie = ""
        self._read: dict[tuple[str, ...], JsonValue] = {}
        self._used = time.monotonic()

    def get(self, *path: str, **params: str) -> JsonValue:
        """Read."""
        return self._ask(lambda resource: resource.get(**params), path)

    def once(self, *path: str) -> JsonValue:
        """Read what the same rotation has perhaps read before; what must be of this moment is read with ``get``."""
        if path not in self._read:
            self._read[path] = self.get(*path)
        return self._read[path]

    def post(self, *path: str, **fields: str | int) -> JsonValue:
        """Change; sent once. ``AnswerLost`` says that it is not known whether it was done."""
        return self._ask(lambda resource: resource.post(**fields), path)

    def delete(self, *path: str, **params: str | int) -> JsonValue:
        """Remove; as ``post``."""
        return self._ask(lambda resource: resource.delete(**params), path)

    @property
    def idle(self) -> float:
        """Seconds since it was last used."""
        return time.monotonic() - self._used

    def close(self) -> None:
        """Give the connection back."""
        if self._session is not None:
            self._session.close()

    def _ask(self, call: Callable[[Any], JsonValue], path: tuple[str, ...]) -> JsonValue:
        return self._send(call, self._logged_in(), path)

    def _send(self, call: Callable[[Any], JsonValue], client: Any, path: tuple[str, ...]) -> JsonValue:
        if self.idle > _IDLE:
            self.connections.forget()
        try:
            with exchange(self.connections, seconds=self._seconds):
                return call(client(list(path)))
        finally:
            self._used = time.monotonic()

    def _logged_in(self) -> Any:
        if self._client is None:
            address = self.settings.address
            client, session = open_client(address.host, address.port, seconds=self._seconds)
            self.connections.serve(session)
            session.hooks["response"].append(self._hear)
            self._session = session
            session.auth = self._who_we_are(client)
            self._client = client
        return self._client

    def _who_we_are(self, client: Any) -> Shown:
        def ask(*path: str, **fields: str | int) -> JsonValue:
            return self._send(lambda resource: resource.post(**fields), client, path)

        shown = token_header(self.product, self.settings, self._seconds)
        return shown or ticket(self.product, self.settings, self._seconds, Desk(ask, lambda: self._cookie, self._pause))

    def _hear(self, response: requests.Response, *_: object, **__: object) -> None:
        self.date = date_of(response) or self.date
        self._cookie = _login_cookie(response.headers.get("Set-Cookie", ""))
        judge(self.where, response, getattr(self.settings, "token_id", None) or self.settings.user or "")


def _login_cookie(header: str) -> str:
    """``NAME=VALUE`` of a cookie that is a ticket; empty where there is none, or one that was cleared."""
    name, _, value = header.partition(";")[0].strip().partition("=")
    return f"{name}={value}" if name.endswith("AuthCookie") and value else ""
