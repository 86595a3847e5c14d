"""step-ca's routes: what a request, read whole, is answered with."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias
from urllib.parse import parse_qs

from cryptography import x509

from certpush.model import JsonValue, fingerprint, to_pem
from certpush.testing.authority.go_text import go_quoted
from certpush.testing.authority.http_reading import decoded
from certpush.testing.authority.limits import normalised
from certpush.testing.authority.provisioners import JwkProvisioner, Provisioner
from certpush.testing.authority.refusals import GENERIC, Refusal, bad_request, generic
from certpush.testing.authority.renewal import rekey, renew
from certpush.testing.authority.revocation import revoke
from certpush.testing.authority.signing import sign
from certpush.testing.authority.state import CaState
from certpush.testing.authority.tokens import token_name

_PAGE, _LARGEST_PAGE = 20, 100
_METHODS = {"CONNECT", "DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT", "TRACE"}  # chi knows no other
_TLS_OPTIONS: JsonValue = {
    "cipherSuites": ["TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256"],
    "minVersion": 1.2,
    "maxVersion": 1.3,
    "renegotiation": False,
}


@dataclass(frozen=True)
class Request:
    """One request, read whole."""

    method: str
    target: str
    headers: Mapping[str, str]
    body: bytes
    peer: x509.Certificate | None = None

    @property
    def path(self) -> str:
        """The path without ``/1.0``: all routes exist with and without it, but for ACME, which has ``/2.0``."""
        path = self.target.partition("?")[0]
        prefix = "/2.0" if path.startswith("/2.0/acme/") else "/1.0" if not path.startswith("/1.0/acme/") else ""
        return path.removeprefix(prefix) if path.startswith(f"{prefix}/") else path

    @property
    def query(self) -> Mapping[str, list[str]]:
        """The parameters behind the question mark."""
        pairs = self.target.partition("?")[2].split("&")
        # Go passes over a pair that holds a semicolon.
        return parse_qs("&".join(pair for pair in pairs if ";" not in pair), keep_blank_values=True)


@dataclass(frozen=True)
class Response:
    """One answer. ``chain`` is what was signed, where something was; ``reason`` is for the log."""

    status: int
    body: bytes = b""
    content_type: str = ""
    chain: tuple[x509.Certificate, ...] = ()
    reason: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)


Handler: TypeAlias = Callable[[CaState, Request], Response]


def answer(state: CaState, request: Request) -> Response:
    """Answer as step-ca does."""
    if request.method not in _METHODS:
        return Response(405)
    for (method, pattern), handler in _ROUTES.items():
        if not _matches(pattern, request.path):
            continue
        # HEAD works wherever GET does.
        if request.method != method and not (method == "GET" and request.method == "HEAD"):
            return Response(405, headers={"Allow": method})
        try:
            return handler(state, request)
        except Refusal as refusal:
            return as_json(refusal.status, refusal.body, reason=refusal.reason)
    return not_found()


def not_found() -> Response:
    """The answer for a path that is no route."""
    return Response(404, b"404 page not found\n", "text/plain; charset=utf-8", headers={"X-Content-Type-Options": "nosniff"})


def as_json(status: int, value: JsonValue, *, chain: tuple[x509.Certificate, ...] = (), reason: str = "") -> Response:
    """An answer in JSON as Go writes it: UTF-8, what could be HTML escaped, a newline at the end."""
    text = json.dumps(value, separators=(",", ":"), ensure_ascii=False).translate(_ESCAPED_BY_GO)
    return Response(status, text.encode(errors="replace") + b"\n", "application/json", chain, reason)


_ESCAPED_BY_GO = {ord(letter): f"\\u{ord(letter):04x}" for letter in "<>&\u2028\u2029"}


def signed(chain: tuple[x509.Certificate, ...]) -> Response:
    """The answer to sign, renew and rekey: leaf first, no root."""
    pems: list[JsonValue] = [to_pem(one).decode() for one in chain]
    value: JsonValue = {"crt": pems[0], "ca": pems[1] if len(pems) > 1 else None, "certChain": pems, "tlsOptions": _TLS_OPTIONS}
    return as_json(201, value, chain=chain)


def _matches(pattern: str, path: str) -> bool:
    parts, given = pattern.split("/"), path.split("/")
    # chi matches an empty part in the middle, and none at the end.
    return len(parts) == len(given) and all(part in ("*", own) for part, own in zip(parts, given, strict=True)) and bool(given[-1])


# --- what everybody may ask -------------------------------------------------------------------


def _health(_state: CaState, _request: Request) -> Response:
    return as_json(200, {"status": "ok"})


def _version(_state: CaState, _request: Request) -> Response:
    return as_json(200, {"version": "N/A"})


def _root(state: CaState, request: Request) -> Response:
    wanted = _last_part(request).replace("-", "").lower()
    for one in state.roots:
        if fingerprint(one) == wanted:
            return as_json(200, {"ca": to_pem(one).decode()})
    raise Refusal(404, f"root certificate with fingerprint {go_quoted(wanted)} was not found")


def _roots(state: CaState, _request: Request) -> Response:
    return as_json(201, {"crts": [to_pem(one).decode() for one in state.roots]})


def _intermediates(state: CaState, _request: Request) -> Response:
    return as_json(201, {"crts": [to_pem(state.pki.intermediate).decode()]})


def _roots_pem(state: CaState, _request: Request) -> Response:
    return Response(200, to_pem(*state.roots), "application/x-pem-file")


def _intermediates_pem(state: CaState, _request: Request) -> Response:
    return Response(200, to_pem(state.pki.intermediate), "application/x-pem-file")


def _crl(_state: CaState, _request: Request) -> Response:
    text = "The certificate authority received an unexpected HTTP status code - '404'. " + GENERIC[404].partition(". ")[2]
    raise Refusal(404, text, "Certificate Revocation Lists are not enabled")


def _provisioners(state: CaState, request: Request) -> Response:
    limit = _limit(request)
    cursor = (request.query.get("cursor") or [""])[0].rjust(40, "0")
    rest = [(place, one) for place, one in _places(state) if place >= cursor]
    page = [_listed(one) for _, one in rest[:limit]]
    following = rest[limit][0].lstrip("0") if len(rest) > limit else ""
    return as_json(200, {"provisioners": [*page] or None, "nextCursor": following})


def _limit(request: Request) -> int:
    text = (request.query.get("limit") or [""])[0]
    if text and not (re.fullmatch(r"[+-]?[0-9]+", text) and abs(int(text)) < 2**63):
        raise bad_request(f"limit '{text}' is not an integer")
    limit = int(text or _PAGE)
    return min(limit, _LARGEST_PAGE) if limit > 0 else _PAGE


def _places(state: CaState) -> list[tuple[str, Provisioner]]:
    """The order of the listing: four bytes of place, then the rest of a SHA-1; that is also the cursor."""
    places = []
    for number, one in enumerate(state.provisioners):
        digest = hashlib.sha1(token_name(one).encode(), usedforsecurity=False).hexdigest()
        places.append((number.to_bytes(4, "big").hex() + digest[8:], one))
    return places


def _listed(provisioner: Provisioner) -> JsonValue:
    shown = provisioner.configuration()
    if provisioner.claims:
        shown["claims"] = dict(normalised(provisioner.claims))
    return shown


def _encrypted_key(state: CaState, request: Request) -> Response:
    kid = decoded(request.path.split("/")[2])
    for one in state.provisioners:
        if isinstance(one, JwkProvisioner) and one.kid == kid and one.encrypted_key:
            return as_json(200, {"key": one.encrypted_key})
    raise generic(404, f"encrypted key with kid {kid} was not found")


def _last_part(request: Request) -> str:
    return decoded(request.path.rpartition("/")[2])


# --- what needs a token or a certificate ------------------------------------------------------


def _sign(state: CaState, request: Request) -> Response:
    return signed((sign(state, request.body), state.pki.intermediate))


def _renew(state: CaState, request: Request) -> Response:
    return signed((renew(state, request.peer, request.headers.get("Authorization", "")), state.pki.intermediate))


def _rekey(state: CaState, request: Request) -> Response:
    return signed((rekey(state, request.peer, request.body), state.pki.intermediate))


def _revoke(state: CaState, request: Request) -> Response:
    revoke(state, request.peer, request.body)
    return as_json(200, {"status": "ok"})


def _acme(state: CaState, request: Request) -> Response:
    """No provisioner here is of type ACME, and that is what every ACME route finds first."""
    if not state.database:
        return not_found()
    wanted = decoded(request.path.split("/")[2])
    if not any(one.name == wanted for one in state.provisioners):
        message = f"provisioner {wanted} not found"
        return as_json(404, {"type": "notFound", "detail": "resource not found", "message": message}, reason=message)
    detail = "The client lacks sufficient authorization: provisioner must be of type ACME"
    problem = as_json(401, {"type": "urn:ietf:params:acme:error:unauthorized", "detail": detail}, reason=detail)
    return replace(problem, content_type="application/problem+json")


_ROUTES: Mapping[tuple[str, str], Handler] = {
    ("GET", "/health"): _health,
    ("GET", "/version"): _version,
    ("GET", "/root/*"): _root,
    ("GET", "/roots"): _roots,
    ("GET", "/federation"): _roots,
    ("GET", "/intermediates"): _intermediates,
    ("GET", "/roots.pem"): _roots_pem,
    ("GET", "/intermediates.pem"): _intermediates_pem,
    ("GET", "/crl"): _crl,
    ("GET", "/provisioners"): _provisioners,
    ("GET", "/provisioners/*/encrypted-key"): _encrypted_key,
    ("POST", "/sign"): _sign,
    ("POST", "/renew"): _renew,
    ("POST", "/re-sign"): _renew,
    ("POST", "/rekey"): _rekey,
    ("POST", "/revoke"): _revoke,
    ("GET", "/acme/*/directory"): _acme,
    ("GET", "/acme/*/new-nonce"): _acme,
    ("POST", "/acme/*/new-account"): _acme,
    ("POST", "/acme/*/new-order"): _acme,
}
