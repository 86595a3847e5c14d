"""The table: what is asked of both CAs, and the status that the last answer must have."""

from __future__ import annotations

import base64
import ipaddress
import time
import uuid
from collections.abc import Callable
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from certpush.model import KeySpec, PrivateKey, to_pem
from certpush.testing.authority import Authority, JwkProvisioner, X5cProvisioner
from live.faithful import KEY, Answer, World, digest_of, jwt, request, rfc3339, x5c

CREDENTIALS = Authority("Credentials")
CREDENTIAL = CREDENTIALS.issue("client.example.com", lifetime=timedelta(days=2))
SHORT_CREDENTIAL = CREDENTIALS.issue("client.example.com", lifetime=timedelta(minutes=30))
# Outliving what is asked for by them: an end at the credential's own would make each lifetime that of its moment.
ED25519_CREDENTIAL = CREDENTIALS.issue(key=PrivateKey(ed25519.Ed25519PrivateKey.generate()), lifetime=timedelta(days=2))
RSA_CREDENTIAL = CREDENTIALS.issue(key=KeySpec.RSA_2048, lifetime=timedelta(days=2))
ADMIN = JwkProvisioner.make(p2c=1000)
SHORT = JwkProvisioner.make(
    "short",
    p2c=1000,
    claims={"minTLSCertDuration": "1s", "maxTLSCertDuration": "2160h", "defaultTLSCertDuration": "60m", "allowRenewalAfterExpiry": True},
)
FIXED = JwkProvisioner.make("fixed", p2c=1000, hand_out_key=False, claims={"disableRenewal": True})
PLAIN = JwkProvisioner.make("plain", p2c=1000, claims={"disableSmallstepExtensions": True})
LONG_DEFAULT = JwkProvisioner.make("long default", p2c=1000, claims={"defaultTLSCertDuration": "48h"})
X5C = X5cProvisioner("x5c", (CREDENTIALS.root,), claims={"minTLSCertDuration": "1m"})
OTHERS = (SHORT, FIXED, PLAIN, LONG_DEFAULT, X5C)

RSA_2048 = rsa.generate_private_key(public_exponent=65537, key_size=2048)
RSA_1024 = rsa.generate_private_key(public_exponent=65537, key_size=1024)
P384 = ec.generate_private_key(ec.SECP384R1())

Ask = Callable[[World], Answer | list[Answer]]
CSR = request("web.example.com")
OTHER_DIGEST = digest_of(request("b"))
OTHER_KEY = ec.generate_private_key(ec.SECP256R1())


def times(count: int, ask: Callable[[], Answer]) -> list[Answer]:
    return [ask() for _ in range(count)]


def twice(w: World, **changes: object) -> list[Answer]:
    """The same token twice."""
    token = w.token(**changes)
    return [w.sign(token=token), w.sign(token=token)]


def broken_signature(pem: str) -> str:
    der = bytearray(x509.load_pem_x509_csr(pem.encode()).public_bytes(serialization.Encoding.DER))
    der[-1] ^= 1
    return f"-----BEGIN CERTIFICATE REQUEST-----\n{base64.encodebytes(bytes(der)).decode()}-----END CERTIFICATE REQUEST-----\n"


READING: dict[str, tuple[int, Ask]] = {
    "health": (200, lambda w: w.get("/health")),
    "health under 1.0": (200, lambda w: w.get("/1.0/health")),
    "health by HEAD": (200, lambda w: w.send("HEAD", "/health")),
    "health by POST": (405, lambda w: w.send("POST", "/health")),
    "sign by GET": (405, lambda w: w.get("/sign")),
    "sign by PUT": (405, lambda w: w.send("PUT", "/1.0/sign")),
    "slash at the end": (404, lambda w: w.get("/health/")),
    "only 1.0": (404, lambda w: w.get("/1.0")),
    "1.0 twice": (404, lambda w: w.get("/1.0/1.0/health")),
    "nothing": (404, lambda w: w.get("/")),
    "unknown": (404, lambda w: w.get("/nope")),
    "unknown by POST": (404, lambda w: w.send("POST", "/nope", {})),
    "admin": (404, lambda w: w.get("/admin/provisioners")),
    "version": (200, lambda w: w.get("/version")),
    "root": (200, lambda w: w.get(f"/root/{w.ca.fingerprint}")),
    "root in capitals and with hyphens": (200, lambda w: w.get(f"/root/{w.ca.fingerprint[:2].upper()}-{w.ca.fingerprint[2:].upper()}")),
    "root with colons": (404, lambda w: w.get(f"/root/{w.ca.fingerprint[:2]}:{w.ca.fingerprint[2:]}")),
    "root unknown": (404, lambda w: w.get(f"/root/{'0' * 64}")),
    "root short": (404, lambda w: w.get("/root/00ff")),
    "root missing": (404, lambda w: w.get("/root/")),
    "roots": (201, lambda w: w.get("/roots")),
    "roots under 1.0": (201, lambda w: w.get("/1.0/roots")),
    "federation": (201, lambda w: w.get("/federation")),
    "intermediates": (201, lambda w: w.get("/intermediates")),
    "roots as PEM": (200, lambda w: w.get("/roots.pem")),
    "intermediates as PEM": (200, lambda w: w.get("/1.0/intermediates.pem")),
    "no CRL": (404, lambda w: w.get("/crl")),
    "provisioners": (200, lambda w: w.get("/provisioners")),
    "provisioners, page of two": (200, lambda w: w.get("/provisioners?limit=2")),
    "provisioners, all pages": (
        200,
        lambda w: [one := w.get("/provisioners?limit=4"), w.get(f"/provisioners?limit=4&cursor={one.json['nextCursor']}")],
    ),
    "provisioners, past the end": (200, lambda w: w.get("/provisioners?cursor=ffffffff")),
    "provisioners, cursor of no sense": (200, lambda w: w.get("/provisioners?cursor=zz")),
    "provisioners, too many": (200, lambda w: w.get("/provisioners?limit=1000")),
    "provisioners, none": (200, lambda w: w.get("/provisioners?limit=0")),
    "provisioners, negative": (200, lambda w: w.get("/provisioners?limit=-1")),
    "provisioners, no number": (400, lambda w: w.get("/provisioners?limit=abc")),
    "provisioners, a float": (400, lambda w: w.get("/provisioners?limit=1.5")),
    "encrypted key": (200, lambda w: w.get(f"/provisioners/{ADMIN.kid}/encrypted-key")),
    "encrypted key unknown": (404, lambda w: w.get("/provisioners/nope/encrypted-key")),
    "encrypted key not handed out": (404, lambda w: w.get(f"/provisioners/{FIXED.kid}/encrypted-key")),
}

