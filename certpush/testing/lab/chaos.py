"""A TCP proxy that breaks connections on purpose: cut, reset, stall, trickle, swallow, lose the answer."""

from __future__ import annotations

import contextlib
import select
import socket
import threading
import time
from dataclasses import dataclass
from typing import Self

from certpush.testing.listener import Listener, close_with_reset

_CHUNK = 65536
_CONNECT_SECONDS = 5.0
_QUIET_SECONDS = 0.2  # so long silent, a server has answered
_REST_SECONDS = 2.0  # so long a server may still answer a client that has closed its side


@dataclass(frozen=True)
class Chaos:
    """What happens to a connection; counted in bytes from its start, ``up`` is from the client to the server.

    ``cut_after_up``, ``cut_after_down``: exactly so many bytes pass, then both sides are closed.
    ``reset``: closing means RST instead of FIN.
    ``stall_after_up``, ``stall_after_down``: exactly so many bytes pass, then nothing more; the connection stays open.
    ``trickle``: the answer comes one byte at a time, with so many seconds between.
    ``drop_answer_after_up``: once so many bytes went up, what the server answers is thrown away; when it
    has answered, the client's connection is closed. The server did its work, and the client does not know.
    ``black_hole``: accepts, passes nothing, and stays silent.
    """

    cut_after_up: int | None = None
    cut_after_down: int | None = None
    reset: bool = False
    stall_after_up: int | None = None
    stall_after_down: int | None = None
    trickle: float | None = None
    drop_answer_after_up: int | None = None
    black_hole: bool = False


CALM = Chaos()


class ChaosProxy:
    """Passes connections on to ``host:port``; ``chaos`` says what happens to the next ones.

    ``bytes_up`` and ``bytes_down`` are what passed so far, over all connections.
    ``only`` limits the chaos to so many connections; later ones pass unharmed.
    """

    host = "127.0.0.1"

    def __init__(self, host: str, port: int, chaos: Chaos = CALM, *, only: int | None = None) -> None:
        self.chaos = chaos
        self.only = only
        self.bytes_up = 0
        self.bytes_down = 0
        self._upstream = (host, port)
        self._listener = Listener(self._pass_on)
        self._lock = threading.Lock()

    @property
    def port(self) -> int:
        """Where clients connect."""
        return self._listener.port

    @property
    def connections(self) -> int:
        """How many connections came in so far."""
        return self._listener.accepted

    def start(self) -> Self:
        """Open the port."""
        self._listener.start()
        return self

    def refuse(self) -> None:
        """Close the port, so that connecting fails; ``start`` opens it again."""
        self._listener.refuse()

    def hang_up(self) -> None:
        """Break off every connection that is open now."""
        self._listener.hang_up()

    def close(self) -> None:
        """End it and all its connections."""
        self._listener.stop()

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.close()

    def _pass_on(self, client: socket.socket) -> None:
        chaos = self._next_chaos()
        if chaos.reset:
            close_with_reset(client)
        if chaos.black_hole:
            _swallow(client)
            return
        with socket.create_connection(self._upstream, _CONNECT_SECONDS) as server:
            server.settimeout(None)
            if chaos.reset:
                close_with_reset(server)
            _Passage(self, chaos, client, server).run()

    def _next_chaos(self) -> Chaos:
        with self._lock:
            if self.only is None:
                return self.chaos
            self.only -= 1
            return self.chaos if self.only >= 0 else CALM

    def count(self, up: int, down: int) -> None:
        """Add to what has passed."""
        with self._lock:
            self.bytes_up += up
            self.bytes_down += down


class _Passage:
    """One connection through the proxy, until either side or the chaos ends it."""

    def __init__(self, proxy: ChaosProxy, chaos: Chaos, client: socket.socket, server: socket.socket) -> None:
        self._proxy = proxy
        self._chaos = chaos
        self._client = client
        self._server = server
        self._up = 0
        self._down = 0
        self._dropped = False

    def run(self) -> None:
        reading = [self._client, self._server]
        while ready := select.select(reading, [], [], self._patience(reading))[0]:
            for side in ready:
                received = side.recv(_CHUNK)
                if not received:
                    reading.remove(side)
                    self._pass_end_on(side)
                elif not (self._pass_up(received) if side is self._client else self._pass_down(received)):
                    return
            if self._server not in reading:
                self._end_of_answer()
                return

    def _patience(self, reading: list[socket.socket]) -> float | None:
        if self._dropped:
            return _QUIET_SECONDS
        return None if self._client in reading else _REST_SECONDS

    def _pass_end_on(self, side: socket.socket) -> None:
        other = self._server if side is self._client else self._client
        if not self._chaos.reset and not (other is self._client and self._stalled):
            with contextlib.suppress(OSError):  # the other side may be gone already
                other.shutdown(socket.SHUT_WR)

    @property
    def _stalled(self) -> bool:
        return self._chaos.stall_after_down is not None or self._chaos.stall_after_up is not None

    def _end_of_answer(self) -> None:
        if self._stalled:
            _swallow(self._client)  # the connection stays open until the client gives up

    def _pass_up(self, received: bytes) -> bool:
        """Pass on what the chaos lets through; False when the connection is to be cut."""
        allowed, cut = _allowed(self._up, received, self._chaos.cut_after_up, self._chaos.stall_after_up)
        self._server.sendall(allowed)
        self._up += len(allowed)
        self._proxy.count(len(allowed), 0)
        return not cut

    def _pass_down(self, received: bytes) -> bool:
        if self._chaos.drop_answer_after_up is not None and self._up >= self._chaos.drop_answer_after_up:
            # More may follow, and the rest of the request with it: the end comes when both are silent.
            self._dropped = True
            return True
        allowed, cut = _allowed(self._down, received, self._chaos.cut_after_down, self._chaos.stall_after_down)
        self._send_down(allowed)
        self._down += len(allowed)
        self._proxy.count(0, len(allowed))
        return not cut

    def _send_down(self, allowed: bytes) -> None:
        if self._chaos.trickle is None:
            self._client.sendall(allowed)
            return
        for place in range(len(allowed)):
            self._client.sendall(allowed[place : place + 1])
            time.sleep(self._chaos.trickle)


def _allowed(passed: int, received: bytes, cut_after: int | None, stall_after: int | None) -> tuple[bytes, bool]:
    """What of ``received`` may pass after ``passed`` bytes, and whether the connection is cut after it."""
    limits = [limit for limit in (cut_after, stall_after) if limit is not None]
    allowed = received[: max(0, min(limits) - passed)] if limits else received
    return allowed, cut_after is not None and passed + len(allowed) >= cut_after


def _swallow(client: socket.socket) -> None:
    while client.recv(_CHUNK):
        pass
