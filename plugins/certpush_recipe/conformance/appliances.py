"""Small HTTPS appliances for recipes: each serves on loopback with the certificate that its API was given."""

from __future__ import annotations

import base64
import json
import ssl
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from email.parser import BytesParser
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

from certpush.errors import BundleInvalid
from certpush.kit.own_certificate import show_in_tls
from certpush.model import CertificateBundle, PrivateKey, read_certificates
from certpush.testing.authority import Authority

USER, PASSWORD = "admin", "the-password-of-the-web-ui"


@dataclass
class Asked:
    """A request, as it came in."""

    method: str
    path: str
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def json(self) -> dict[str, Any]:
        """The body, where it is a JSON object."""
        told: dict[str, Any] = json.loads(self.body)
        return told

    @property
    def parts(self) -> dict[str, str]:
        """The fields of an upload (multipart/form-data)."""
        head = f"Content-Type: {self.headers['Content-Type']}\r\n\r\n".encode()
        parts: Any = BytesParser().parsebytes(head + self.body).get_payload()
        return {str(one.get_param("name", header="content-disposition")): one.get_payload(decode=True).decode() for one in parts}


Answer = tuple[int, Any]


class HttpsAppliance:
    """Serves what ``answer`` says, with whatever certificate is installed; use it in ``with``."""

    host = "127.0.0.1"

    def __init__(self, first: CertificateBundle) -> None:
        self.asked: list[Asked] = []
        self.fails: Callable[[Asked], Answer | None] = lambda _: None
        self._context = context_of(first)
        self._server = _Server((self.host, 0), self)
        self._thread = threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{self.host}:{self._server.server_address[1]}"

    def serve(self, bundle: CertificateBundle) -> None:
        """Answer with this certificate, from the next connection on."""
        self._context = context_of(bundle)

    def respond(self, asked: Asked) -> Answer:
        """Note what was asked, and fail or answer."""
        self.asked.append(asked)
        return self.fails(asked) or self.answer(asked)

    def answer(self, asked: Asked) -> Answer:
        """What the product says to it."""
        raise NotImplementedError

    def secured(self, connection: Any) -> ssl.SSLSocket:
        """Shake hands."""
        connection.settimeout(5)
        return self._context.wrap_socket(connection, server_side=True)

    def __enter__(self) -> Any:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join(5)


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def __init__(self, address: tuple[str, int], appliance: HttpsAppliance) -> None:
        self.appliance = appliance
        super().__init__(address, _Handler)

    def handle_error(self, *_: object) -> None:
        """Who breaks the handshake off is no trouble of the appliance."""


class _Handler(BaseHTTPRequestHandler):
    server: _Server

    def setup(self) -> None:
        self.request = self.server.appliance.secured(self.request)
        super().setup()

    def finish(self) -> None:
        super().finish()
        self.request.close()

    def log_message(self, *_: object) -> None:
        """Nothing is printed."""

    def _any(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        status, value = self.server.appliance.respond(Asked(self.command, urlsplit(self.path).path, dict(self.headers), body))
        content = value if isinstance(value, bytes) else json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "text/plain" if isinstance(value, bytes) else "application/json")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = _any  # noqa: N815 - names that the library looks for