BODIES: dict[str, tuple[int, Ask]] = {
    "good": (201, lambda w: w.sign(CSR)),
    "good without 1.0": (201, lambda w: w.sign(CSR, path="/sign")),
    "empty body": (400, lambda w: w.send("POST", "/1.0/sign", b"")),
    "no JSON": (400, lambda w: w.send("POST", "/1.0/sign", b"hello")),
    "half JSON": (400, lambda w: w.send("POST", "/1.0/sign", b'{"csr":')),
    "list": (400, lambda w: w.send("POST", "/1.0/sign", b"[]")),
    "null": (400, lambda w: w.send("POST", "/1.0/sign", b"null")),
    "empty object": (400, lambda w: w.send("POST", "/1.0/sign", {})),
    "more after the object": (400, lambda w: w.send("POST", "/1.0/sign", b"{} garbage")),
    "NaN": (400, lambda w: w.send("POST", "/1.0/sign", b'{"csr": NaN}')),
    "members in capitals": (201, lambda w: w.send("POST", "/1.0/sign", {"CSR": CSR, "Ott": w.token()})),
    "unknown members": (201, lambda w: w.sign(CSR, surprise={"a": 1})),
    "template data": (201, lambda w: w.sign(CSR, templateData={"a": [1]})),
    "template data that is no object": (201, lambda w: w.sign(CSR, templateData="x")),
    "no csr": (400, lambda w: w.send("POST", "/1.0/sign", {"ott": w.token()})),
    "csr null": (400, lambda w: w.send("POST", "/1.0/sign", {"csr": None, "ott": w.token()})),
    "csr empty": (400, lambda w: w.send("POST", "/1.0/sign", {"csr": "", "ott": w.token()})),
    "csr a number": (400, lambda w: w.send("POST", "/1.0/sign", {"csr": 1, "ott": w.token()})),
    "csr no PEM": (400, lambda w: w.sign("hello")),
    "csr PEM of nothing": (400, lambda w: w.sign("-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n")),
    "csr that is a certificate": (400, lambda w: w.sign(to_pem(CREDENTIALS.root).decode())),
    "csr with another label": (201, lambda w: w.sign(CSR.replace("CERTIFICATE REQUEST", "NEW CERTIFICATE REQUEST"))),
    "csr with any label": (201, lambda w: w.sign(CSR.replace("CERTIFICATE REQUEST", "SOMETHING ELSE"))),
    "csr with text before it": (201, lambda w: w.sign("Certificate Request:\n  Data\n" + CSR)),
    "csr with a wrong signature": (400, lambda w: w.sign(broken_signature(CSR))),
    "no token": (400, lambda w: w.send("POST", "/1.0/sign", {"csr": CSR})),
    "token empty": (400, lambda w: w.send("POST", "/1.0/sign", {"csr": CSR, "ott": ""})),
    "token null": (400, lambda w: w.send("POST", "/1.0/sign", {"csr": CSR, "ott": None})),
    "token a number": (400, lambda w: w.send("POST", "/1.0/sign", {"csr": CSR, "ott": 5})),
    "wrong signature comes before missing token": (400, lambda w: w.send("POST", "/1.0/sign", {"csr": broken_signature(CSR)})),
    "bad duration comes before missing csr": (400, lambda w: w.send("POST", "/1.0/sign", {"notAfter": "90d"})),
    "a burnt token stays burnt after a refusal": (
        401,
        lambda w: [w.sign(request("evil.example.com"), one := w.token()), w.sign(token=one)],
    ),
    "a token is not burnt by bad JSON": (
        201,
        lambda w: [w.sign(token=(one := w.token()), notAfter="90d"), w.send("POST", "/sign", {"ott": one}), w.sign(token=one)],
    ),
}

