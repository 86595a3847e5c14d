"""Raw requests for two CAs at once: minted without the client, sent without it, and answers made comparable."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import re
import ssl
import time
import uuid
import warnings
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa
from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
from cryptography.x509.oid import NameOID

from certpush.model import to_pem

KEY = ec.generate_private_key(ec.SECP256R1())
PEM = serialization.Encoding.PEM
COMPARED_HEADERS = ("content-type", "allow", "x-content-type-options", "content-disposition", "transfer-encoding")


@dataclass
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def leaf(self) -> x509.Certificate:
        return x509.load_pem_x509_certificate(self.json["crt"].encode())

    def comparable(self) -> tuple[object, ...]:
        """The answer without what must differ: serials, moments, keys."""
        headers = {name: value for name, value in self.headers.items() if name in COMPARED_HEADERS}
        assert uuid.UUID(self.headers["x-request-id"]) or True
        assert "date" in self.headers
        try:
            return self.status, headers, comparable(json.loads(self.body)), self.body.endswith(b"\n")
        except ValueError:
            return self.status, headers, comparable(self.body.decode())


def shown(bundle) -> Answer:
    """A certificate as if it had been signed by the CA, to show it in a handshake."""
    chain = [to_pem(one).decode() for one in (bundle.leaf, *bundle.chain)]
    return Answer(201, {}, json.dumps({"crt": chain[0], "certChain": chain}).encode())


def comparable(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: comparable(one) for name, one in value.items()}
    if isinstance(value, list):
        return [comparable(one) for one in value]
    if isinstance(value, str) and value.startswith("-----BEGIN CERTIFICATE-----"):
        return [described(one) for one in x509.load_pem_x509_certificates(value.encode())]
    if isinstance(value, str):
        value = re.sub(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d+)? \+0000 UTC", "<moment>", value)
        value = re.sub(r"\d{5,}h\d+m\d+s", "<years>", value)
        return re.sub(r"\d{18,}", "<serial>", value)
    return value


def described(certificate: x509.Certificate) -> dict[str, object]:
    with warnings.catch_warnings(action="ignore"):
        names = [certificate.subject.rfc4514_string(), certificate.issuer.rfc4514_string()]
    # Both are asked within a second or two of each other, which must not matter.
    lifetime = (certificate.not_valid_after_utc - certificate.not_valid_before_utc).total_seconds()
    starts = (certificate.not_valid_before_utc - datetime.now(UTC)).total_seconds()
    own = {x509.oid.ExtensionOID.SUBJECT_KEY_IDENTIFIER}
    return {
        "names": names,
        "version": certificate.version,
        "lifetime": timedelta(seconds=5 * round(lifetime / 5)),
        "starts in about": "a minute ago" if -75 < starts < -55 else timedelta(minutes=10 * ((starts + 150) // 600)),
        "key": type(certificate.public_key()).__name__,
        "serial bits": certificate.serial_number.bit_length() <= 128 or certificate.issuer == certificate.subject,
        "signature": certificate.signature_algorithm_oid.dotted_string,
        "extensions": [
            (one.oid.dotted_string, one.critical, one.oid not in own and one.value.public_bytes()) for one in certificate.extensions
        ],
    }


# --- requests ---------------------------------------------------------------------------------


class World:
    """One CA, and all that is needed to ask it raw questions."""

    def __init__(self, ca: Any, directory: Path) -> None:
        self.ca = ca
        self.port = int(ca.url.rpartition(":")[2])
        self.directory = directory

    def send(
        self, method: str, path: str, body: object = None, *, client: Answer | None = None, key=KEY, chain=True, **headers: str
    ) -> Answer:
        context = ssl.create_default_context(cadata=self.ca.root_pem.decode())
        if client:
            self.show(context, client.json["certChain"][: 2 if chain else 1], key)
        connection = http.client.HTTPSConnection("127.0.0.1", self.port, timeout=10, context=context)
        raw = body if isinstance(body, bytes | None) else json.dumps(body).encode()
        try:
            connection.request(method, path, raw, {name.replace("_", "-"): value for name, value in headers.items()})
            answer = connection.getresponse()
            return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
        finally:
            connection.close()

    def show(self, context: ssl.SSLContext, pems: list[str], key) -> None:
        file = self.directory / "client.pem"
        file.write_text("".join(pems) + key_pem(key))
        context.load_cert_chain(file)

    def get(self, path: str, **headers: str) -> Answer:
        return self.send("GET", path, **headers)

    # --- signing ---------------------------------------------------------------------------

    def claims(self, purpose: str = "sign", provisioner=None, **changes: object) -> dict[str, object]:
        now = int(time.time())
        claims = {
            "aud": f"{self.ca.url}/1.0/{purpose}",
            "iss": (provisioner or self.ca.admin).name,
            "sub": "web.example.com",
            "jti": uuid.uuid4().hex,
            "iat": now,
            "nbf": now,
            "exp": now + 300,
        } | changes
        return {name: value for name, value in claims.items() if value is not None}

    def token(self, purpose: str = "sign", provisioner=None, *, key=None, header=None, **changes: object) -> str:
        provisioner = provisioner or self.ca.admin
        return jwt(self.claims(purpose, provisioner, **changes), key or provisioner.key, {"kid": provisioner.kid} | (header or {}))

    def sign(
        self, csr: str | None = None, token: str | None = None, *, path: str = "/1.0/sign", claims=None, provisioner=None, **more
    ) -> Answer:
        body = {"csr": csr or request("web.example.com"), "ott": token or self.token(provisioner=provisioner, **(claims or {}))} | more
        return self.send("POST", path, {name: value for name, value in body.items() if value is not None})

    def sign_names(self, *names: str, csr: str | None = None, **more) -> Answer:
        """Sign with a token of these names, and by default with a request that has no name at all."""
        return self.sign(csr or request(), claims={"sub": names[0], "sans": list(names)}, **more)

    def renewal(self, answer: Answer, *, chain: int = 2, header: str = "x5cInsecure", key=KEY, **changes: object) -> str:
        certificates = [x509.load_pem_x509_certificate(pem.encode()) for pem in answer.json["certChain"]]
        claims = self.claims("renew", iss="step-ca-client/1.0", sub=cn(certificates[0])) | changes
        return jwt({name: value for name, value in claims.items() if value is not None}, key, {header: x5c(certificates[:chain])})

    def renew_by_token(self, answer: Answer, **changes) -> Answer:
        return self.send("POST", "/renew", Authorization=f"Bearer {self.renewal(answer, **changes)}")

    def revoke(self, serial: object, *, client=None, instead=None, **changes) -> Answer:
        body = {"serial": str(serial), "reasonCode": 4, "reason": "superseded", "passive": True} | changes | (instead or {})
        if "ott" not in changes and not client:
            body["ott"] = self.token("revoke", sub=str(serial))
        return self.send("POST", "/1.0/revoke", {name: value for name, value in body.items() if value is not None}, client=client)


def b64(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).rstrip(b"=").decode()


def jwt(claims: object, key, header: dict[str, object]) -> str:
    algorithm = {"secp256r1": "ES256", "secp384r1": "ES384"}[key.curve.name] if isinstance(key, ec.EllipticCurvePrivateKey) else "RS256"
    algorithm = "EdDSA" if isinstance(key, ed25519.Ed25519PrivateKey) else algorithm
    whole = {"alg": algorithm, "typ": "JWT"} | header
    signed = f"{b64(json.dumps(whole).encode())}.{b64(json.dumps(claims).encode())}"
    return f"{signed}.{b64(signature(signed.encode(), key))}"


def signature(signed: bytes, key) -> bytes:
    if isinstance(key, rsa.RSAPrivateKey):
        return key.sign(signed, padding.PKCS1v15(), hashes.SHA256())
    if isinstance(key, ed25519.Ed25519PrivateKey):
        return key.sign(signed)
    size = (key.key_size + 7) // 8
    digest = hashes.SHA256() if size == 32 else hashes.SHA384()
    r, s = decode_dss_signature(key.sign(signed, ec.ECDSA(digest)))
    return r.to_bytes(size, "big") + s.to_bytes(size, "big")


def x5c(certificates) -> list[str]:
    return [base64.b64encode(one.public_bytes(serialization.Encoding.DER)).decode() for one in certificates]


def cn(certificate: x509.Certificate) -> str:
    with warnings.catch_warnings(action="ignore"):
        return certificate.subject.get_attributes_for_oid(NameOID.COMMON_NAME)[0].value


def request(*names: str, common_name: str | None = None, key=KEY, names_der: list[x509.GeneralName] | None = None, more=()) -> str:
    """A signing request; names are DNS names unless given as such."""
    subject = [x509.NameAttribute(NameOID.COMMON_NAME, common_name or names[0])] if common_name or names else []
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([*more, *subject]))
    alternatives = [*map(x509.DNSName, names), *(names_der or [])]
    if alternatives:
        builder = builder.add_extension(x509.SubjectAlternativeName(alternatives), critical=False)
    digest = None if isinstance(key, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(key, digest).public_bytes(PEM).decode()


def key_pem(key) -> str:
    return key.private_bytes(PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()).decode()


def digest_of(csr: str) -> str:
    return b64(hashlib.sha256(x509.load_pem_x509_csr(csr.encode()).public_bytes(serialization.Encoding.DER)).digest())


def rfc3339(after: timedelta, *, zone: str = "Z") -> str:
    return (datetime.now(UTC) + after).strftime("%Y-%m-%dT%H:%M:%S") + zone
