"""Small HTTPS appliances for recipes: each serves on loopback with the certificate that its API was given."""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from email.parser import BytesParser
from typing import Any
from urllib.parse import urlsplit

from certpush.errors import BundleInvalid
from certpush.model import CertificateBundle, PrivateKey, read_certificates
from certpush.testing import ApiAnswer, ApiRequest, ApiServer, Authority

USER, PASSWORD = "admin", "the-password-of-the-web-ui"


class HttpsAppliance(ApiServer):
    """Serves what ``respond_as_product`` says, with whatever certificate is installed; ``fails`` may answer before it."""

    def __init__(self, first: CertificateBundle) -> None:
        super().__init__(self._respond, first)
        self.own = first
        self.fails: Callable[[ApiRequest], ApiAnswer | None] = lambda _: None

    @property
    def address(self) -> str:
        """Host and port."""
        return f"{self.host}:{self.port}"

    def _respond(self, asked: ApiRequest) -> ApiAnswer:
        return self.fails(asked) or self.respond_as_product(asked)

    def respond_as_product(self, asked: ApiRequest) -> ApiAnswer:
        """What the product says to it."""
        raise NotImplementedError


def path_of(asked: ApiRequest) -> str:
    """Which call it is, without its query."""
    return urlsplit(asked.path).path


def parts_of(asked: ApiRequest) -> dict[str, str]:
    """The fields of an upload (multipart/form-data)."""
    head = f"Content-Type: {asked.headers['content-type']}\r\n\r\n".encode()
    parts: Any = BytesParser().parsebytes(head + asked.body).get_payload()
    return {str(one.get_param("name", header="content-disposition")): one.get_payload(decode=True).decode() for one in parts}


def pair_in(chain: str, key: str) -> CertificateBundle:
    """The pair that was sent; refused where the two do not belong together."""
    leaf, *more = read_certificates(chain.encode())
    return CertificateBundle(leaf, tuple(more), (), PrivateKey.from_pem(key.encode()))


class AdGuardHome(HttpsAppliance):
    """The three calls for encryption, as internal/home/tlshttp.go answers them: a bad pair with 200, the private key never."""

    def __init__(self) -> None:
        super().__init__(Authority("Before").issue("localhost", "127.0.0.1"))
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

    def respond_as_product(self, asked: ApiRequest) -> ApiAnswer:
        """See HttpsAppliance."""
        login = base64.b64encode(f"{USER}:{PASSWORD}".encode()).decode()
        if asked.headers.get("authorization") != f"Basic {login}":
            return ApiAnswer("unauthorized", 401)
        calls = {("GET", "status"): self._status, ("POST", "validate"): self._validate, ("POST", "configure"): self._configure}
        call = calls.get((asked.method, path_of(asked).removeprefix("/control/tls/")))
        return ApiAnswer("404 page not found", 404) if call is None else call(asked)

    def _status(self, _: ApiRequest) -> ApiAnswer:
        chain = base64.b64encode(self.chain.encode()).decode()
        told = {"certificate_chain": chain, "private_key": "", "private_key_saved": bool(self.key), "valid_pair": True}
        return ApiAnswer({**self.settings, **told})

    def _validate(self, asked: ApiRequest) -> ApiAnswer:
        return ApiAnswer({**asked.json(), "private_key": "", "valid_pair": _pair(asked.json()) is not None})

    def _configure(self, asked: ApiRequest) -> ApiAnswer:
        given = asked.json()
        pair = _pair(given)
        if given["enabled"] and pair is None:
            return ApiAnswer({**given, "private_key": "", "valid_pair": False})
        self.settings = {key: given.get(key, self.settings[key]) for key in self.settings}
        self.chain, self.key = (_decoded(given, "certificate_chain"), _decoded(given, "private_key"))
        if pair is not None:
            self.serve(pair)
        return ApiAnswer({**given, "private_key": "", "valid_pair": pair is not None})


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
        super().__init__(Authority("Before").issue("localhost", "127.0.0.1"))
        self.entries: dict[int, tuple[str, CertificateBundle]] = {1: ("factory", self.own)}
        self.active = 1
        self._last = 1

    def respond_as_product(self, asked: ApiRequest) -> ApiAnswer:
        """See HttpsAppliance."""
        if path_of(asked) == "/api/login":
            right = asked.json() == {"user": USER, "password": PASSWORD}
            return ApiAnswer({"session": {"token": "t0ken-of-this-session"}}) if right else ApiAnswer({"error": "no"}, 403)
        if asked.headers.get("x-token") != "t0ken-of-this-session":
            return ApiAnswer({"error": "who are you?"}, 401)
        return self._call(asked.method, path_of(asked).removeprefix("/api/certificates").strip("/"), asked)

    def _call(self, method: str, rest: str, asked: ApiRequest) -> ApiAnswer:
        if (method, rest) == ("GET", ""):
            return ApiAnswer({"items": [{"id": number, "name": name} for number, (name, _) in self.entries.items()]})
        if (method, rest) == ("GET", "active"):
            print_of = self.entries[self.active][1].fingerprint.upper()
            colons = ":".join(print_of[at : at + 2] for at in range(0, 64, 2))
            return ApiAnswer({"id": self.active, "sha256": colons})
        if (method, rest) == ("PUT", "active"):
            self.active = asked.json()["id"]
            self.serve(self.entries[self.active][1])
            return ApiAnswer({"ok": True})
        if method == "POST":
            return self._upload(parts_of(asked))
        return ApiAnswer(status=204) if self.entries.pop(int(rest), None) else ApiAnswer({"error": "no such entry"}, 404)

    def _upload(self, parts: Mapping[str, str]) -> ApiAnswer:
        if any(name == parts["name"] for name, _ in self.entries.values()):
            return ApiAnswer({"error": "exists"}, 409)
        self._last += 1
        self.entries[self._last] = (parts["name"], pair_in(parts["certificate"], parts["key"]))
        return ApiAnswer({"ok": True}, 201)