TOKENS: dict[str, tuple[int, Ask]] = {
    "garbage": (401, lambda w: w.sign(token="garbage")),
    "two dots of garbage": (401, lambda w: w.sign(token="a.b.c")),
    "space around": (201, lambda w: w.sign(token=f" {w.token()}\n")),
    "another key": (401, lambda w: w.sign(token=w.token(key=OTHER_KEY))),
    "another algorithm": (401, lambda w: w.sign(token=w.token(key=P384))),
    "algorithm none": (401, lambda w: w.sign(token=w.token(header={"alg": "none"}))),
    "algorithm HS256": (401, lambda w: w.sign(token=w.token(header={"alg": "HS256"}))),
    "unknown kid": (401, lambda w: w.sign(token=w.token(header={"kid": "nope"}))),
    "no kid": (401, lambda w: w.sign(token=jwt(w.claims(), w.ca.admin.key, {}))),
    "unknown issuer": (401, lambda w: w.sign(claims={"iss": "nobody"})),
    "issuer in capitals": (401, lambda w: w.sign(claims={"iss": "ADMIN"})),
    "no issuer": (401, lambda w: w.sign(claims={"iss": None})),
    "issuer of another provisioner": (401, lambda w: w.sign(claims={"iss": "short"})),
    "no subject": (401, lambda w: w.sign(claims={"sub": None})),
    "empty subject": (401, lambda w: w.sign(claims={"sub": ""})),
    "subject a number": (401, lambda w: w.sign(claims={"sub": 5})),
    "claims that are a list": (401, lambda w: w.sign(token=jwt([1], w.ca.admin.key, {"kid": w.ca.admin.kid}))),
    "aud without 1.0": (201, lambda w: w.sign(claims={"aud": "https://127.0.0.1/sign"})),
    "aud with another port": (201, lambda w: w.sign(claims={"aud": "https://localhost:1/1.0/sign"})),
    "aud without port": (201, lambda w: w.sign(claims={"aud": "https://localhost/1.0/sign"})),
    "aud of ssh": (201, lambda w: w.sign(claims={"aud": "https://localhost/1.0/ssh/sign"})),
    "aud of old": (201, lambda w: w.sign(claims={"aud": "step-certificate-authority"})),
    "aud in a list": (201, lambda w: w.sign(claims={"aud": ["https://elsewhere/sign", "https://localhost/sign"]})),
    "aud empty list": (401, lambda w: w.sign(claims={"aud": []})),
    "no aud": (401, lambda w: w.sign(claims={"aud": None})),
    "aud http": (401, lambda w: w.sign(claims={"aud": "http://localhost/1.0/sign"})),
    "aud with a slash at the end": (401, lambda w: w.sign(claims={"aud": "https://localhost/1.0/sign/"})),
    "aud in capitals": (401, lambda w: w.sign(claims={"aud": "https://LOCALHOST/1.0/sign"})),
    "aud of another host": (401, lambda w: w.sign(claims={"aud": "https://ca.example.com/1.0/sign"})),
    "aud of revoke": (401, lambda w: w.sign(claims={"aud": "https://localhost/1.0/revoke"})),
    "aud of renew": (401, lambda w: w.sign(claims={"aud": "https://localhost/1.0/renew"})),
    "aud with the fragment of an x5c": (401, lambda w: w.sign(claims={"aud": "https://localhost/1.0/sign#x5c/x5c"})),
    "aud with any fragment": (401, lambda w: w.sign(claims={"aud": "https://localhost/1.0/sign#admin"})),
    "without any time": (201, lambda w: w.sign(claims={"exp": None, "nbf": None, "iat": None})),
    "expired for half a minute": (201, lambda w: w.sign(claims={"exp": int(time.time()) - 30})),
    "expired for 70 seconds": (401, lambda w: w.sign(claims={"exp": int(time.time()) - 70})),
    "begins in half a minute": (201, lambda w: w.sign(claims={"nbf": int(time.time()) + 30})),
    "begins in 70 seconds": (401, lambda w: w.sign(claims={"nbf": int(time.time()) + 70})),
    "issued in half a minute": (201, lambda w: w.sign(claims={"iat": int(time.time()) + 30})),
    "issued in 70 seconds": (401, lambda w: w.sign(claims={"iat": int(time.time()) + 70})),
    "issued before the CA began": (401, lambda w: w.sign(claims={"iat": int(time.time()) - 3600})),
    "good for ten years": (201, lambda w: w.sign(claims={"exp": int(time.time()) + 315360000})),
    "times with fractions": (201, lambda w: w.sign(claims={"exp": time.time() + 30.5})),
    "times as text": (401, lambda w: w.sign(claims={"exp": "tomorrow"})),
    "twice": (401, twice),
    "twice without jti": (401, lambda w: twice(w, jti=None)),
    "twice with an empty jti": (401, lambda w: twice(w, jti="")),
    "two tokens with one jti": (401, lambda w: [w.sign(claims={"jti": "one", "sub": name, "sans": ["web.example.com"]}) for name in "ab"]),
    "jti burnt by a token with another key": (
        401,
        lambda w: [w.sign(token=w.token(key=OTHER_KEY, jti=(one := uuid.uuid4().hex))), w.sign(claims={"jti": one})],
    ),
    "jti not burnt by a token from before the start": (
        201,
        lambda w: [w.sign(claims={"iat": 1, "jti": (one := uuid.uuid4().hex)}), w.sign(claims={"jti": one})],
    ),
    "jti not burnt by an unknown provisioner": (
        201,
        lambda w: [w.sign(claims={"iss": "nobody", "jti": (one := uuid.uuid4().hex)}), w.sign(claims={"jti": one})],
    ),
    "sha of another root": (201, lambda w: w.sign(claims={"sha": "00" * 32})),
    "cnf of this request": (201, lambda w: w.sign(CSR, claims={"cnf": {"x5rt#S256": digest_of(CSR)}})),
    "cnf of another request": (403, lambda w: w.sign(CSR, claims={"cnf": {"x5rt#S256": OTHER_DIGEST}})),
    "cnf of another kind": (201, lambda w: w.sign(CSR, claims={"cnf": {"jkt": "x"}})),
    "cnf comes before the names": (403, lambda w: w.sign(request("evil.example.com"), claims={"cnf": {"x5rt#S256": "MDAw"}})),
    "cnf no object": (401, lambda w: w.sign(CSR, claims={"cnf": "x"})),
    "sans no list": (401, lambda w: w.sign(CSR, claims={"sans": "web.example.com"})),
    "sans null": (201, lambda w: w.sign(CSR, claims={"sans": None, "user": {"name": "x"}})),
    "sans empty": (201, lambda w: w.sign(CSR, claims={"sans": []})),
}

