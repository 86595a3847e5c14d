"""Serving a CA over HTTPS, with optional client certificates, and breaking answers on request."""

from __future__ import annotations

import gzip
import select
import socket
import ssl
import uuid
from collections.abc import Callable
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler
from typing import TypeAlias

from cryptography import x509

from certpush.testing.authority.faults import Answer
from certpush.testing.authority.in_memory import Clock
from certpush.testing.authority.routes import Request, Response

_IDLE_SECONDS = 15  # as step-ca
_HUGE = 2 * 1024**3
_BOMB = 1024**3
_CHUNK = 64 * 1024
_GO_BUFFER = 2048
_HTML = b"<html><body><h1>Welcome to the wrong server</h1></body></html>\n"

Answering: TypeAlias = Callable[[Request], tuple[Response, Answer | None]]


def serve_connection(connection: socket.socket, context: ssl.SSLContext, answering: Answering, clock: Clock) -> None:
    """Shake hands and answer requests until the client goes."""
    connection.settimeout(_IDLE_SECONDS)
    with context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False) as secured:
        if not _shakes_hands(secured):
            return
        peer = _peer(secured)
        if peer and not peer.not_valid_before_utc <= clock() <= peer.not_valid_after_utc:
            return  # by a simulated clock; by the real one the handshake has refused it already
        _Exchanges(secured, peer, answering, clock)


def _shakes_hands(secured: ssl.SSLSocket) -> bool:
    try:
        secured.do_handshake()
    except ssl.SSLError:
        # With TLS 1.3 the client has sent its request already; closing with that unread would be
        # a reset, which can overtake the alert that says what was wrong.
        socket.socket.shutdown(secured, socket.SHUT_WR)
        while socket.socket.recv(secured, _CHUNK):
            pass
        return False
    return True


def _peer(secured: ssl.SSLSocket) -> x509.Certificate | None:
    shown = secured.getpeercert(binary_form=True)
    return x509.load_der_x509_certificate(shown) if shown else None


class _Exchanges(BaseHTTPRequestHandler):
    """The requests of one connection; the base class runs them from its constructor."""

    protocol_version = "HTTP/1.1"
    timeout = _IDLE_SECONDS

    def __init__(self, secured: ssl.SSLSocket, peer: x509.Certificate | None, answering: Answering, clock: Clock) -> None:
        self._secured = secured
        self._peer = peer
        self._answering = answering
        self._clock = clock
        # The base class hands the server on to its log alone.
        super().__init__(secured, ("127.0.0.1", 0), None)  # type: ignore[arg-type]

    def exchange(self) -> None:
        """Answer one request."""
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        request_id = self.headers.get("X-Request-Id") or self.headers.get("X-Smallstep-Id") or str(uuid.uuid4())
        headers = {name: value.strip() for name, value in self.headers.items()} | {"X-Request-Id": request_id}
        response, broken = self._answering(Request(self.command, self.path, headers, body, self._peer))
        if broken:
            self.close_connection = True
            self._break(broken, response, request_id)
        else:
            self._send(response, request_id)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = exchange  # noqa: N815 -- the base class's names

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's signature
        """Say nothing: the CA keeps its own log."""

    def _send(self, response: Response, request_id: str) -> None:
        # Go does not know the length of what does not fit into its buffer.
        chunked = len(response.body) > _GO_BUFFER
        self._send_head(response, request_id, None if chunked else len(response.body))
        if self.command != "HEAD":
            self.wfile.write(_in_chunks(response.body) if chunked else response.body)

    def _send_head(self, response: Response, request_id: str, length: int | None) -> None:
        self.send_response_only(response.status)
        self.send_header("Date", format_datetime(self._clock(), usegmt=True))
        self.send_header("X-Request-Id", request_id)
        if response.content_type:
            self.send_header("Content-Type", response.content_type)
        for name, value in response.headers.items():
            self.send_header(name, value)
        if length is None:
            self.send_header("Transfer-Encoding", "chunked")
        else:
            self.send_header("Content-Length", str(length))
        self.end_headers()

    # --- broken answers --------------------------------------------------------------------

    def _break(self, broken: Answer, honest: Response, request_id: str) -> None:
        if broken is Answer.SILENCE:
            while self._secured.recv(_CHUNK):
                pass
        elif broken is Answer.HUGE:
            self._send_huge(honest, request_id)
        elif broken is Answer.TRICKLE:
            self._send_slowly(honest, request_id)
        elif broken is not Answer.LOST:
            self._send(_broken_response(broken, honest), request_id)

    def _send_huge(self, honest: Response, request_id: str) -> None:
        self._send_head(honest, request_id, _HUGE)
        self.wfile.write(b'{"crt":"')
        for _ in range(_HUGE // _CHUNK):
            self.wfile.write(b"A" * _CHUNK)

    def _send_slowly(self, honest: Response, request_id: str) -> None:
        self._send_head(honest, request_id, len(honest.body))
        for place in range(len(honest.body)):
            self.wfile.write(honest.body[place : place + 1])
            if select.select([self._secured], [], [], 1.0)[0]:
                return  # the client went, or the server ends


def _in_chunks(body: bytes) -> bytes:
    return b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body)


def _broken_response(broken: Answer, honest: Response) -> Response:
    if broken is Answer.HTML:
        return Response(200, _HTML, "text/html")
    if broken is Answer.TRUNCATED:
        return Response(honest.status, honest.body[: len(honest.body) // 2], honest.content_type)
    if broken is Answer.GZIP_BOMB:
        return Response(honest.status, gzip_bomb(), honest.content_type, headers={"Content-Encoding": "gzip"})
    return Response(307, headers={"Location": "http://127.0.0.1:1/1.0/sign"})


def gzip_bomb() -> bytes:
    """A gibibyte of spaces, packed into a mebibyte: gzip members may follow each other."""
    member = gzip.compress(b" " * 2**20, compresslevel=9)
    return member * (_BOMB // 2**20)
