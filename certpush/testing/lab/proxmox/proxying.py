"""Handing a call on to another node: pinned on the certificate in its file, with a status of its own for each way to fail."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import socket
import ssl
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from certpush.testing.lab.proxmox.http import Response, plain
from certpush.testing.lab.proxmox.info import with_colons
from certpush.testing.lab.proxmox.membership import NO_ANSWER, NO_CONNECTION, NOT_PINNED
from certpush.testing.lab.proxmox.routes import Call

_GUARD = "PVEDisableProxy"
_KEPT = ("Authorization", "Cookie", "CSRFPreventionToken", "Accept-Encoding", "Host")


@dataclass(frozen=True)
class Neighbourhood:
    """How one node reaches another: ``fingerprint_of`` reads a node's file, ``refresh`` and ``timeout`` are in seconds."""

    fingerprint_of: Callable[[str], str]
    refresh: float
    timeout: float

    def pass_on(self, call: Call, node: str, address: tuple[str, int]) -> Response:
        """Have another node answer a call."""
        if _GUARD.lower() in call.request.head.headers:
            return plain(500, "proxy loop detected")
        call.request.worker.pins.learn(node, self.fingerprint_of)
        try:
            connection = socket.create_connection(address, self.timeout)
        except OSError as error:
            return Response(NO_CONNECTION, _in_words(error))
        with connection:
            return self._ask(call, connection)

    def _ask(self, call: Call, connection: socket.socket) -> Response:
        try:
            with _accepting_all().wrap_socket(connection) as secured:
                if not self._is_pinned(call, secured):
                    return Response(NO_ANSWER, NOT_PINNED)
                return _exchange(call, secured)
        except (OSError, http.client.HTTPException) as error:
            return Response(NO_ANSWER, _in_words(error))

    def _is_pinned(self, call: Call, secured: ssl.SSLSocket) -> bool:
        digest = hashlib.sha256(secured.getpeercert(binary_form=True) or b"").hexdigest()
        return call.request.worker.pins.accepts(with_colons(digest), self.fingerprint_of, self.refresh)


def _accepting_all() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # as the product: neither name nor CA, but the pin, before anything is sent
    return context


def _exchange(call: Call, secured: ssl.SSLSocket) -> Response:
    head, body = call.request.head, _body(call)
    connection = http.client.HTTPConnection("neighbour")
    connection.sock = secured
    connection.putrequest(head.method, head.target, skip_host=True, skip_accept_encoding=True)
    for name in _KEPT:
        if name.lower() in head.headers:
            connection.putheader(name, head.headers[name.lower()])
    connection.putheader(_GUARD, "true")
    if body is not None:
        connection.putheader("Content-Type", "application/json" if _is_json(call) else "application/x-www-form-urlencoded")
        connection.putheader("Content-Length", str(len(body)))
    connection.endheaders(body)
    return _read(connection.getresponse())


def _read(answer: http.client.HTTPResponse) -> Response:
    packed = answer.headers.get("Content-Encoding")
    headers = {"Content-Encoding": packed} if packed else {}
    reason = answer.reason.encode("latin-1").decode("utf-8", "replace")
    return Response(answer.status, reason, answer.read(), answer.headers.get("Content-Type", ""), headers)


def _is_json(call: Call) -> bool:
    return "application/json" in call.request.head.headers.get("content-type", "")


def _body(call: Call) -> bytes | None:
    """The parameters, written anew."""
    if call.request.head.method not in ("POST", "PUT"):
        return None
    given = call.request.recorded.parameters
    return json.dumps(given).encode() if _is_json(call) else urlencode(given, doseq=True).encode()


def _in_words(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "Connection timed out"
    number = error.errno if isinstance(error, OSError) and not isinstance(error, ssl.SSLError) else None
    return os.strerror(number) if number else "Broken pipe"