NAMES: dict[str, tuple[int, Ask]] = {
    "no name in the request": (201, lambda w: w.sign_names("web.example.com", "192.0.2.7", "a@example.com", "https://b", "z.example.com")),
    "order of the token within each type": (201, lambda w: w.sign_names("b", "a", "c", "2001:db8::2", "192.0.2.1", "2001:db8::1")),
    "one name more in the request": (
        403,
        lambda w: w.sign(request("web.example.com", "evil.example.com"), claims={"sans": ["web.example.com"]}),
    ),
    "one name less in the request": (403, lambda w: w.sign(request("a"), claims={"sub": "a", "sans": ["a", "b"]})),
    "another order": (201, lambda w: w.sign(request("b", "a", common_name="a"), claims={"sub": "a", "sans": ["a", "b"]})),
    "another case": (403, lambda w: w.sign(request("WEB.example.com"), claims={"sub": "WEB.example.com", "sans": ["web.example.com"]})),
    "another address": (
        403,
        lambda w: w.sign_names("192.0.2.7", csr=request(names_der=[x509.IPAddress(ipaddress.ip_address("192.0.2.8"))])),
    ),
    "another IPv6 address": (
        403,
        lambda w: w.sign_names("2001:DB8::1", csr=request(names_der=[x509.IPAddress(ipaddress.ip_address("2001:db8::2"))])),
    ),
    "the same address": (
        201,
        lambda w: w.sign_names("192.0.2.7", csr=request(names_der=[x509.IPAddress(ipaddress.ip_address("192.0.2.7"))])),
    ),
    "another email": (403, lambda w: w.sign_names("a@example.com", csr=request(names_der=[x509.RFC822Name("b@example.com")]))),
    "another URI": (403, lambda w: w.sign_names("https://a", csr=request(names_der=[x509.UniformResourceIdentifier("https://b")]))),
    "the same URI": (201, lambda w: w.sign_names("https://a/x", csr=request(names_der=[x509.UniformResourceIdentifier("https://a/x")]))),
    "names of two types wrong": (
        403,
        lambda w: w.sign_names(
            "a.example.com", "a@example.com", csr=request(names_der=[x509.RFC822Name("b@example.com"), x509.DNSName("b.example.com")])
        ),
    ),
    "CN neither subject nor name": (403, lambda w: w.sign(request("web.example.com", common_name="other"))),
    "CN is one of the names": (201, lambda w: w.sign(request(common_name="b"), claims={"sub": "a", "sans": ["a", "b"]})),
    "CN is the subject, which is no name": (201, lambda w: w.sign(request(common_name="a"), claims={"sub": "a", "sans": ["b"]})),
    "no CN": (201, lambda w: w.sign(request(names_der=[x509.DNSName("web.example.com")]))),
    "two CNs": (
        403,
        lambda w: w.sign(request(common_name="other", more=[x509.NameAttribute(NameOID.COMMON_NAME, "web.example.com")])),
    ),
    "O and C of the request are dropped": (
        201,
        lambda w: w.sign(
            request(more=[x509.NameAttribute(NameOID.ORGANIZATION_NAME, "Evil"), x509.NameAttribute(NameOID.COUNTRY_NAME, "DE")])
        ),
    ),
    "subject longer than 64": (201, lambda w: w.sign_names(f"{'a' * 60}.{'b' * 60}.example.com")),
    "subject that is no name at all": (201, lambda w: w.sign(request(), claims={"sub": "Jörg's box", "sans": ["a"]})),
    "wildcard": (201, lambda w: w.sign_names("*.example.com")),
    "mapped IPv4": (201, lambda w: w.sign_names("::ffff:192.0.2.1")),
    "non-ASCII": (500, lambda w: w.sign_names("bücher.example")),
    "non-ASCII email": (500, lambda w: w.sign_names("jörg@example.com")),
    "empty name among others": (201, lambda w: w.sign_names("a", "", "b")),
    "a name twice": (201, lambda w: w.sign_names("a", "a")),
    "request with CA:TRUE": (201, lambda w: w.sign(ca_request())),
} | {
    f"junk {name!r}": (201, lambda w, name=name: w.sign_names(name))
    for name in (
        "pve.lan:8006",
        "fe80::1%eth0",
        "192.0.2.7:8006",
        "[::1]",
        "192.0.2.7/24",
        "0192.0.2.7",
        "My Device",
        "*",
        "a..b",
        "-a",
        "a_b",
        "spiffe://x/y",
        "urn:uuid:1-2",
        "http://a/b",
        "HTTP://A/b",
        "mailto:a@example.com",
        "://x",
        "1a:b",
        "$(id)",
        "../../etc/passwd",
        "a;b",
        "a\tb",
        "x" * 300,
    )
}


