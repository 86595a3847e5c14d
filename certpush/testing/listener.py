"""A loopback port with a thread for each connection; closing it ends every connection and thread."""

from __future__ import annotations

import contextlib
import functools
import socket
import struct
import threading
from collections.abc import Callable
from typing import Self

_ACCEPT_SECONDS = 0.5  # a system may leave accept() waiting on a socket that was shut down
_END_SECONDS = 5.0


class Listener:
    """Calls ``answer`` in a new thread with each connection that comes in, and closes it afterwards.

    ``host`` and ``port`` are where it listens once it was started, and ``accepted`` counts the connections.
    Use it in ``with``; or ``stop`` closes the port, and ``start`` opens the same port again. Network errors of
    ``answer`` end its connection; any other exception is a bug and is not hidden.
    """

    def __init__(self, answer: Callable[[socket.socket], None], host: str = "127.0.0.1") -> None:
        self.host = host
        self.port = 0
        self.accepted = 0
        self._answer = answer
        self._socket: socket.socket | None = None
        self._lock = threading.Lock()
        self._handles: set[socket.socket] = set()
        self._accepting: set[threading.Thread] = set()
        self._threads: set[threading.Thread] = set()

    @property
    def listening(self) -> bool:
        """Whether the port is open."""
        return self._socket is not None

    def start(self) -> Self:
        """Open the port."""
        family = socket.AF_INET6 if ":" in self.host else socket.AF_INET
        self._socket = socket.create_server((self.host, self.port), family=family)
        self._socket.settimeout(_ACCEPT_SECONDS)
        self.port = self._socket.getsockname()[1]
        self._spawn(self._accepting, functools.partial(self._accept, self._socket))
        return self

    def refuse(self) -> None:
        """Close the port; connections that are open go on."""
        if self._socket:
            closing, self._socket = self._socket, None
            _shut(closing)

    def hang_up(self) -> None:
        """Break off every open connection."""
        with self._lock:
            for handle in self._handles:
                _shut(handle)

    def stop(self) -> None:
        """Close the port, break off every connection, and wait for the threads; repeating it is harmless."""
        self.refuse()
        # A connection that is being accepted must be known before all are broken off.
        self._wait_for(self._accepting)
        self.hang_up()
        self._wait_for(self._threads)

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _wait_for(self, threads: set[threading.Thread]) -> None:
        with self._lock:
            waiting = [thread for thread in threads if thread is not threading.current_thread()]
        for thread in waiting:
            thread.join(_END_SECONDS)

    def _accept(self, listening: socket.socket) -> None:
        with listening:
            while listening is self._socket:
                try:
                    connection, _ = listening.accept()
                except TimeoutError:
                    continue
                except OSError:
                    return
                self.accepted += 1
                connection.settimeout(None)
                # TLS takes the socket over, so what breaks it off needs a handle of its own.
                handle = connection.dup()
                with self._lock:
                    self._handles.add(handle)
                self._spawn(self._threads, functools.partial(self._serve, connection, handle))

    def _serve(self, connection: socket.socket, handle: socket.socket) -> None:
        try:
            with contextlib.suppress(OSError), connection:
                self._answer(connection)
        finally:
            with self._lock:
                self._handles.discard(handle)
                handle.close()

    def _spawn(self, group: set[threading.Thread], work: Callable[[], None]) -> None:
        def run() -> None:
            try:
                work()
            finally:
                with self._lock:
                    group.discard(threading.current_thread())

        thread = threading.Thread(target=run, daemon=True)
        with self._lock:
            thread.start()
            group.add(thread)


def close_with_reset(connection: socket.socket) -> None:
    """Make the next close send RST instead of FIN."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _shut(connection: socket.socket) -> None:
    with contextlib.suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)
