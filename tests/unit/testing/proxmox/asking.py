"""Asking a Proxmox stand-in: raw requests over TLS, and looks at what it serves."""

import http.client
import json
import socket
import ssl
import time
from dataclasses import dataclass
from urllib.parse import urlencode

from cryptography import x509

from certpush.model import fingerprint
from certpush.testing.authority import Authority

AUTHORITY = Authority("Steps")
CUSTOM = "/nodes/pve1/certificates/custom"
OURS = {"pve-root-ca.pem", "pve-ssl.pem", "pve-ssl.key"}
PAIR = {"pveproxy-ssl.pem", "pveproxy-ssl.key"}
COPIES = {"pveproxy-ssl.pem.old", "pveproxy-ssl.key.old"}


@dataclass
class Said:
    status: int
    reason: str
    body: bytes
    headers: http.client.HTTPMessage
    seconds: float

    @property
    def json(self):
        return json.loads(self.body)

    @property
    def message(self):
        return self.json["message"]


def accepting_all():
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    return context


def connect(node, port=None):
    return http.client.HTTPSConnection(node.host, port or node.port, context=accepting_all(), timeout=10)


def say(connection, method, path, headers=None, body=None):
    began = time.monotonic()
    connection.request(method, path, body, headers or {})
    answer = connection.getresponse()
    return Said(answer.status, answer.reason, answer.read(), answer.msg, time.monotonic() - began)


def say_once(node, method, path, headers=None, body=None):
    connection = connect(node)
    try:
        return say(connection, method, path, headers, body)
    finally:
        connection.close()


def token_of(node):
    return {"Authorization": f"PVEAPIToken={node.token_id}={node.token}"}


def ask(node, method, path, given=None, *, headers=None, as_json=False):
    """One call on a connection of its own, with the usual token unless headers are given."""
    headers = dict(token_of(node) if headers is None else headers)
    url, body = f"/api2/json{path}", None
    if method in ("GET", "DELETE") and given:
        url += f"?{urlencode(given)}"
    elif given is not None:
        headers["Content-Type"] = "application/json" if as_json else "application/x-www-form-urlencoded"
        body = json.dumps(given) if as_json else urlencode(given)
    return say_once(node, method, url, headers, body)


def parts(bundle, **more):
    """What an upload of this bundle sends."""
    return {"certificates": bundle.fullchain_pem.decode(), "key": bundle.key.reveal_pem().decode(), **more}


def upload(node, bundle, *, path=CUSTOM, **more):
    return ask(node, "POST", path, parts(bundle, **{"force": 1, "restart": 1, **more}))


def look(node, port=None):
    """The leaf on a fresh connection; None where the handshake ends in EOF."""
    with socket.create_connection((node.host, port or node.port), 10) as plain:
        try:
            with accepting_all().wrap_socket(plain, server_hostname="127.0.0.1") as secured:
                return fingerprint(x509.load_der_x509_certificate(secured.getpeercert(binary_form=True)))
        except (ssl.SSLEOFError, ssl.SSLZeroReturnError):  # by Python's version
            return None


def added(node):
    """The names of what a node has besides its own files."""
    return set(node.files) - OURS


def holds(node, bundle):
    """Whether the pair on the disk is this one."""
    return (node.files["pveproxy-ssl.pem"], node.files["pveproxy-ssl.key"]) == (bundle.fullchain_pem, bundle.key.reveal_pem())