def ca_request() -> str:
    builder = x509.CertificateSigningRequestBuilder().subject_name(x509.Name([]))
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    builder = builder.add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CODE_SIGNING]), critical=False)
    return builder.sign(KEY, hashes.SHA256()).public_bytes(serialization.Encoding.PEM).decode()


KEYS: dict[str, tuple[int, Ask]] = {
    "P-384": (201, lambda w: w.sign(request("web.example.com", key=P384))),
    "P-521": (201, lambda w: w.sign(request("web.example.com", key=ec.generate_private_key(ec.SECP521R1())))),
    "P-224": (201, lambda w: w.sign(request("web.example.com", key=ec.generate_private_key(ec.SECP224R1())))),
    "Ed25519": (201, lambda w: w.sign(request("web.example.com", key=ed25519.Ed25519PrivateKey.generate()))),
    "RSA 2048": (201, lambda w: w.sign(request("web.example.com", key=RSA_2048))),
    "RSA 1024": (403, lambda w: w.sign(request("web.example.com", key=RSA_1024))),
    "secp256k1": (400, lambda w: w.sign(request("web.example.com", key=ec.generate_private_key(ec.SECP256K1())))),
    "RSA 1024 and wrong names": (403, lambda w: w.sign(request("evil.example.com", key=RSA_1024, common_name="web.example.com"))),
}

DURATIONS: dict[str, tuple[int, Ask]] = {
    f"notAfter {text}": (status, lambda w, text=text: w.sign(notAfter=text))
    for status, texts in {
        201: ("", "24h", "5m", "4m", "1h30m", "1.5h", "90m", "86400s", "86400000ms", "0s", "0", "+1h", "-0s"),
        400: (
            "90d",
            "3600",
            "1",
            "h",
            "1 h",
            "24H",
            "-1h",
            "-2m",
            "-30s",
            "-1s",
            "2020-01-01T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "tomorrow",
            "1h-1m",
        ),
        403: ("24h1m", "2160h", "8760h", "3m", "1m", "1s"),
    }.items()
    for text in texts
} | {
    "notAfter a number": (400, lambda w: w.sign(notAfter=3600)),
    "notAfter as a moment": (201, lambda w: w.sign(notAfter=rfc3339(timedelta(hours=1)))),
    "notAfter with an offset": (201, lambda w: w.sign(notAfter=rfc3339(timedelta(hours=3), zone="+02:00"))),
    "notAfter with a fraction": (201, lambda w: w.sign(notAfter=rfc3339(timedelta(hours=1), zone=".123456789Z"))),
    "notAfter without zone": (400, lambda w: w.sign(notAfter=rfc3339(timedelta(hours=1), zone=""))),
    "notAfter moment too late": (403, lambda w: w.sign(notAfter="2099-01-01T00:00:00Z")),
    "notBefore alone": (201, lambda w: w.sign(notBefore="1h")),
    "notBefore 0s is not given": (201, lambda w: w.sign(notBefore="0s")),
    "notBefore in the past": (201, lambda w: w.sign(notBefore="-5m")),
    "notBefore far in the past": (400, lambda w: w.sign(notBefore="-48h")),
    "notBefore as a moment": (201, lambda w: w.sign(notBefore="2030-01-01T00:00:00Z")),
    "notAfter counts from notBefore": (201, lambda w: w.sign(notBefore="2h", notAfter="1h")),
    "notAfter before notBefore": (400, lambda w: w.sign(notBefore="2h", notAfter=rfc3339(timedelta(hours=1)))),
    "with notBefore the backdate still counts for the maximum": (201, lambda w: w.sign(notBefore="1h", notAfter="24h1m")),
    "with notBefore the maximum is kept": (403, lambda w: w.sign(notBefore="1h", notAfter="24h2m")),
    "with notBefore the minimum is kept": (403, lambda w: w.sign(notBefore="1h", notAfter="4m")),
    "default of a provisioner": (201, lambda w: w.sign(provisioner=SHORT)),
    "minimum of a provisioner": (201, lambda w: w.sign(provisioner=SHORT, notAfter="1s")),
    "maximum of a provisioner": (201, lambda w: w.sign(provisioner=SHORT, notAfter="2160h")),
    "beyond the maximum of a provisioner": (403, lambda w: w.sign(provisioner=SHORT, notAfter="2161h")),
    "a default alone moves the maximum": (201, lambda w: w.sign(provisioner=LONG_DEFAULT)),
    "a default alone is the maximum": (403, lambda w: w.sign(provisioner=LONG_DEFAULT, notAfter="49h")),
    "names come before durations": (403, lambda w: w.sign(request("evil.example.com"), notAfter="8760h")),
    "no extension of a provisioner that wants none": (201, lambda w: w.sign(provisioner=PLAIN)),
}