def context_of(bundle: CertificateBundle) -> ssl.SSLContext:
    """What shows this certificate."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    show_in_tls(context, bundle)
    return context


def pair_in(chain: str, key: str) -> CertificateBundle:
    """The pair that was sent; refused where the two do not belong together."""
    leaf, *more = read_certificates(chain.encode())
    return CertificateBundle(leaf, tuple(more), (), PrivateKey.from_pem(key.encode()))


class AdGuardHome(HttpsAppliance):
    """The three calls for encryption, as internal/home/tlshttp.go answers them: a bad pair with 200, the private key never."""

    def __init__(self) -> None:
        self.own = Authority("Before").issue("localhost", "127.0.0.1")
        super().__init__(self.own)
        self.settings: dict[str, Any] = {
            "enabled": True,
            "server_name": "dns.example",
            "force_https": False,
            "port_https": 443,
            "port_dns_over_tls": 853,
            "serve_plain_dns": True,
            "certificate_path": "",
            "private_key_path": "",
        }
        self.chain, self.key = self.own.fullchain_pem.decode(), self.own.key.reveal_pem().decode()

    def answer(self, asked: Asked) -> Answer:
        """See HttpsAppliance."""
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if asked.headers.get("Authorization") != f"Basic {login}":
            return 401, b"unauthorized"
        calls = {("GET", "status"): self._status, ("POST", "validate"): self._validate, ("POST", "configure"): self._configure}
        call = calls.get((asked.method, asked.path.removeprefix("/control/tls/")))
        return (404, b"404 page not found") if call is None else call(asked)

    def _status(self, _: Asked) -> Answer:
        chain = base64.b64encode(self.chain.encode()).decode()
        return 200, {
            **self.settings,
            "certificate_chain": chain,
            "private_key": "",
            "private_key_saved": bool(self.key),
            "valid_pair": True,
        }

    def _validate(self, asked: Asked) -> Answer:
        return 200, {**asked.json, "private_key": "", "valid_pair": _pair(asked.json) is not None}

    def _configure(self, asked: Asked) -> Answer:
        given = asked.json
        pair = _pair(given)
        if given["enabled"] and pair is None:
            return 200, {**given, "private_key": "", "valid_pair": False}
        self.settings = {key: given.get(key, self.settings[key]) for key in self.settings}
        self.chain, self.key = (_decoded(given, "certificate_chain"), _decoded(given, "private_key"))
        if pair is not None:
            self.serve(pair)
        return 200, {**given, "private_key": "", "valid_pair": pair is not None}


def _decoded(given: Mapping[str, Any], key: str) -> str:
    return base64.b64decode(given[key]).decode()


def _pair(given: Mapping[str, Any]) -> CertificateBundle | None:
    try:
        return pair_in(_decoded(given, "certificate_chain"), _decoded(given, "private_key"))
    except BundleInvalid:
        return None


class Store(HttpsAppliance):
    """An appliance that keeps several certificates and shows one of them: uploads get numbers, and a login gets a token."""

    def __init__(self) -> None:
        self.own = Authority("Before").issue("localhost", "127.0.0.1")
        super().__init__(self.own)
        self.entries: dict[int, tuple[str, CertificateBundle]] = {1: ("factory", self.own)}
        self.active = 1
        self._last = 1

    def answer(self, asked: Asked) -> Answer:
        """See HttpsAppliance."""
        if asked.path == "/api/login":
            right = asked.json == {"user": USER, "password": PASSWORD}
            return (200, {"session": {"token": "t0ken-of-this-session"}}) if right else (403, {"error": "no"})
        if asked.headers.get("X-Token") != "t0ken-of-this-session":
            return 401, {"error": "who are you?"}
        return self._call(asked.method, asked.path.removeprefix("/api/certificates").strip("/"), asked)

    def _call(self, method: str, rest: str, asked: Asked) -> Answer:
        if (method, rest) == ("GET", ""):
            return 200, {"items": [{"id": number, "name": name} for number, (name, _) in self.entries.items()]}
        if (method, rest) == ("GET", "active"):
            print_of = self.entries[self.active][1].fingerprint.upper()
            colons = ":".join(print_of[at : at + 2] for at in range(0, 64, 2))
            return 200, {"id": self.active, "sha256": colons}
        if (method, rest) == ("PUT", "active"):
            self.active = asked.json["id"]
            self.serve(self.entries[self.active][1])
            return 200, {"ok": True}
        if method == "POST":
            return self._upload(asked.parts)
        return (204, b"") if self.entries.pop(int(rest), None) else (404, {"error": "no such entry"})

    def _upload(self, parts: Mapping[str, str]) -> Answer:
        if any(name == parts["name"] for name, _ in self.entries.values()):
            return 409, {"error": "exists"}
        self._last += 1
        self.entries[self._last] = (parts["name"], pair_in(parts["certificate"], parts["key"]))
        return 201, {"ok": True}
