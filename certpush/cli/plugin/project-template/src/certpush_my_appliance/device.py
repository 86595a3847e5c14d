"""A stand-in for the appliance: answers as the real one does, on this machine, and forgets everything when it ends.

The contract test and `certpush conformance my-appliance` try the plugin on it. `python -m certpush_my_appliance.device`
runs it beside a small CA, for `certpush deploy` by hand. Make it as strict as the real one: what the appliance refuses,
this must refuse too.
"""

from __future__ import annotations

import contextlib
import json
import socket
import ssl
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler
from typing import Any, Self

from certpush import CertificateBundle
from certpush.errors import CertpushError
from certpush.kit.own_certificate import show_in_tls
from certpush.testing import Workbench, self_signed
from certpush.testing.listener import Listener


class Device:
    """Keeps pairs by name, and serves one of them; runs inside of ``with``."""

    host = "127.0.0.1"
    token = "the-token-of-the-stand-in"

    def __init__(self) -> None:
        self.pairs: dict[str, CertificateBundle] = {"factory": self_signed("my-appliance")}
        self.active = "factory"
        self._broken = False
        self._listener = Listener(self._answer, self.host)

    @property
    def port(self) -> int:
        """Where it answers."""
        return self._listener.port

    @property
    def fingerprint(self) -> str:
        """Of the certificate that it serves."""
        return self.pairs[self.active].fingerprint

    def snapshot(self) -> object:
        """All that a rotation can change, to be compared."""
        return {**{name: pair.fingerprint for name, pair in self.pairs.items()}, "active": self.active}

    @contextlib.contextmanager
    def broken(self) -> Iterator[None]:
        """While inside, it says no to a switch."""
        self._broken = True
        yield
        self._broken = False

    def switch(self, name: str) -> None:
        """Serve the pair of this name from the next connection on."""
        if self._broken:
            raise ValueError("the web server does not take it")
        if name not in self.pairs:
            raise KeyError(name)
        self.active = name

    def __enter__(self) -> Self:
        self._listener.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.stop()

    def _answer(self, connection: socket.socket) -> None:
        connection.settimeout(10)
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        show_in_tls(context, self.pairs[self.active])
        with context.wrap_socket(connection, server_side=True) as secured:
            _Request(secured, self)


class _Request(BaseHTTPRequestHandler):
    """One request. The API is small: GET and PUT and DELETE certificates, POST which is active."""

    def __init__(self, connection: ssl.SSLSocket, device: Device) -> None:
        self._device = device
        super().__init__(connection, connection.getpeername(), None)  # type: ignore[arg-type] # no server behind it

    def do_GET(self) -> None:
        self._reply(lambda: {"active": self._device.active, "certificates": self._fingerprints()})

    def do_PUT(self) -> None:
        self._reply(self._store)

    def do_POST(self) -> None:
        self._reply(lambda: self._device.switch(self._body()["name"]))

    def do_DELETE(self) -> None:
        self._reply(self._remove)

    def _fingerprints(self) -> dict[str, str]:
        return {name: pair.fingerprint for name, pair in self._device.pairs.items()}

    def _store(self) -> None:
        sent = self._body()
        self._device.pairs[self._name] = CertificateBundle.from_pem(sent["fullchain"].encode(), sent["key"].encode())

    def _remove(self) -> None:
        if self._name == self._device.active:
            raise ValueError("it is in use")
        del self._device.pairs[self._name]

    @property
    def _name(self) -> str:
        return self.path.rpartition("/")[2]

    def _body(self) -> Any:  # noqa: ANN401 - what JSON holds
        return json.loads(self.rfile.read(int(self.headers["Content-Length"])))

    def _reply(self, deed: Any) -> None:  # noqa: ANN401 - a function whose answer becomes JSON
        if self.headers["Authorization"] != f"Bearer {self._device.token}":
            self._send(401, b"who are you?")
            return
        try:
            self._send(200, json.dumps(deed()).encode())
        except (KeyError, ValueError, CertpushError) as error:
            self._send(400, f"{type(error).__name__}: {error}".encode())

    def _send(self, status: int, body: bytes) -> None:
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Say nothing: the contract asks that nothing is printed."""


def main() -> None:
    """Run it beside a CA, with a configuration for both, until Ctrl-C."""
    with Device() as device, Workbench() as bench:
        bench.configure("dev", {
            "kind": "my-appliance",
            "names": ["localhost", device.host],
            "host": device.host,
            "port": device.port,
            "token": bench.secret("token", device.token),
            "trust": f"sha256:{device.fingerprint}",
        })  # fmt: skip
        print(f"my-appliance answers at https://{device.host}:{device.port}")
        print(bench.told, flush=True)
        bench.wait()


if __name__ == "__main__":
    main()
