"""A TLS server on loopback that keeps every byte it was sent inside of TLS, and answers as it is told."""

from __future__ import annotations

import contextlib
import ssl
import threading

from certpush.kit.own_certificate import show_in_tls
from certpush.model import CertificateBundle
from certpush.testing.listener import Listener

OK = b'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 11\r\n\r\n{"data": 1}'


class Appliance:
    """``answer`` is bytes to send after each request, or a function that does what it likes with the connection, which is closed then.

    ``bundles`` are shown by turns, one a connection.
    """

    def __init__(self, *bundles: CertificateBundle, host="127.0.0.1", answer=OK):
        self.answer = answer
        self.received: list[bytes] = []
        self._turns = 0
        self.show(*bundles)
        self._listener = Listener(self._serve, host)
        self._lock = threading.Lock()

    def show(self, *bundles):
        self._contexts = [_context(one) for one in bundles]

    @property
    def host(self):
        return self._listener.host

    @property
    def port(self):
        return self._listener.port

    @property
    def url(self):
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}:{self.port}/api2/json/version"

    @property
    def connections(self):
        return self._listener.accepted

    @property
    def requests(self):
        return b"".join(self.received).count(b"HTTP/1.1\r\n")

    def __enter__(self):
        self._listener.start()
        return self

    def __exit__(self, *_):
        self._listener.stop()

    def _serve(self, plain):
        with self._lock:
            context = self._contexts[self._turns % len(self._contexts)]
            self._turns += 1
        with contextlib.suppress(OSError), context.wrap_socket(plain, server_side=True, suppress_ragged_eofs=False) as secured:
            while got := secured.recv(65536):
                self.received.append(got)
                if b"\r\n\r\n" not in got:
                    continue
                if callable(self.answer):
                    self.answer(secured)
                    return
                secured.sendall(self.answer)


def _context(bundle):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    show_in_tls(context, bundle)
    return context
