"""A webhook: one POST of JSON over a connection whose other end was proved before anything was sent.

Not through an HTTP library: those log the path of a request, which is a password where Slack
and its like are concerned.
"""

from __future__ import annotations

import http.client
import ipaddress
import json
import re
import socket
from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import SplitResult, urlsplit

from certpush import Secret, __version__
from certpush.errors import ConfigError, ObserverFailed, TargetError, TrustError
from certpush.kit.allowance import allowing, connect, current
from certpush.kit.command import escaped
from certpush.kit.connection_errors import reason_among
from certpush.kit.handshake import connect_trusted
from certpush.kit.trust import Trust
from certpush_notify.message import Message
from certpush_notify.settings import NotifySettings

SECRET_HOSTS = ("hooks.slack.com", "discord.com", "webhook.office.com", "api.telegram.org")
_MOST_OCTETS = 256 * 1024
_MOST_NEWS = 100
_HEADER_TEXT = re.compile(r"[ -~\t]*")
_PATH = re.compile(r"[!-~]*")
_WRITE_URL = 'write it as "https://host/path"; http:// is for this machine only'


class Webhook:
    """Where the message is posted to."""

    def __init__(self, settings: NotifySettings) -> None:
        self._url = _read_url(settings.url_from.reveal() if settings.url_from else settings.url or "")
        self._trust = Trust.by_the_system() if settings.trust == "system" else Trust.parse(settings.trust)
        self._headers = {name: _header(name, value) for name, value in settings.headers.items()}
        self._fields, self._seconds = settings.fields, settings.timeout.total_seconds()
        self._host, self._port = self._url.hostname or "", self._url.port or (443 if self._url.scheme == "https" else 80)
        self.where = f"{escaped(self._host)}:{self._port}"

    def send(self, message: Message) -> None:
        """Post it; only an answer that says so counts as arrived."""
        body = json.dumps(_filled(self._fields, message) if self._fields else document_of(message)).encode()
        with allowing(seconds=self._seconds, octets=_MOST_OCTETS):
            try:
                status = self._post(body, message.key)
            except TrustError as error:
                hint = 'trust = "/path/of/its/ca.pem" or "sha256:..." in its table says whom to trust'
                raise TrustError(error.message, hint=hint) from None
            except TargetError as error:
                raise ObserverFailed(error.message, hint=error.hint) from None
            except (OSError, http.client.HTTPException, ValueError) as error:  # their texts may hold the request
                raise ObserverFailed(
                    f"{self.where}: no complete answer came ({escaped(reason_among((error,)))})", hint="the next run tries again"
                ) from None
        if not 200 <= status < 300:
            more = ", and redirects are not followed" if 300 <= status < 400 else ""
            raise ObserverFailed(
                f"{self.where} answered {status}{more}", hint="compare the address, headers and fields with what it expects"
            )

    def _post(self, body: bytes, key: str) -> int:
        connection = http.client.HTTPConnection(self._host, self._port)
        connection.sock = self._connected()
        try:
            path = (self._url.path or "/") + (f"?{self._url.query}" if self._url.query else "")
            usual = {"Content-Type": "application/json", "User-Agent": f"certpush/{__version__}", "Connection": "close"}
            once = {"Idempotency-Key": f'"{key}"'} if key else {}  # a run that died after sending sends the same news again
            connection.request("POST", path, body, {**usual, **once, **self._headers})
            return connection.getresponse().status
        finally:
            connection.close()

    def _connected(self) -> socket.socket:
        if self._url.scheme == "https":
            return connect_trusted(self._host, self._port, self._trust, where=self.where)
        plain = connect(self._host, self._port)
        plain.settimeout(current().seconds())
        return plain


def document_of(message: Message) -> dict[str, object]:
    """What a webhook gets unless ``fields`` say otherwise."""
    return {
        "title": message.title,
        "text": message.text,
        "severity": message.severity,
        "news": [
            {"target": one.target, "occasion": one.occasion, "text": one.text, "next": one.hint, "not_after": _moment(one.ends)}
            for one in message.news[:_MOST_NEWS]
        ],
        "count": len(message.news),
    }


def _moment(seconds: float | None) -> str | None:
    return None if seconds is None else f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%SZ}"


def _filled(fields: Mapping[str, str], message: Message) -> dict[str, str]:
    parts = {"{title}": message.title, "{text}": message.text, "{severity}": message.severity}
    return {name: re.sub(r"\{(title|text|severity)\}", lambda found: parts[found[0]], text) for name, text in fields.items()}


def _read_url(text: str) -> SplitResult:
    """Read an address; it may be a secret, so no error says it."""
    try:
        url = urlsplit(text.strip())
        usable = bool(url.hostname) and (url.port is None or url.port > 0) and bool(_PATH.fullmatch(f"{url.path}?{url.query}"))
    except ValueError:
        raise ConfigError("the address of the webhook cannot be read", hint=_WRITE_URL) from None
    if not usable or url.scheme not in ("http", "https"):
        raise ConfigError("the address of the webhook is no https address", hint=_WRITE_URL)
    if url.username is not None or url.password is not None:
        raise ConfigError("the address of the webhook has a user in it", hint='write headers = { Authorization = "file:..." } instead')
    if url.scheme == "http" and not _is_this_machine(url.hostname or ""):
        raise ConfigError(
            "the address of the webhook is http, and leads to another machine", hint="use https: anybody on the way could read it"
        )
    return url


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _header(name: str, value: Secret) -> str:
    text = value.reveal()
    if not _HEADER_TEXT.fullmatch(text):
        raise ConfigError(f"headers: what {name} refers to cannot stand in a header", hint="it is one line of plain letters")
    return text