_signed: dict[tuple[int, str], Answer] = {}


def held(w: World, provisioner: JwkProvisioner = ADMIN, **more: object) -> Answer:
    """A certificate to renew, the same for all cases of a CA."""
    known_as = (w.port, f"{provisioner.name} {more}")
    if known_as not in _signed:
        _signed[known_as] = w.sign_names("web.example.com", "192.0.2.7", "a@b", "https://x", provisioner=provisioner, **more)
        assert _signed[known_as].status == 201
    return _signed[known_as]


def expired(w: World, provisioner: JwkProvisioner, **asked: str) -> Answer:
    one = held(w, provisioner, **asked)
    while time.time() < one.leaf.not_valid_after_utc.timestamp() + 1.1:
        time.sleep(0.1)
    return one


def renewed(w: World, path: str, **more: object) -> Answer:
    return w.send("POST", path, client=held(w), **more)


RENEWAL: dict[str, tuple[int, Ask]] = {
    "by certificate": (201, lambda w: renewed(w, "/1.0/renew")),
    "without 1.0": (201, lambda w: renewed(w, "/renew")),
    "by its other name": (201, lambda w: renewed(w, "/re-sign")),
    "with the leaf alone": (201, lambda w: renewed(w, "/renew", chain=False)),
    "body is ignored": (201, lambda w: renewed(w, "/renew", body=b"garbage")),
    "many times": (201, lambda w: times(3, lambda: renewed(w, "/renew"))),
    "the renewed one again": (201, lambda w: [one := renewed(w, "/renew"), w.send("POST", "/renew", client=one)]),
    "keeps the duration": (201, lambda w: w.send("POST", "/renew", client=held(w, SHORT, notAfter="100h"))),
    "of a provisioner that allows none": (401, lambda w: w.send("POST", "/renew", client=held(w, FIXED))),
    "without an extension": (201, lambda w: w.send("POST", "/renew", client=held(w, PLAIN))),
    "with nothing": (400, lambda w: w.send("POST", "/renew")),
    "with another scheme": (400, lambda w: w.send("POST", "/renew", Authorization="Basic eA==")),
    "with an empty bearer": (400, lambda w: w.send("POST", "/renew", Authorization="Bearer ")),
    "with a bearer of garbage": (401, lambda w: w.send("POST", "/renew", Authorization="Bearer x.y.z")),
    "certificate counts before the token": (201, lambda w: renewed(w, "/renew", Authorization="Bearer x")),
    "by token": (201, lambda w: w.renew_by_token(held(w))),
    "by token of the provisioner": (201, lambda w: w.renew_by_token(held(w), iss="admin")),
    "by token without 1.0": (201, lambda w: w.renew_by_token(held(w), aud="https://localhost/renew")),
    "by token without extension": (201, lambda w: w.renew_by_token(held(w, PLAIN))),
    "by token without times": (201, lambda w: w.renew_by_token(held(w), iat=None, nbf=None, exp=None)),
    "by token from before the start": (201, lambda w: w.renew_by_token(held(w), iat=1)),
    "by token with the leaf alone": (401, lambda w: w.renew_by_token(held(w), chain=1)),
    "by token with another header": (401, lambda w: w.renew_by_token(held(w), header="x5c")),
    "by token with another key": (500, lambda w: w.renew_by_token(held(w), key=OTHER_KEY)),
    "by token for another subject": (401, lambda w: w.renew_by_token(held(w), sub="other")),
    "by token without subject": (401, lambda w: w.renew_by_token(held(w), sub=None)),
    "by token for signing": (500, lambda w: w.renew_by_token(held(w), aud="https://localhost/1.0/sign")),
    "by token of another issuer": (401, lambda w: w.renew_by_token(held(w), iss="nobody")),
    "by token that expired": (401, lambda w: w.renew_by_token(held(w), exp=int(time.time()) - 70)),
    "by token of tomorrow": (401, lambda w: w.renew_by_token(held(w), nbf=int(time.time()) + 70)),
    "by token issued tomorrow": (401, lambda w: w.renew_by_token(held(w), iat=int(time.time()) + 70)),
    "by token twice": (
        401,
        lambda w: [w.send("POST", "/renew", Authorization=f"Bearer {one}") for one in [w.renewal(held(w))] * 2],
    ),
    "by token without jti twice": (
        401,
        lambda w: [w.send("POST", "/renew", Authorization=f"Bearer {one}") for one in [w.renewal(held(w), jti=None)] * 2],
    ),
    "by token wrong in all": (500, lambda w: w.renew_by_token(held(w), key=OTHER_KEY, sub="x", aud="x", iss="x", exp=1)),
    "by token wrong in all but the key": (401, lambda w: w.renew_by_token(held(w), sub="x", aud="x", iss="x", exp=1)),
    "by token wrong in aud and iss": (500, lambda w: w.renew_by_token(held(w), aud="x", iss="x")),
    "by token of a provisioner that allows none": (401, lambda w: w.renew_by_token(held(w, FIXED))),
    "by token of an expired one where allowed": (201, lambda w: w.renew_by_token(expired(w, SHORT, notAfter="1s"))),
    # Its chain is looked at as of a minute before its end, and then it had not begun.
    "by token of one that lived for seconds": (401, lambda w: w.renew_by_token(expired(w, SHORT, notBefore="-1s", notAfter="2s"))),
    "rekey": (201, lambda w: renewed(w, "/rekey", body={"csr": request("other", key=P384)})),
    "rekey for a small RSA key": (201, lambda w: renewed(w, "/1.0/rekey", body={"csr": request("other", key=RSA_1024)})),
    "rekey for RSA": (201, lambda w: renewed(w, "/rekey", body={"csr": request("other", key=RSA_2048)})),
    "rekey with nothing": (400, lambda w: w.send("POST", "/rekey", {"csr": CSR})),
    "rekey by token": (400, lambda w: w.send("POST", "/rekey", {"csr": CSR}, Authorization=f"Bearer {w.renewal(held(w))}")),
    "rekey without a request": (400, lambda w: renewed(w, "/rekey", body={})),
    "rekey without body": (400, lambda w: renewed(w, "/rekey")),
    "rekey with a wrong signature": (400, lambda w: renewed(w, "/rekey", body={"csr": broken_signature(CSR)})),
    "rekey of a provisioner that allows none": (401, lambda w: w.send("POST", "/rekey", {"csr": CSR}, client=held(w, FIXED))),
}

