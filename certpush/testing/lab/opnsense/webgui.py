"""The web server of the GUI, lighttpd's part: takes up its certificate from config.xml at a restart, serves the API."""

from __future__ import annotations

import json
import socket
import ssl
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

from certpush.testing.lab.opnsense.api import Answer, Api
from certpush.testing.lab.opnsense.certificates import decoded
from certpush.testing.lab.opnsense.config_file import ConfigFile, put_text, text_of
from certpush.testing.lab.opnsense.faults import OpnSenseFaults, take
from certpush.testing.lab.opnsense.store import uniqid
from certpush.testing.lab.pfsense.configs import own
from certpush.testing.listener import Listener

Note = Callable[..., None]


class WebGui:
    """The server. ``folder`` has its files, ``note`` takes down what happens."""

    def __init__(self, config: ConfigFile, folder: Callable[[], Path], faults: OpnSenseFaults, note: Note) -> None:
        self.api: Api | None = None
        self._config, self._folder, self._faults, self._note = config, folder, faults, note
        self._context: ssl.SSLContext | None = None
        self._listener = Listener(self._serve)
        self._restarting = threading.Lock()

    def start(self, host: str, port: int) -> None:
        """Start it on this port, from the configuration; with a broken pair it does not start, and says so nowhere."""
        self._listener.host, self._listener.port = host, port
        chain, key = self._generate()
        if not (chain and key):
            self._note("gui-failed")  # TLS is asked for, and there is no certificate to it
            return
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        try:
            context.load_cert_chain(chain, key)
        except ssl.SSLError:
            self._note("gui-failed")
            return
        self._context = context
        self._listener.start()
        self._note("gui-started")

    def stop(self) -> None:
        """End it; connections that are open are broken off."""
        self._listener.stop()

    def restart(self, delay: float = 0.0) -> None:
        """Restart it as rc.restart_webgui does, after a delay."""
        self._note("restart", delay=delay)
        if self._faults.now("restart_does_nothing"):
            return
        time.sleep(delay)
        with self._restarting:
            self.stop()
            if not self._faults.now("restart_dies"):
                self.start(self._listener.host, self._listener.port)
        self._note("restarted")

    # --- what is served -------------------------------------------------------------------------

    def _generate(self) -> tuple[Path | None, Path | None]:
        """Write certificate with chain, and key, where lighttpd reads them."""
        root = self._config.read()
        certificate = _lookup(root, "cert", text_of(root, "system/webgui/ssl-certref"))
        if certificate is None:
            certificate = self._make_own()
            root = self._config.read()
        pem, key = decoded(text_of(certificate, "crt")), decoded(text_of(certificate, "prv"))
        if not pem or not key:
            return None, None
        folder = self._folder()
        folder.mkdir(parents=True, exist_ok=True)
        chain_file, key_file = folder / "cert.pem", folder / "key.pem"
        chain_file.write_text("\n".join([pem.rstrip("\n"), *_chain(root, certificate), ""]))
        key_file.touch(0o600)
        key_file.write_text(key)
        return chain_file, key_file

    def _make_own(self) -> ET.Element:
        """The certificate that the box makes for itself where there is none: the pointer is changed with it."""
        pair = own("again")
        element = ET.Element("cert", {"uuid": "0b1ba2a8-4a3c-4b8e-9d50-6f0f2b2a1cff"})
        entry = {
            "refid": uniqid(),
            "descr": "Web GUI TLS certificate",
            "crt": _base64(pair.leaf_pem),
            "prv": _base64(pair.key.reveal_pem()),
        }
        for name, text in entry.items():
            put_text(element, name, text)
        with self._config.changing("(root)", "Created web GUI TLS certificate") as root:
            root.append(element)
            webgui = root.find("system/webgui")
            if webgui is not None:
                put_text(webgui, "ssl-certref", text_of(element, "refid"))
        self._note("selfsigned")
        return element

    # --- HTTP -------------------------------------------------------------------------------------

    def _serve(self, connection: socket.socket) -> None:
        context = self._context
        if context is None:
            return
        connection.settimeout(30)
        with context.wrap_socket(connection, server_side=True) as secured:
            _Handler.serving(self, self._faults)(secured, secured.getpeername(), None)

    def answer(self, request: _Handler, body: bytes) -> Answer | None:
        """Answer a request; None where its connection is broken off."""
        if take(self._faults.drop, request.path):
            return None
        if self.api is None or not request.path.startswith("/api/"):
            return Answer(404, None)
        answer = self.api.answer(request.command, request.path, dict(request.headers.items()), body)
        return None if take(self._faults.lose, request.path) else answer


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    gui: WebGui
    faults: OpnSenseFaults

    @classmethod
    def serving(cls, gui: WebGui, faults: OpnSenseFaults) -> Any:
        return type("Handler", (cls,), {"gui": gui, "faults": faults})

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        answer = self.gui.answer(self, body)
        if answer is None:
            self.close_connection = True
            return
        page = self.faults.page or answer.value is None
        content = b"<html><body>Login</body></html>" if page else json.dumps(answer.value).encode()
        self.send_response(200 if self.faults.page else answer.status)
        self.send_header("Content-Type", "text/html" if page else "application/json; charset=UTF-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET  # noqa: N815 -- http.server's name

    def date_time_string(self, timestamp: float | None = None) -> str:
        now = time.time() if timestamp is None else timestamp
        return super().date_time_string(int(now + self.faults.clock_offset.total_seconds()))

    def log_message(self, *_: object) -> None:
        """Say nothing."""


def _lookup(root: ET.Element, kind: str, refid: str) -> ET.Element | None:
    return next((one for one in root.findall(kind) if refid and text_of(one, "refid") == refid), None)


def _chain(root: ET.Element, certificate: ET.Element) -> list[str]:
    """The authorities behind ``caref``, one after the other; a circle ends where it began."""
    seen: list[ET.Element] = []
    authority = _lookup(root, "ca", text_of(certificate, "caref"))
    while authority is not None and authority not in seen:
        seen.append(authority)
        authority = _lookup(root, "ca", text_of(authority, "caref"))
    return [decoded(text_of(one, "crt")).rstrip("\n") for one in seen]


def _base64(pem: bytes) -> str:
    import base64

    return base64.b64encode(pem).decode()
