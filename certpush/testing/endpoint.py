"""A TLS endpoint on loopback that serves a bundle, and another one when told to."""

from __future__ import annotations

import contextlib
import socket
import ssl
from typing import Self

from certpush.kit.own_certificate import show_in_tls
from certpush.model import CertificateBundle, Endpoint
from certpush.testing.listener import Listener
from certpush.testing.minting import self_signed
from certpush.testing.server import Server

_PATIENCE_SECONDS = 5.0


class TlsEndpoint(Server):
    """Shows ``bundle`` to whoever connects; use it in ``with``. Without a bundle, what a factory puts into a device: a self-signed one."""

    host = "127.0.0.1"

    def __init__(self, bundle: CertificateBundle | None = None) -> None:
        self.bundle = bundle or self_signed("factory default")
        self._listener = Listener(self._take, self.host)

    @property
    def port(self) -> int:
        """Where it serves."""
        return self._listener.port

    @property
    def endpoint(self) -> Endpoint:
        """The same as the core knows it."""
        return Endpoint(self.host, self.port)

    @property
    def fingerprint(self) -> str:
        """Of the certificate that it serves: the pin to trust it by."""
        return self.bundle.fingerprint

    @property
    def connections(self) -> int:
        """How many came in so far."""
        return self._listener.accepted

    def serve(self, bundle: CertificateBundle) -> None:
        """Serve this one from the next connection on."""
        self.bundle = bundle

    def start(self) -> Self:
        """Open the port; after ``stop`` the same one again."""
        self._listener.start()
        return self

    def stop(self) -> None:
        """Close the port and all connections."""
        self._listener.stop()

    def _take(self, connection: socket.socket) -> None:
        connection.settimeout(_PATIENCE_SECONDS)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        show_in_tls(context, self.bundle)
        with context.wrap_socket(connection, server_side=True) as secured:
            self.talk(secured)

    def talk(self, secured: ssl.SSLSocket) -> None:
        """Wait until the client goes; what says more has its own."""
        with contextlib.suppress(OSError):
            while secured.recv(65536):
                pass
