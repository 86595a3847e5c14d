"""The web server of the memory device: TLS on loopback with whatever pair it is given for the next handshake."""

from __future__ import annotations

import contextlib
import socketserver
import ssl
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

PairSource = Callable[[], "str | None"]
"""Gives certificate, chain and key in one PEM text, or None where nothing is to be served."""


class Listener:
    """Serves on 127.0.0.1 until it is stopped; port 0 chooses a free one."""

    def __init__(self, pair: PairSource, port: int) -> None:
        self._server = _Server(pair, port)
        self.port: int = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Hang up on everybody and give the port back."""
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()


class _Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True

    def __init__(self, pair: PairSource, port: int) -> None:
        self.pair = pair
        super().__init__(("127.0.0.1", port), _Connection)


class _Connection(socketserver.BaseRequestHandler):
    def handle(self) -> None:
        assert isinstance(self.server, _Server)
        pair = self.server.pair()
        if pair is None:
            return  # as a server without a certificate does: it hangs up
        self.request.settimeout(2)
        # A client that hangs up in the middle is no news.
        with contextlib.suppress(OSError), _context(pair).wrap_socket(self.request, server_side=True) as connection:
            connection.recv(1)  # until the client has looked and hangs up


def _context(pair: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    with tempfile.TemporaryDirectory(prefix="certpush-device-") as folder:  # 0700; ssl reads only files
        file = Path(folder) / "pair.pem"
        file.write_text(pair)
        context.load_cert_chain(file)
    return context
