"""A second table: what a careless or hostile client might send, and what Go's parsers make of it."""

from __future__ import annotations

import json
import time
from urllib.parse import quote

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import dsa

from certpush.testing.authority import X5cProvisioner
from live.faithful import KEY, Answer, World, b64, cn, digest_of, jwt, request, signature, x5c
from live.faithful_cases import CREDENTIAL, CREDENTIALS, CSR, Ask, held

ODD_X5C = tuple(X5cProvisioner(name, (CREDENTIALS.root,)) for name in ("my x5c", "ü/é", "a%20b", "a#b?c", 'q"<>&'))
PLAIN_IN_FRAGMENT = "$&+,/:;=?@!()*"


def post(w: World, body: bytes, path: str = "/sign") -> Answer:
    return w.send("POST", path, body)


def good(w: World) -> str:
    """A good body, still open at its end."""
    return json.dumps({"csr": CSR, "ott": w.token()})[:-1]


def by_odd(w: World, provisioner: X5cProvisioner, fragment: str) -> Answer:
    claims = w.claims("sign", provisioner, aud=f"{w.ca.url}/1.0/sign#{fragment}")
    return w.sign(CSR, jwt(claims, CREDENTIAL.key.reveal_key(), {"x5c": x5c([CREDENTIAL.leaf, *CREDENTIAL.chain])}))


def token(w: World, *, header: bytes | None = None, claims: bytes | None = None, sig: bytes | None = None, **more: object) -> Answer:
    """A token of raw parts; ``more`` goes into its header."""
    first = json.dumps({"alg": "ES256", "typ": "JWT", "kid": w.ca.admin.kid} | more).encode() if header is None else header
    signed = f"{b64(first)}.{b64(json.dumps(w.claims()).encode() if claims is None else claims)}"
    return w.sign(token=f"{signed}.{b64(signature(signed.encode(), w.ca.admin.key) if sig is None else sig)}")


def padded(w: World) -> Answer:
    return w.sign(token=".".join(part + "=" * (-len(part) % 4) for part in w.token().split(".")))


def renew(w: World, certificates=None, **changes: object) -> Answer:
    chain = [x509.load_pem_x509_certificate(pem.encode()) for pem in held(w).json["certChain"]]
    shown = x5c(chain) if certificates is None else certificates(chain)
    claims = w.claims("renew", iss="step-ca-client/1.0", sub=cn(chain[0])) | changes
    return w.send("POST", "/renew", Authorization=f"Bearer {jwt(claims, KEY, {'x5cInsecure': shown})}")


def authorized(w: World, form: str) -> Answer:
    return w.send("POST", "/renew", Authorization=form.format(w.renewal(held(w))))


FRAGMENTS: dict[str, tuple[int, Ask]] = {
    f"x5c {provisioner.name!r}, fragment {fragment!r}": (status, lambda w, p=provisioner, f=fragment: by_odd(w, p, f))
    for provisioner in ODD_X5C
    for fragment, status in {
        quote(f"x5c/{provisioner.name}", safe=PLAIN_IN_FRAGMENT): 201,
        f"x5c/{provisioner.name}": 401 if "%" in provisioner.name else 201,
        quote(f"x5c/{provisioner.name}", safe=""): 401,
    }.items()
}

HEADERS: dict[str, tuple[int, Ask]] = {
    "authorization in small letters": (201, lambda w: w.send("POST", "/renew", authorization=f"Bearer {w.renewal(held(w))}")),
    "bearer in small letters": (400, lambda w: authorized(w, "bearer {}")),
    "bearer behind two spaces": (201, lambda w: authorized(w, "Bearer  {}")),
    "bearer behind a tab": (400, lambda w: authorized(w, "Bearer\t{}")),
}