REVOCATION: dict[str, tuple[int, Ask]] = {
    "by token": (200, lambda w: w.revoke(w.sign().leaf.serial_number)),
    "twice": (400, lambda w: [w.revoke(one := w.sign().leaf.serial_number), w.revoke(one)]),
    "unknown serial": (200, lambda w: w.revoke(12345678901234567890)),
    "serial in hex": (200, lambda w: w.revoke("0xff", ott=w.token("revoke", sub="255"))),
    "serial in octal": (200, lambda w: w.revoke("0123", ott=w.token("revoke", sub="83"))),
    "serial in hex, subject too": (403, lambda w: w.revoke("0xfe", ott=w.token("revoke", sub="0xfe"))),
    "serial of another": (403, lambda w: w.revoke(219000000000000000001, ott=w.token("revoke", sub="123"))),
    "no serial": (400, lambda w: w.revoke(1, instead={"serial": None})),
    "serial empty": (400, lambda w: w.revoke("")),
    "serial in letters": (400, lambda w: w.revoke("abcdef")),
    "serial 09": (400, lambda w: w.revoke("09")),
    "serial with a space": (400, lambda w: w.revoke(" 1")),
    "serial a number": (400, lambda w: w.revoke(1, instead={"serial": 77})),
    "serial with underscores": (200, lambda w: w.revoke("1_000", ott=w.token("revoke", sub="1000"))),
    "reason 11": (400, lambda w: w.revoke(2, reasonCode=11)),
    "reason -1": (400, lambda w: w.revoke(2, reasonCode=-1)),
    "reason 7": (200, lambda w: w.revoke(7777777, reasonCode=7)),
    "reason as text": (400, lambda w: w.revoke(2, reasonCode="4")),
    "no reason": (200, lambda w: w.revoke(31, reasonCode=None, reason=None)),
    "not passive": (501, lambda w: w.revoke(3, passive=False)),
    "passive missing": (501, lambda w: w.revoke(3, passive=None)),
    "passive as text": (400, lambda w: w.revoke(3, passive="yes")),
    "no token": (400, lambda w: w.revoke(4, ott=None)),
    "token for signing": (401, lambda w: w.revoke(5, ott=w.token(sub="5"))),
    "token of garbage": (401, lambda w: w.revoke(5, ott="x")),
    "by another provisioner": (200, lambda w: w.revoke(one := w.sign().leaf.serial_number, ott=w.token("revoke", SHORT, sub=str(one)))),
    "by the certificate itself": (200, lambda w: w.revoke((one := w.sign()).leaf.serial_number, client=one)),
    "by another certificate": (403, lambda w: w.revoke(w.sign().leaf.serial_number, client=w.sign())),
    "then renewal by certificate": (401, lambda w: [w.revoke((one := w.sign()).leaf.serial_number), w.send("POST", "/renew", client=one)]),
    "then renewal by token": (401, lambda w: [w.revoke((one := w.sign()).leaf.serial_number), w.renew_by_token(one)]),
    "then rekey": (
        401,
        lambda w: [w.revoke((one := w.sign()).leaf.serial_number), w.send("POST", "/rekey", {"csr": CSR}, client=one)],
    ),
}


