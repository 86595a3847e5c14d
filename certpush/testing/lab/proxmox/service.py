"""HTTPS on one port: TLS as the workers show it, HTTP as Proxmox speaks it, and the answers broken on request."""

from __future__ import annotations

import contextlib
import socket
import ssl
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import IO, Protocol

from certpush.testing.lab.proxmox.breaking import break_after, break_before
from certpush.testing.lab.proxmox.faults import Answer, Broken, ProxmoxFaults
from certpush.testing.lab.proxmox.http import Head, Manner, Response, Stuck
from certpush.testing.lab.proxmox.records import Recorded
from certpush.testing.lab.proxmox.workers import Worker, Workers
from certpush.testing.listener import Listener

_TLS_HANDSHAKE = b"\x16"
_REQUESTS_A_CONNECTION = 100
_LAST_WORDS_SECONDS = 0.5
_CHUNK = 64 * 1024


@dataclass(frozen=True)
class Request:
    """One request, read and let in: ``caller`` is the user or token that sent it, empty where nobody needs to be known."""

    head: Head
    body: bytes = field(repr=False)
    caller: str
    worker: Worker
    recorded: Recorded


class Application(Protocol):
    """What answers requests, and in which manner of HTTP."""

    @property
    def manner(self) -> Manner:
        """How it speaks HTTP."""

    def admit(self, head: Head) -> str | Response:
        """Who the caller is, by the head alone; an answer where it is refused."""

    def answer(self, request: Request) -> Response:
        """Do what is asked for, and tell how it went."""


class Service:
    """An HTTPS port in front of an application; ``idle`` is for how many seconds a connection may be silent."""

    def __init__(
        self, application: Application, workers: Workers, faults: ProxmoxFaults, clock: Callable[[], datetime], *, host: str, idle: float
    ) -> None:
        self.listener = Listener(self._serve, host)
        self.requests: list[Recorded] = []
        self.application = application
        self.faults = faults
        self.clock = clock
        self.closing = threading.Event()
        self._workers = workers
        self._idle = idle
        self._late: list[threading.Thread] = []

    def start(self) -> None:
        """Open the port, with new workers."""
        self.closing.clear()
        self._workers.start()
        self.listener.start()

    def stop(self) -> None:
        """Close the port and every connection; what was to be done later is not done."""
        self.closing.set()
        self.listener.stop()
        while self._late:
            self._late.pop().join()

    def do_later(self, seconds: float, work: Callable[[], object]) -> None:
        """Do something after that time, unless the service is stopped before."""
        thread = threading.Thread(target=lambda: self.closing.wait(seconds) or work(), daemon=True)
        self._late.append(thread)
        thread.start()

    def _serve(self, connection: socket.socket) -> None:
        connection.settimeout(self._idle)
        worker = self._workers.next()
        first = connection.recv(1, socket.MSG_PEEK)
        if first and first != _TLS_HANDSHAKE:
            self._redirect(connection)
        elif worker.shown.context is None:
            _end_in_eof(connection)
        else:
            with worker.shown.context.wrap_socket(connection, server_side=True) as secured, secured.makefile("rb") as stream:
                Exchanges(self, worker, secured, stream).run()

    def _redirect(self, connection: socket.socket) -> None:
        manner = self.application.manner
        with connection.makefile("rb") as stream:
            head = manner.read_head(stream)
        if isinstance(head, Head):
            connection.sendall(manner.render(manner.moved(head), head, self.clock(), keeps_open=False))
        _see_out(connection)


def _end_in_eof(connection: socket.socket) -> None:
    connection.recv(_CHUNK)
    _see_out(connection)


def _see_out(connection: socket.socket) -> None:
    """Close our side and read what is still on its way: closing with that unread would be a reset, which can overtake our last words."""
    socket.socket.shutdown(connection, socket.SHUT_WR)
    connection.settimeout(_LAST_WORDS_SECONDS)
    while socket.socket.recv(connection, _CHUNK):
        pass


@dataclass
class Exchanges:
    """The requests of one connection, which stays with one worker."""

    service: Service
    worker: Worker
    secured: ssl.SSLSocket
    stream: IO[bytes]
    _unread: bool = False

    @property
    def manner(self) -> Manner:
        """How HTTP is spoken here."""
        return self.service.application.manner

    @property
    def closing(self) -> threading.Event:
        """Set where the server ends."""
        return self.service.closing

    def run(self) -> None:
        """Answer them until one side has enough."""
        for left in reversed(range(_REQUESTS_A_CONNECTION)):
            try:
                head = self.manner.read_head(self.stream)
            except Stuck:
                self.closing.wait(self.secured.gettimeout())
                return
            if head is None:
                return
            if isinstance(head, Response):
                self._send(head, None, last=True)
                return
            if not self._exchange(head, last=not left):
                return

    def _exchange(self, head: Head, *, last: bool) -> bool:
        """Answer one; True where more may follow."""
        self._unread = head.has_body
        recorded = Recorded(head.method, head.path, head.headers)
        self.service.requests.append(recorded)
        broken = self.service.faults.breaks(head.method, head.path)
        if broken and broken.how is Answer.CUT:
            self.stream.read(min(broken.size, head.length))
            return False
        response = break_before(broken) or self._admitted(head, recorded, broken)
        if response is None:
            return False
        recorded.status = response.status
        self.closing.wait(response.delay)
        sent = break_after(broken, response, self) if broken else response
        return sent is not None and self._send(sent, head, last=last)

    def _admitted(self, head: Head, recorded: Recorded, broken: Broken | None) -> Response | None:
        """The answer; None where there is nobody left to get it."""
        caller = self.service.application.admit(head)
        if isinstance(caller, Response):
            return caller
        recorded.caller = caller
        body = self.manner.read_body(self.stream, head)
        if body is None or isinstance(body, Response):
            return body
        self._unread = False
        request = Request(head, body, caller, self.worker, recorded)
        if broken and broken.how is Answer.LATE:
            self.service.do_later(broken.seconds, lambda: self._note(recorded, self.service.application.answer(request)))
            return None
        return self.service.application.answer(request)

    @staticmethod
    def _note(recorded: Recorded, response: Response) -> None:
        recorded.status = response.status

    def _send(self, response: Response, head: Head | None, *, last: bool) -> bool:
        wanted = bool(head and head.keeps_open) and not last and not self._unread
        keeps_open = wanted and self.manner.lasts_after(response) and not self.worker.retired
        self.secured.sendall(self.manner.render(response, head, self.service.clock(), keeps_open=keeps_open))
        if not keeps_open:
            self.say_goodbye()
        return keeps_open

    def say_goodbye(self) -> None:
        """Tell the client, inside TLS, that nothing follows."""
        with contextlib.suppress(OSError):
            self.secured.setblocking(False)
            self.secured.unwrap()
        with contextlib.suppress(OSError):
            _see_out(self.secured)
