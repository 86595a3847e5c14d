"""What stands in a token."""

import base64
import hashlib
import json
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding
from cryptography.x509.oid import NameOID

from certpush.model import DnsName, KeySpec, PrivateKey, parse_name
from certpush.stepca.address import CaAddress
from certpush.stepca.jose import from_base64url
from certpush.stepca.tokens import Audience, TokenMint, common_name, mint_renewal, own_names, subject_of
from certpush.testing.authority.in_memory import Authority
from unit.stepca.requests_made import signing_request

NOW = datetime(2026, 11, 24, 9, 37, 55, 900_000, tzinfo=UTC)
AUDIENCE = Audience("ca.lan", 9000)
NAMES = (parse_name("web.example.com"), parse_name("192.0.2.7"))


def clock():
    return NOW


def parts(token):
    header, claims, signature = token.split(".")
    return json.loads(from_base64url(header)), json.loads(from_base64url(claims)), from_base64url(signature)


@pytest.fixture
def key():
    return ec.generate_private_key(ec.SECP256R1())


@pytest.fixture
def csr():
    return x509.load_pem_x509_csr(signing_request(PrivateKey.generate(KeySpec.EC_P256), NAMES))


def test_a_signing_token_names_provisioner_key_audience_names_and_request(key, csr):
    header, claims, _ = parts(TokenMint("admin", key, clock, kid="kid1").for_signing(AUDIENCE, NAMES, csr, "root-fp"))
    assert header == {"alg": "ES256", "kid": "kid1", "typ": "JWT"}
    jti = claims.pop("jti")
    assert len(jti) == 64
    seconds = int(NOW.timestamp())
    assert claims == {
        "aud": "https://ca.lan:9000/1.0/sign",
        "iss": "admin",
        "sub": "web.example.com",
        "sans": ["web.example.com", "192.0.2.7"],
        "sha": "root-fp",
        "cnf": {"x5rt#S256": base64.urlsafe_b64encode(hashlib.sha256(csr.public_bytes(Encoding.DER)).digest()).rstrip(b"=").decode()},
        "iat": seconds,
        "nbf": seconds,
        "exp": seconds + 300,
    }


def test_no_two_tokens_are_the_same(key, csr):
    mint = TokenMint("admin", key, clock, kid="k")
    assert len({parts(mint.for_signing(AUDIENCE, NAMES, csr, ""))[1]["jti"] for _ in range(50)}) == 50


def test_a_revoking_token_is_about_one_decimal_serial_number_and_no_names(key):
    _, claims, _ = parts(TokenMint("admin", key, clock, kid="k").for_revoking(AUDIENCE, 0x3A2F))
    assert (claims["aud"], claims["sub"]) == ("https://ca.lan:9000/1.0/revoke", "14895")
    assert "sans" not in claims
    assert "cnf" not in claims


def test_an_x5c_token_carries_its_chain_and_the_provisioner_in_the_fragment(csr):
    bundle = Authority().issue("signer.lan")
    header, claims, _ = parts(
        TokenMint("x5c", bundle.key.reveal_key(), clock, chain=(bundle.leaf, *bundle.chain)).for_signing(AUDIENCE, NAMES, csr, "")
    )
    assert claims["aud"] == "https://ca.lan:9000/1.0/sign#x5c/x5c"
    assert "kid" not in header
    assert [base64.b64decode(one, validate=True) for one in header["x5c"]] == [
        one.public_bytes(Encoding.DER) for one in (bundle.leaf, *bundle.chain)
    ]


def test_an_x5c_fragment_is_written_as_go_writes_it(key, csr):
    chain = (Authority().issue().leaf,)
    _, claims, _ = parts(TokenMint("my prov's #1", key, clock, chain=chain).for_signing(AUDIENCE, NAMES, csr, ""))
    assert claims["aud"].endswith("#x5c/my%20prov%27s%20%231")


def test_a_renewal_token_shows_the_whole_chain_and_is_signed_by_the_leafs_key():
    bundle = Authority().issue("web.example.com")
    token = mint_renewal(AUDIENCE, bundle, clock)
    header, claims, signature = parts(token)
    assert "x5c" not in header
    assert len(header["x5cInsecure"]) == 2
    assert (claims["iss"], claims["sub"], claims["aud"]) == ("step-ca-client/1.0", "web.example.com", "https://ca.lan:9000/1.0/renew")
    der = encode_dss_signature(int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big"))
    bundle.leaf.public_key().verify(der, token.rsplit(".", 1)[0].encode(), ec.ECDSA(hashes.SHA256()))


def test_the_key_of_a_mint_is_not_shown(key):
    assert "key" not in repr(TokenMint("admin", key, clock)).replace("kid", "")


@pytest.mark.parametrize(
    ("host", "names", "audience"),
    [
        ("ca.lan", ("ca.lan", "10.0.0.1"), "https://ca.lan:9000/1.0/sign"),
        ("ca.lan", ("other.lan", "CA.Lan"), "https://CA.Lan:9000/1.0/sign"),
        ("10.0.0.1", ("ca.lan", "10.0.0.1"), "https://10.0.0.1:9000/1.0/sign"),
        ("tunnel", ("ca.lan", "10.0.0.1"), "https://ca.lan:9000/1.0/sign"),
        ("tunnel", ("10.0.0.1",), "https://10.0.0.1:9000/1.0/sign"),
        ("ca.lan", ("*.lan",), "https://*.lan:9000/1.0/sign"),
        ("::1", ("ca.lan", "::1"), "https://[::1]:9000/1.0/sign"),
        ("ca.lan", (), "https://ca.lan:9000/1.0/sign"),
    ],
)
def test_the_audience_is_a_name_that_the_ca_has(host, names, audience):
    assert Audience.of(CaAddress(host, 9000), names).url("sign") == audience


def test_the_names_of_a_ca_are_read_letter_by_letter_dns_first():
    bundle = Authority().issue("10.0.0.1", "ca.lan")
    assert own_names(bundle.leaf.public_bytes(Encoding.DER)) == ("ca.lan", "10.0.0.1")


@pytest.mark.parametrize("certificate", [None, b"", b"no certificate", Authority().root.public_bytes(Encoding.DER)])
def test_a_certificate_without_names_has_none(certificate):
    assert own_names(certificate) == ()


def test_the_subject_is_the_first_name_that_fits_a_cn():
    long = DnsName("a" * 60 + ".example.com")
    assert subject_of((long, DnsName("b.lan"))) == "b.lan"
    assert subject_of((DnsName("a.lan"), DnsName("b.lan"))) == "a.lan"
    assert subject_of((long,)) == long.value


def test_a_certificate_without_cn_has_an_empty_one():
    authority = Authority()
    assert common_name(authority.issue("a.lan").leaf) == "a.lan"
    key = ec.generate_private_key(ec.SECP256R1())
    without = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "x")]))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(NOW)
        .not_valid_after(NOW.replace(year=2027))
        .sign(key, hashes.SHA256())
    )
    assert common_name(without) == ""
