"""Serving a CA over HTTPS, with optional client certificates, and breaking answers on request."""

from __future__ import annotations

import contextlib
import gzip
import http.client
import select
import socket
import ssl
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from email.utils import format_datetime
from typing import IO, TypeAlias

from cryptography import x509

from certpush.testing.authority.faults import Answer
from certpush.testing.authority.http_reading import Head, Malformed, read_body, read_head
from certpush.testing.authority.in_memory import Clock
from certpush.testing.authority.routes import Request, Response

_IDLE_SECONDS = 15  # as step-ca
_LAST_WORDS_SECONDS = 0.5  # as net/http
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
        with secured.makefile("rb") as requests:
            _Exchanges(secured, requests, peer, answering, clock).run()


def _shakes_hands(secured: ssl.SSLSocket) -> bool:
    try:
        secured.do_handshake()
    except ssl.SSLError:
        _see_out(secured)
        return False
    return True


def _see_out(secured: ssl.SSLSocket) -> None:
    """Close our side, and read what is still on its way: closing with that unread would be a reset, which can overtake our last words."""
    socket.socket.shutdown(secured, socket.SHUT_WR)
    while socket.socket.recv(secured, _CHUNK):
        pass


def _say_goodbye(secured: ssl.SSLSocket) -> None:
    """Tell the client, inside TLS, that nothing follows; without waiting for its answer."""
    secured.setblocking(False)
    with contextlib.suppress(OSError):
        secured.unwrap()


def _peer(secured: ssl.SSLSocket) -> x509.Certificate | None:
    shown = secured.getpeercert(binary_form=True)
    return x509.load_der_x509_certificate(shown) if shown else None


@dataclass
class _Exchanges:
    """The requests of one connection."""

    secured: ssl.SSLSocket
    requests: IO[bytes]
    peer: x509.Certificate | None
    answering: Answering
    clock: Clock

    def run(self) -> None:
        """Answer them until one side has enough."""
        try:
            while (head := read_head(self.requests)) and self._exchange(head):
                pass
        except Malformed as error:
            text = error.text
            self.secured.sendall(
                f"HTTP/1.1 {error.status}\r\nContent-Type: text/plain; charset=utf-8\r\nConnection: close\r\n\r\n{text}".encode()
            )
            _say_goodbye(self.secured)
            self.secured.settimeout(_LAST_WORDS_SECONDS)
            _see_out(self.secured)

    def _exchange(self, head: Head) -> bool:
        """Answer one request; True where more may follow."""
        if head.target == "*" or not self._as_expected(head):
            return self._outside_all_routes(head)
        request_id = head.headers.get("X-Request-Id") or head.headers.get("X-Smallstep-Id") or str(uuid.uuid4())
        headers = {**head.headers, "X-Request-Id": request_id}
        body = read_body(self.requests, head)
        response, broken = self.answering(Request(head.method, head.target, headers, body, self.peer))
        if broken:
            self._break(broken, head, response, request_id)
            return False
        self._send(head, response, request_id)
        return self._ends(head)

    def _as_expected(self, head: Head) -> bool:
        expected = head.headers.get("Expect", "").lower()
        if expected == "100-continue":
            self.secured.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
        return expected in ("", "100-continue")

    def _outside_all_routes(self, head: Head) -> bool:
        """``OPTIONS *``, and an ``Expect`` that nobody knows: net/http answers by itself."""
        status = 200 if head.method == "OPTIONS" else 417 if head.target != "*" else 404
        self._send(head, Response(status), "")
        return self._ends(head)

    def _ends(self, head: Head) -> bool:
        if not head.keeps_open:
            _say_goodbye(self.secured)
        return head.keeps_open

    def _send(self, head: Head, response: Response, request_id: str) -> None:
        # Go does not know the length of what does not fit into its buffer.
        chunked = len(response.body) > _GO_BUFFER and head.minor > 0
        self._send_head(head, response, request_id, None if chunked else len(response.body))
        if head.method != "HEAD":
            self.secured.sendall(_in_chunks(response.body) if chunked else response.body)

    def _send_head(self, head: Head, response: Response, request_id: str, length: int | None) -> None:
        fields = {
            "Date": format_datetime(self.clock(), usegmt=True),
            "X-Request-Id": request_id,
            "Content-Type": response.content_type,
            **response.headers,
            "Transfer-Encoding": "chunked" if length is None else "",
            "Content-Length": "" if length is None or (head.method == "HEAD" and not length) else str(length),
            "Connection": ("" if head.minor else "keep-alive") if head.keeps_open else "close" if head.minor else "",
        }
        reason = http.client.responses.get(response.status, "")
        lines = [f"HTTP/1.{min(head.minor, 1)} {response.status} {reason}", *(f"{name}: {text}" for name, text in fields.items() if text)]
        self.secured.sendall("\r\n".join([*lines, "", ""]).encode("latin-1"))

    # --- broken answers --------------------------------------------------------------------

    def _break(self, broken: Answer, head: Head, honest: Response, request_id: str) -> None:
        if broken is Answer.SILENCE:
            while self.secured.recv(_CHUNK):
                pass
        elif broken is Answer.HUGE:
            self._send_huge(head, honest, request_id)
        elif broken is Answer.TRICKLE:
            self._send_slowly(head, honest, request_id)
        elif broken is not Answer.LOST:
            self._send(head, _broken_response(broken, honest), request_id)

    def _send_huge(self, head: Head, honest: Response, request_id: str) -> None:
        self._send_head(head, honest, request_id, _HUGE)
        self.secured.sendall(b'{"crt":"')
        for _ in range(_HUGE // _CHUNK):
            self.secured.sendall(b"A" * _CHUNK)

    def _send_slowly(self, head: Head, honest: Response, request_id: str) -> None:
        self._send_head(head, honest, request_id, len(honest.body))
        for place in range(len(honest.body)):
            self.secured.sendall(honest.body[place : place + 1])
            if select.select([self.secured], [], [], 1.0)[0]:
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