JSON: dict[str, tuple[int, Ask]] = {
    "byte order mark": (400, lambda w: post(w, b"\xef\xbb\xbf{}")),
    "a member twice": (201, lambda w: post(w, f'{{"ott":"x",{good(w)[1:]}}}'.encode())),
    "null takes nothing back": (201, lambda w: post(w, f'{good(w)},"OTT":null}}'.encode())),
    "letters that fold to others": (201, lambda w: post(w, f"{good(w)}}}".replace('"csr"', '"c\u017fr"').encode())),
    "bad UTF-8": (201, lambda w: post(w, f"{good(w)}".encode() + b',"x":"\xff"}')),
    "very long number": (400, lambda w: post(w, b'{"x":' + b"9" * 5000 + b"}")),
    "control character in a text": (400, lambda w: post(w, b'{"csr":"a\nb"}')),
    "half a surrogate": (400, lambda w: post(w, b'{"csr":"\\ud800"}')),
    "number": (400, lambda w: post(w, b"5")),
    "comma at the end": (400, lambda w: post(w, b'{"csr":"",}')),
    "form feed": (400, lambda w: post(w, b"\x0c{}")),
    "Infinity": (400, lambda w: post(w, b'{"x":Infinity}')),
    "leading zero": (400, lambda w: post(w, b'{"x":01}')),
    "csr an object": (400, lambda w: post(w, b'{"csr":{}}')),
    "reason code 4.0": (400, lambda w: post(w, b'{"serial":"1","reasonCode":4.0,"passive":true,"ott":"x"}', "/revoke")),
    "reason code beyond all integers": (
        400,
        lambda w: post(w, b'{"serial":"1","reasonCode":99999999999999999999,"passive":true}', "/revoke"),
    ),
    "passive 1": (400, lambda w: post(w, b'{"serial":"1","passive":1}', "/revoke")),
    "notAfter a list": (400, lambda w: w.sign(notAfter=[])),
}

TOKENS: dict[str, tuple[int, Ask]] = {
    "padded": (201, padded),
    "in standard base64": (401, lambda w: token(w, header=b'{"alg":"ES256","kid":"~~~???"}')),
    "with white space inside": (201, lambda w: w.sign(token=w.token().replace(".", " .\n"))),
    "four parts": (401, lambda w: w.sign(token=f"{w.token()}.x")),
    "crit": (401, lambda w: token(w, crit=["x"], x=1)),
    "crit that is known": (201, lambda w: token(w, crit=["b64"], b64=True)),
    "b64 false": (401, lambda w: token(w, b64=False)),
    "no signature": (401, lambda w: token(w, sig=b"")),
    "signature in DER": (401, lambda w: token(w, sig=b"0" * 71)),
    "no typ": (201, lambda w: token(w, header=json.dumps({"alg": "ES256", "kid": w.ca.admin.kid}).encode())),
    "no alg": (401, lambda w: token(w, header=json.dumps({"kid": w.ca.admin.kid}).encode())),
    "alg a number": (401, lambda w: token(w, alg=5)),
    "kid a number": (401, lambda w: token(w, kid=5)),
    "typ a number": (201, lambda w: token(w, typ=5)),
    "nonce a number": (401, lambda w: token(w, nonce=5)),
    "a key in the header": (401, lambda w: token(w, jwk={"kty": "EC"})),
    "junk in x5c": (401, lambda w: token(w, x5c=["x"])),
    "a claim twice": (401, lambda w: token(w, claims=json.dumps(w.claims()).encode()[:-1] + b',"sub":"other"}')),
    "claims null": (401, lambda w: token(w, claims=b"null")),
    "more after the claims": (401, lambda w: token(w, claims=json.dumps(w.claims()).encode() + b"x")),
    "white space around the claims": (201, lambda w: token(w, claims=b" " + json.dumps(w.claims()).encode() + b"\n")),
    "claims in capitals": (401, lambda w: token(w, claims=json.dumps(w.claims()).replace('"sub"', '"SUB"').encode())),
    "very long": (201, lambda w: w.sign(token=w.token(big="x" * 300_000))),
    "cnf of this request, padded": (403, lambda w: w.sign(CSR, claims={"cnf": {"x5rt#S256": digest_of(CSR) + "="}})),
} | {
    f"claim {claim}": (status, lambda w, claim=claim: w.sign(CSR, claims=claim))
    for status, claims in {
        201: (
            {"nbf": 0},
            {"cnf": {}},
            {"cnf": {"x5rt#S256": ""}},
            {"step": {}},
            {"sans": []},
            {"aud": "https://localhost:/1.0/sign"},
            {"aud": "HTTPS://localhost/1.0/sign"},
            {"aud": "https://localhost/1.0/sign#"},
        ),
        401: (
            {"aud": 5},
            {"aud": [1]},
            {"aud": {}},
            {"aud": [None, "https://localhost/sign"]},
            {"aud": " https://localhost/1.0/sign"},
            {"aud": "https://localhost/1.0/sign?x"},
            {"aud": "https://u@localhost/1.0/sign"},
            {"aud": "https://localhost:abc/1.0/sign"},
            {"aud": "localhost/1.0/sign"},
            {"exp": 1e300},
            {"exp": 0},
            {"exp": -1},
            {"iat": -5},
            {"nbf": True},
            {"iss": 5},
            {"jti": 5},
            {"sans": [1]},
            {"sans": {}},
            {"sans": False},
            {"sans": ""},
            {"cnf": []},
            {"cnf": False},
            {"cnf": {"x5rt#S256": 5}},
            {"step": "x"},
            {"iss": "kubernetes/serviceaccount"},
        ),
        403: ({"sans": [None]},),
    }.items()
    for claim in claims
}
NAMES: dict[str, tuple[int, Ask]] = {
    f"name {name!r}": (201, lambda w, name=name: w.sign_names("web.example.com", name))
    for name in (
        "http://",
        "https://h/?q= x",
        "https://a#b c",
        "HTTPS://X",
        "//x",
        "tel:+1",
        "https://u:p@h/",
        "ldap://[::1]/c=GB?x",
        "a b",
    )
}

