"""A small TLS server of ours: stands in for nginx, and misbehaves on request."""

from __future__ import annotations

import socket
import ssl
import sys
import tempfile
import threading
from dataclasses import dataclass
from pathlib import Path
from typing import Self

from certpush.testing.lab.process import LabError
from certpush.testing.listener import Listener
from certpush.testing.server import Server

_PATIENCE_SECONDS = 5.0
_ANSWER = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 4\r\nConnection: close\r\n\r\nlab\n"

# Isolated and without site: it starts in about ten milliseconds, whatever is installed.
_SEND = """\
import socket, sys
with socket.create_connection(("127.0.0.1", int(sys.argv[1])), 5) as control:
    control.sendall(sys.argv[2].encode() + b"\\n")
    answer = control.makefile().read()
if answer != "ok":
    sys.exit(answer or "the server is gone")
"""


@dataclass
class TlsFaults:
    """What the server does wrong; may be changed while it runs.

    ``reload_does_nothing``: says that it reloaded, and serves what it served before.
    ``reload_fails``: says that it could not. ``dies_at_reload``: the port is closed from then on.
    ``alternates``: every other connection still gets the certificate from before the last reload.
    ``without_intermediate``: sends the leaf alone, from the next reload on.
    ``stalls``: accepts, and never shakes hands.
    """

    reload_does_nothing: bool = False
    reload_fails: bool = False
    dies_at_reload: bool = False
    alternates: bool = False
    without_intermediate: bool = False
    stalls: bool = False


class TlsServer(Server):
    """Serves a certificate from two files on a loopback port; reads them anew when told to."""

    host = "127.0.0.1"

    def __init__(self, certificate: Path, key: Path) -> None:
        self.faults = TlsFaults()
        self._files = (certificate, key)
        self._contexts: list[ssl.SSLContext] = []
        self._turn = 0
        self._lock = threading.Lock()
        self._endpoint = Listener(self._answer)
        self._control = Listener(self._obey)

    @property
    def port(self) -> int:
        """Where it serves."""
        return self._endpoint.port

    @property
    def running(self) -> bool:
        """Whether the port is open."""
        return self._endpoint.listening

    @property
    def connections(self) -> int:
        """How many connections came in so far."""
        return self._endpoint.accepted

    @property
    def reload_command(self) -> list[str]:
        """A command for any process of this machine: reloads, and fails where the reload failed."""
        return self._command("reload")

    @property
    def check_command(self) -> list[str]:
        """A command that tells, without any effect, whether the files could be served."""
        return self._command("check")

    def reload(self) -> None:
        """Read the files anew.

        Raises:
            LabError: they cannot be served; what was served before still is.

        """
        if self.faults.dies_at_reload:
            self._endpoint.refuse()
            return
        if self.faults.reload_fails:
            raise LabError("the reload failed")
        context = self._read()
        if not self.faults.reload_does_nothing:
            self._contexts = [context, *self._contexts[:1]]

    def start(self) -> Self:
        """Read the files and serve them.

        Raises:
            LabError: they cannot be served.

        """
        self._contexts = [self._read(), *self._contexts[:1]]
        self._endpoint.start()
        if not self._control.listening:
            self._control.start()
        return self

    def stop(self) -> None:
        """Close the port and all connections; ``start`` opens the same port again. The commands still work."""
        self._endpoint.stop()

    def close(self) -> None:
        """End it for good."""
        self._endpoint.stop()
        self._control.stop()

    def _command(self, word: str) -> list[str]:
        return [sys.executable, "-I", "-S", "-c", _SEND, str(self._control.port), word]

    def _obey(self, control: socket.socket) -> None:
        # Whoever knew another server at this port may still ask for that: then it is no word of ours.
        with control.makefile("rw", errors="replace") as lines:
            deed = {"reload": self.reload, "check": self._read}.get(lines.readline().strip())
            if deed is None:
                return
            try:
                deed()
                lines.write("ok")
            except LabError as error:
                lines.write(error.message)

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(_PATIENCE_SECONDS)
        if self.faults.stalls:
            while connection.recv(65536):
                pass
            return
        with self._context().wrap_socket(connection, server_side=True) as secured:
            if secured.recv(65536):
                secured.sendall(_ANSWER)

    def _context(self) -> ssl.SSLContext:
        with self._lock:
            self._turn += 1
            return self._contexts[self._turn % len(self._contexts) if self.faults.alternates else 0]

    def _read(self) -> ssl.SSLContext:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        certificate, key = self._files
        try:
            if self.faults.without_intermediate:
                _load_leaf_alone(context, certificate, key)
            else:
                context.load_cert_chain(certificate, key)
        except OSError as error:  # also what OpenSSL says of a key that does not belong
            raise LabError(f"the certificate cannot be served: {error}") from error
        return context


def _load_leaf_alone(context: ssl.SSLContext, certificate: Path, key: Path) -> None:
    end = b"-----END CERTIFICATE-----\n"
    with tempfile.NamedTemporaryFile() as leaf:
        leaf.write(certificate.read_bytes().partition(end)[0] + end)
        leaf.flush()
        context.load_cert_chain(leaf.name, key)
