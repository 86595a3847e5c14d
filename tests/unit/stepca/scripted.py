"""A TLS server on loopback that answers as a script says, and keeps what it was sent."""

import contextlib
import email.utils
import json
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from certpush.kit.own_certificate import show_in_tls
from certpush.model import CertificateBundle, to_pem
from certpush.testing.authority.in_memory import Authority
from certpush.testing.listener import Listener

Connection = ssl.SSLSocket


@dataclass
class Seen:
    method: str
    path: str
    headers: dict[str, str]
    body: bytes
    client_certificate: bytes | None

    @property
    def json(self):
        return json.loads(self.body)


@dataclass
class Reply:
    """What to answer; ``raw`` instead of all the rest; ``act`` does what it likes with the connection, which is closed then."""

    status: int = 200
    body: object = None
    headers: dict[str, str] = field(default_factory=dict)
    raw: bytes | None = None
    act: Callable[[Connection], None] | None = None
    date: datetime | None = None
    close: bool = False

    def encoded(self) -> bytes:
        if self.raw is not None:
            return self.raw
        body = self.body if isinstance(self.body, bytes) else json.dumps(self.body).encode()
        headers = {
            "Date": email.utils.format_datetime(self.date or datetime.now(UTC), usegmt=True),
            "Content-Length": str(len(body)),
            **self.headers,
        }
        lines = [f"HTTP/1.1 {self.status} X", *(f"{name}: {value}" for name, value in headers.items() if value), "", ""]
        return "\r\n".join(lines).encode() + body


def refusal(status, message):
    return Reply(status, {"status": status, "message": message})


class ScriptedCa:
    """``routes`` maps ``"GET /health"`` to a reply, to a list of replies (the last one stays), or to a function of what was seen."""

    def __init__(self, *, authority=None, bundle: CertificateBundle | None = None, asks_for_certificate=False):
        self.authority = authority or Authority()
        self.bundle = bundle or self.authority.issue("localhost", "127.0.0.1")
        self.routes = {"GET /health": Reply(body={"status": "ok"}), "GET /provisioners": Reply(body={"provisioners": [], "nextCursor": ""})}
        self.seen: list[Seen] = []
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        show_in_tls(self._context, self.bundle)
        if asks_for_certificate:
            self._context.load_verify_locations(cadata=to_pem(self.authority.root, self.authority.intermediate).decode())
            self._context.verify_mode = ssl.CERT_OPTIONAL
        self._listener = Listener(self._serve)
        self._lock = threading.Lock()

    @property
    def url(self):
        return f"https://127.0.0.1:{self._listener.port}"

    @property
    def connections(self):
        return self._listener.accepted

    def asked(self, route):
        return [one for one in self.seen if f"{one.method} {one.path.partition('?')[0]}" == route]

    def hang_up(self):
        self._listener.hang_up()

    def __enter__(self):
        self._listener.start()
        return self

    def __exit__(self, *_):
        self._listener.stop()

    def _serve(self, plain):
        with (
            contextlib.suppress(OSError),
            self._context.wrap_socket(plain, server_side=True) as connection,
            connection.makefile("rb") as stream,
        ):
            while (seen := self._read(connection, stream)) is not None:
                reply = self._reply_to(seen)
                if reply.act:
                    reply.act(connection)
                    return
                connection.sendall(reply.encoded())
                if reply.close:
                    return

    def _read(self, connection, stream):
        request_line = stream.readline().decode().split()
        if not request_line:
            return None
        headers = {}
        while line := stream.readline().decode().strip():
            name, _, value = line.partition(":")
            headers[name.lower()] = value.strip()
        body = stream.read(int(headers.get("content-length", 0)))
        seen = Seen(request_line[0], request_line[1], headers, body, connection.getpeercert(binary_form=True))
        with self._lock:
            self.seen.append(seen)
        return seen

    def _reply_to(self, seen):
        with self._lock:
            route = self.routes.get(f"{seen.method} {seen.path.partition('?')[0]}", Reply(404, b"404 page not found\n"))
            if callable(route):
                return route(seen)
            if isinstance(route, list):
                return route.pop(0) if len(route) > 1 else route[0]
            return route