def by_certificate(w: World, *, credential=CREDENTIAL, key=None, chain=2, fragment="#x5c/x5c", csr=None, purpose="sign", **changes) -> str:
    certificates = [credential.leaf, *credential.chain][:chain]
    claims = w.claims(purpose, X5C, aud=f"{w.ca.url}/1.0/{purpose}{fragment}") | changes
    return jwt(
        {name: value for name, value in claims.items() if value is not None}, key or credential.key.reveal_key(), {"x5c": x5c(certificates)}
    )


def sign_by(w: World, csr: str | None = None, *, body: dict[str, object] | None = None, **changes: object) -> Answer:
    return w.sign(csr or CSR, by_certificate(w, **changes), **(body or {}))


BY_CERTIFICATE: dict[str, tuple[int, Ask]] = {
    "good": (201, sign_by),
    "with a duration": (201, lambda w: sign_by(w, body={"notAfter": "10m"})),
    "beyond the credential": (403, lambda w: sign_by(w, credential=SHORT_CREDENTIAL, body={"notAfter": "1h"})),
    "before the credential": (403, lambda w: sign_by(w, body={"notBefore": "-3h"})),
    "with the leaf alone": (401, lambda w: sign_by(w, chain=1)),
    "with another key": (401, lambda w: sign_by(w, key=OTHER_KEY)),
    "with an expired credential": (401, lambda w: sign_by(w, credential=CREDENTIALS.expired())),
    "with a credential of tomorrow": (401, lambda w: sign_by(w, credential=CREDENTIALS.not_yet_valid())),
    "with a credential for servers": (401, lambda w: sign_by(w, credential=CREDENTIALS.issue(usages=[ExtendedKeyUsageOID.SERVER_AUTH]))),
    "with a credential of somebody else": (401, lambda w: sign_by(w, credential=Authority("Somebody").issue())),
    "without fragment": (401, lambda w: sign_by(w, fragment="")),
    "fragment of nobody": (401, lambda w: sign_by(w, fragment="#x5c/nobody")),
    "another issuer": (401, lambda w: sign_by(w, iss="admin")),
    "expired token": (401, lambda w: sign_by(w, exp=int(time.time()) - 70)),
    "twice": (401, lambda w: [w.sign(CSR, one) for one in [by_certificate(w)] * 2]),
    "CN of another": (403, lambda w: sign_by(w, request("web.example.com", common_name="other"))),
    "CN that is a name but not the subject": (403, lambda w: sign_by(w, request(common_name="b"), sub="a", sans=["a", "b"])),
    "names of another": (403, lambda w: sign_by(w, request("web.example.com", "b"))),
    "cnf of another": (403, lambda w: sign_by(w, cnf={"x5rt#S256": "MDAw"})),
    "RSA 1024 and wrong names": (403, lambda w: sign_by(w, request("evil.example.com", key=RSA_1024, common_name="web.example.com"))),
    "revocation": (200, lambda w: w.revoke(99, ott=by_certificate(w, purpose="revoke", sub="99"))),
    "then renewal": (201, lambda w: [one := sign_by(w), w.send("POST", "/renew", client=one)]),
    "signed with RSA": (201, lambda w: sign_by(w, credential=RSA_CREDENTIAL)),
    "signed with Ed25519": (201, lambda w: sign_by(w, credential=ED25519_CREDENTIAL)),
}

ALL = {
    f"{group}: {name}": one
    for group, table in {
        "read": READING,
        "body": BODIES,
        "token": TOKENS,
        "names": NAMES,
        "key": KEYS,
        "duration": DURATIONS,
        "renew": RENEWAL,
        "revoke": REVOCATION,
        "x5c": BY_CERTIFICATE,
    }.items()
    for name, one in table.items()
}
