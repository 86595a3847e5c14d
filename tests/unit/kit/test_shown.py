"""What a look tells of a certificate: OpenSSL's word where it verified a plain one, cryptography's for all else, and both agree."""

from __future__ import annotations

import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.name import _ASN1Type
from cryptography.x509.oid import NameOID
from hypothesis import given, settings
from hypothesis import strategies as st

from certpush.kit import shown
from certpush.kit.shown import UnreadableCertificate, read, shown_by
from certpush.kit.tls import accepting_all, look, trusting
from certpush.model import Endpoint, to_pem
from certpush.testing.lab.tls import TlsServer

KEY = ec.generate_private_key(ec.SECP256R1())
NOON = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
PLAIN = [(NameOID.COUNTRY_NAME, "DE"), (NameOID.ORGANIZATION_NAME, "Home Lab 2"), (NameOID.COMMON_NAME, "*.wiki.example")]
KINDS = [
    NameOID.COMMON_NAME,
    NameOID.DOMAIN_COMPONENT,
    NameOID.EMAIL_ADDRESS,
    NameOID.LOCALITY_NAME,
    NameOID.ORGANIZATION_NAME,
    NameOID.ORGANIZATIONAL_UNIT_NAME,
    NameOID.SERIAL_NUMBER,
    NameOID.STATE_OR_PROVINCE_NAME,
    NameOID.STREET_ADDRESS,
    NameOID.USER_ID,
]
ascii_text = st.text(st.characters(min_codepoint=32, max_codepoint=126), min_size=1, max_size=12)
attributes = st.tuples(st.sampled_from(KINDS), ascii_text | st.text(min_size=1, max_size=8))


def name(*parts):
    return x509.Name([x509.NameAttribute(kind, value, _ASN1Type.UTF8String) for kind, value in parts])


def minted(subject: x509.Name, *, begins: datetime = NOON, lives: timedelta = timedelta(days=1)) -> x509.Certificate:
    builder = x509.CertificateBuilder(subject, subject, KEY.public_key(), 1, begins, begins + lives)
    return builder.add_extension(x509.SubjectAlternativeName([x509.DNSName("x.example")]), critical=False).sign(KEY, hashes.SHA256())


def shaken(certificate: x509.Certificate, client: ssl.SSLContext, directory) -> ssl.SSLObject:
    """The client's end of a handshake in memory with who shows this certificate."""
    (directory / "pair.pem").write_bytes(
        KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()) + to_pem(certificate)
    )
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(directory / "pair.pem")
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    here = client.wrap_bio(to_client, to_server, server_hostname="x.example")
    there = server.wrap_bio(to_server, to_client, server_side=True)
    for side in (here, there, here):
        try:
            side.do_handshake()
        except ssl.SSLWantReadError:
            continue
    return here


def verified(certificate: x509.Certificate, directory) -> ssl.SSLObject:
    return shaken(certificate, trusting([certificate]), directory)


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("pairs")


@pytest.fixture
def by_cryptography(monkeypatch):
    """The certificates that were left to cryptography."""
    found: list[bytes] = []

    def noted(der: bytes) -> shown.Shown:
        found.append(der)
        return read(der)

    monkeypatch.setattr(shown, "read", noted)
    return found


@settings(max_examples=60)
@given(st.lists(attributes, max_size=4))
def test_whatever_the_names_are_both_say_the_same(place, parts):
    certificate = minted(name(*parts))
    assert shown_by(verified(certificate, place)) == read(certificate.public_bytes(serialization.Encoding.DER))


@pytest.mark.parametrize(
    "begins", [NOON, NOON.replace(day=5), datetime(1970, 1, 2, 3, 4, 5, tzinfo=UTC), datetime(2049, 12, 31, tzinfo=UTC)]
)
def test_a_plain_one_that_was_verified_needs_no_cryptography(place, by_cryptography, begins):
    certificate = minted(name(*PLAIN), begins=begins, lives=timedelta(days=4000))
    told = shown_by(verified(certificate, place))
    assert not by_cryptography
    assert told == read(certificate.public_bytes(serialization.Encoding.DER))
    assert (told.subject, told.not_before) == ("CN=*.wiki.example,O=Home Lab 2,C=DE", begins)


@pytest.mark.parametrize(
    "subject",
    [
        name((NameOID.COMMON_NAME, "a, b")),
        name((NameOID.COMMON_NAME, "#a")),
        name((NameOID.COMMON_NAME, " a")),
        name((NameOID.COMMON_NAME, "a\x1b[2J")),
        name((NameOID.COMMON_NAME, "Käse")),
        name((NameOID.EMAIL_ADDRESS, "root@x.example")),
        x509.Name([x509.RelativeDistinguishedName(list(name(*PLAIN[1:])))]),
    ],
    ids=str,
)
def test_odd_names_are_left_to_it(place, by_cryptography, subject):
    certificate = minted(subject)
    told = shown_by(verified(certificate, place))
    assert len(by_cryptography) == 1
    assert told == read(certificate.public_bytes(serialization.Encoding.DER))


def test_what_nobody_verified_is_left_to_it(place, by_cryptography):
    assert shown_by(shaken(minted(name(*PLAIN)), accepting_all(), place)).subject.startswith("CN=")
    assert len(by_cryptography) == 1


def test_what_is_no_certificate_is_not_read():
    with pytest.raises(UnreadableCertificate):
        read(b"\x30\x03junk")


@pytest.mark.parametrize("zone", ["", " UTC"])
def test_a_moment_in_no_known_zone_is_odd(zone):
    with pytest.raises(ValueError):
        shown._moment(f"Nov 24 12:00:00 2026{zone}")


def test_roots_may_be_certificates_or_their_text_and_damaged_ones_are_none(tmp_path):
    certificate = minted(name(*PLAIN), begins=datetime.now(UTC))
    (tmp_path / "x.crt").write_bytes(to_pem(certificate))
    (tmp_path / "x.key").write_bytes(
        KEY.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    )
    with TlsServer(tmp_path / "x.crt", tmp_path / "x.key") as server:
        endpoint, now = Endpoint("127.0.0.1", server.port, "x.example"), datetime.now(UTC)
        seen = look(endpoint, [certificate], now)
        assert (seen.chain_ok, seen.judged) == (True, True)
        assert look(endpoint, to_pem(certificate), now) == seen
        for none in (b"", b"damaged", b"\xff", to_pem(certificate)[:-60]):
            unjudged = look(endpoint, none, now)
            assert (unjudged.judged, unjudged.chain_ok, unjudged.problem) == (False, False, "no root to verify it against")
