"""An HTTPS API on loopback: a function answers its requests, and it shows a certificate that can be changed."""

from __future__ import annotations

import json
import ssl
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, TypeAlias

from certpush.model import CertificateBundle
from certpush.testing.endpoint import TlsEndpoint


@dataclass(frozen=True)
class ApiRequest:
    """What came in. The names of headers are in small letters; ``repr`` shows neither headers nor body, for there are secrets in them."""

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(repr=False)

    def json(self) -> Any:
        """The body, read as JSON."""
        return json.loads(self.body)


@dataclass(frozen=True)
class ApiAnswer:
    """What goes out: text and bytes as they are, anything else as JSON; ``headers`` may name another type of content than that."""

    body: object = b""
    status: int = 200
    headers: Mapping[str, str] = field(default_factory=dict)

    @property
    def payload(self) -> bytes:
        """The body as it is sent."""
        if isinstance(self.body, bytes):
            return self.body
        return (self.body if isinstance(self.body, str) else json.dumps(self.body)).encode()

    @property
    def sent_headers(self) -> Mapping[str, str]:
        """The headers as they are sent."""
        kinds = {} if isinstance(self.body, bytes) else {"Content-Type": "text/plain" if isinstance(self.body, str) else "application/json"}
        return {**kinds, **self.headers, "Content-Length": str(len(self.payload))}


Answering: TypeAlias = Callable[[ApiRequest], ApiAnswer]


class ApiServer(TlsEndpoint):
    """Answers by ``answer``, which may be exchanged while it runs; ``requests`` are those so far. Use it in ``with``.

    An exception in ``answer`` becomes a 500 with its name, as a device that has crashed says; a
    ``ConnectionError`` loses the answer: the connection ends without one.
    """

    def __init__(self, answer: Answering, bundle: CertificateBundle | None = None) -> None:
        super().__init__(bundle)
        self.answer = answer
        self.requests: list[ApiRequest] = []

    @property
    def url(self) -> str:
        """Where it answers."""
        return f"https://{self.host}:{self.port}"

    def talk(self, secured: ssl.SSLSocket) -> None:
        """Answer requests until the client goes."""
        _Connection(secured, self)

    def respond(self, request: ApiRequest) -> ApiAnswer:
        """Note the request and answer it."""
        self.requests.append(request)
        try:
            return self.answer(request)
        except ConnectionError:
            raise
        except Exception as error:  # noqa: BLE001 - the author's function; a thread's traceback would be seen by nobody
            return ApiAnswer(f"the stand-in raised {type(error).__name__}", 500)


class _Connection(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def __init__(self, connection: ssl.SSLSocket, server: ApiServer) -> None:
        self._api = server
        super().__init__(connection, connection.getpeername(), None)  # type: ignore[arg-type] # no server of socketserver's is behind it

    def _respond(self) -> None:
        length = int(self.headers.get("Content-Length") or 0)
        answer = self._api.respond(ApiRequest(self.command, self.path, self._small_headers(), self.rfile.read(length)))
        self.send_response(answer.status)
        for name, value in answer.sent_headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(answer.payload)

    def _small_headers(self) -> dict[str, str]:
        return {name.lower(): value for name, value in self.headers.items()}

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = _respond  # noqa: N815 - the names that http.server calls

    def log_message(self, *_: object) -> None:
        """Nothing is printed: the contract asks for that, and takes what a stand-in prints for the plugin's."""