REQUESTS: dict[str, tuple[int, Ask]] = {
    "DSA": (400, lambda w: w.sign(request("web.example.com", key=dsa.generate_private_key(2048)))),
    "indented": (400, lambda w: w.sign(f"  {CSR}")),
    "with PEM headers": (201, lambda w: w.sign(CSR.replace("REQUEST-----\n", "REQUEST-----\nProc-Type: 4\n\n", 1))),
    "on one line": (400, lambda w: w.sign(CSR.replace("\n", " "))),
    "with CRLF": (201, lambda w: w.sign(CSR.replace("\n", "\r\n"))),
    "with more after it": (201, lambda w: w.sign(f"{CSR}garbage")),
    "bare base64": (400, lambda w: w.sign("".join(CSR.split("\n")[1:-2]))),
    "with a URI that is none": (
        400,
        lambda w: w.sign_names("a", csr=request(names_der=[x509.UniformResourceIdentifier("https://%zz")])),
    ),
    "a comma before the fraction": (201, lambda w: w.sign(notBefore="2030-01-01T00:00:00,5Z")),
    "the first moment of all is none": (201, lambda w: w.sign(notAfter="0001-01-01T00:00:00Z")),
}

RENEWAL: dict[str, tuple[int, Ask]] = {
    "renewal with the chain reversed": (401, lambda w: renew(w, lambda chain: x5c(chain[::-1]))),
    "renewal with a certificate twice": (201, lambda w: renew(w, lambda chain: x5c([*chain, chain[1]]))),
    "renewal with a stranger in the chain": (201, lambda w: renew(w, lambda chain: x5c([*chain, CREDENTIALS.root]))),
    "renewal with junk in the chain": (401, lambda w: renew(w, lambda _: ["AAAA"])),
    "renewal with a text as the chain": (401, lambda w: renew(w, lambda _: "x")),
    "renewal, aud a number": (500, lambda w: renew(w, aud=5)),
    "renewal, jti a number": (500, lambda w: renew(w, jti=5)),
    "renewal, exp a text": (500, lambda w: renew(w, exp="x")),
    "renewal, aud in a list": (201, lambda w: renew(w, aud=["x", "https://localhost/renew"])),
    "renewal that expired a moment ago": (201, lambda w: renew(w, exp=int(time.time()) - 30)),
}

ODD = {**FRAGMENTS, **HEADERS, **JSON, **TOKENS, **NAMES, **REQUESTS, **RENEWAL}
