"""Names, keys, certificates: what is refused, and that nothing secret can be printed."""

from __future__ import annotations

import copy
import dataclasses
import ipaddress
import pickle
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import dsa, ec, ed448, ed25519, rsa
from hypothesis import given
from hypothesis import strategies as st

from certpush.errors import BundleInvalid, ConfigError
from certpush.model import (
    CertificateBundle,
    CertificateRequest,
    DnsName,
    Endpoint,
    Expected,
    IpName,
    KeySpec,
    Phase,
    PrivateKey,
    Secret,
    certificate_names,
    describe_public_key,
    fingerprint,
    issued_by,
    leaf_spki,
    name_covers,
    parse_name,
    read_certificates,
    to_pem,
)

NOW = datetime(2026, 5, 1, tzinfo=UTC)


def _mint(cn, key, *, issuer=None, issuer_key=None, sans=(), extensions=()):
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, cn)])
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer.subject if issuer else subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(NOW)
        .not_valid_after(NOW + timedelta(days=1))
    )
    if sans:
        builder = builder.add_extension(x509.SubjectAlternativeName(sans), critical=False)
    for extension in extensions:
        builder = builder.add_extension(extension, critical=False)
    signer = issuer_key or key
    return builder.sign(signer, None if isinstance(signer, ed25519.Ed25519PrivateKey | ed448.Ed448PrivateKey) else hashes.SHA256())


@pytest.fixture(scope="module")
def family():
    """A root, an intermediate, a leaf, and the leaf's key."""
    root_key, middle_key, leaf_key = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    root = _mint("root", root_key)
    middle = _mint("middle", middle_key, issuer=root, issuer_key=root_key)
    sans = [
        x509.DNSName("Box.Example.com"),
        x509.IPAddress(ipaddress.ip_address("192.0.2.1")),
        x509.RFC822Name("a@example.com"),
        x509.IPAddress(ipaddress.ip_network("10.0.0.0/8")),
    ]
    leaf = _mint("box.example.com", leaf_key, issuer=middle, issuer_key=middle_key, sans=sans)
    return root, middle, leaf, PrivateKey(leaf_key)


# --- names ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("pve.local.lan", "pve.local.lan"),
        ("PVE.Local.LAN.", "pve.local.lan"),
        ("localhost", "localhost"),
        ("*.Example.com", "*.example.com"),
        ("bücher.example", "xn--bcher-kva.example"),
        ("*.bücher.example", "*.xn--bcher-kva.example"),
        ("_srv.example.com", "_srv.example.com"),
        ("0.0.0.0.example", "0.0.0.0.example"),
        ("a" * 63 + ".example", "a" * 63 + ".example"),
    ],
)
def test_a_host_name_is_written_as_it_stands_in_a_certificate(text, name):
    assert parse_name(text) == DnsName(name)


@pytest.mark.parametrize(
    ("text", "address"),
    [("192.0.2.7", "192.0.2.7"), ("2001:DB8::1", "2001:db8::1"), ("::ffff:192.0.2.1", "192.0.2.1"), ("::1", "::1")],
)
def test_an_address_is_an_ip_name_in_its_short_form(text, address):
    assert parse_name(text) == IpName(ipaddress.ip_address(address))
    assert str(parse_name(text)) == address


HOSTILE = [
    "",
    " ",
    " pve.lan",
    "pve.lan\n",
    "pve\n.lan",
    "$(id)",
    "`id`",
    "a;b",
    "a b",
    "../../etc/passwd",
    "..",
    ".",
    "a..b",
    "host:8006",
    "https://pve.lan",
    "user@pve.lan",
    "[::1]",
    "fe80::1%eth0",
    "10.0.0.0/24",
    "192.0.2",
    "0192.0.2.7",
    "1.2.3.4.5",
    "-oProxyCommand=id",
    "-pve.lan",
    "pve-.lan",
    "*",
    "*.",
    "*.*.lan",
    "a.*.lan",
    "a*.lan",
    "*.192.0.2.7",
    "host.42",
    "0x7f.1",
    "0x7f000001",
    "host.0x",
    "My Device",
    "a" * 300,
    "a" * 64,
    ".".join(["a" * 49] * 6),
    "\N{RIGHT-TO-LEFT OVERRIDE}nal.evp",
    "pve\N{FULLWIDTH COLON}8006",
    "\N{FULLWIDTH ASTERISK}.example.com",
    "①.①.①.①",
    "１.２.３.４",  # noqa: RUF001 - looking like something else is the point
    "\N{SOFT HYPHEN}",
    "a\0b",
    "\x1b[2J.lan",
    "\ud800.lan",
    "a" * 1_000_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=range(len(HOSTILE)))
def test_what_is_no_name_is_refused_with_a_short_printable_message(text):
    with pytest.raises(ConfigError) as caught:
        parse_name(text)
    assert caught.value.hint
    assert len(caught.value.message) < 400
    assert caught.value.message.isprintable()


@given(st.text(max_size=260))
def test_any_text_is_a_name_that_reads_as_itself_or_refused(text):
    try:
        name = parse_name(text)
    except ConfigError as error:
        assert error.message.isprintable()  # noqa: PT017 - both ends are wanted here
        return
    assert str(name).isascii()
    assert parse_name(str(name)) == name
    assert not set(str(name)) & set(" /@[]%$`;\n\0")


@given(st.ip_addresses())
def test_every_plain_address_is_read_back(address):
    assert isinstance(parse_name(str(address)), IpName)


@given(st.from_regex(r"[a-z]([a-z0-9-]{0,20}[a-z0-9])?(\.[a-z][a-z0-9]{0,20}){0,3}", fullmatch=True))
def test_every_plain_host_name_is_taken(text):
    assert parse_name(text) == DnsName(text)


@pytest.mark.parametrize(
    ("names", "host", "covered"),
    [
        (["pve.lan"], "pve.lan", True),
        (["pve.lan"], "PVE.lan", True),
        (["pve.lan"], "other.lan", False),
        (["*.local.lan"], "pve.local.lan", True),
        (["*.local.lan"], "a.pve.local.lan", False),
        (["*.local.lan"], "local.lan", False),
        (["pve"], "pve", True),
        (["*.lan"], "pve", False),
        (["192.0.2.1"], "192.0.2.1", True),
        (["192.0.2.1"], "192.0.2.2", False),
    ],
)
def test_a_client_matches_exactly_or_by_one_wildcard_label(names, host, covered):
    assert name_covers(tuple(parse_name(one) for one in names), host) is covered


# --- keys ----------------------------------------------------------------------------------


@pytest.mark.parametrize("spec", [KeySpec.EC_P256, KeySpec.EC_P384, KeySpec.EC_P521, KeySpec.RSA_2048, KeySpec.ED25519])
def test_a_generated_key_is_what_was_asked_for_and_survives_its_pem(spec):
    key = PrivateKey.generate(spec)
    assert key.spec == spec
    again = PrivateKey.from_pem(key.reveal_pem())
    assert again.public_spki == key.public_spki
    assert again.reveal_key() is not None


def test_the_older_pem_form_is_given_where_there_is_one():
    assert PrivateKey.generate(KeySpec.EC_P256).reveal_pem(traditional=True).startswith(b"-----BEGIN EC PRIVATE KEY-----")
    assert PrivateKey.generate(KeySpec.ED25519).reveal_pem(traditional=True).startswith(b"-----BEGIN PRIVATE KEY-----")


def _pem(key, password=None):
    encryption = serialization.BestAvailableEncryption(password) if password else serialization.NoEncryption()
    return key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, encryption)


@pytest.mark.parametrize(
    "make",
    [
        lambda: b"",
        lambda: b"garbage",
        lambda: b"-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----\n",
        lambda: _pem(ec.generate_private_key(ec.SECP256R1()), b"password"),
        lambda: _pem(dsa.generate_private_key(1024)),
        lambda: _pem(ed448.Ed448PrivateKey.generate()),
        lambda: b"x" * (16 * 1024 + 1),
    ],
    ids=["empty", "garbage", "damaged", "encrypted", "dsa", "ed448", "huge"],
)
def test_what_is_no_usable_key_is_refused_without_repeating_it(make):
    pem = make()
    with pytest.raises(BundleInvalid) as caught:
        PrivateKey.from_pem(pem)
    assert "private key" in caught.value.message
    assert all(line not in caught.value.message for line in pem.decode().splitlines() if line)


@pytest.mark.parametrize("secret", [PrivateKey.generate(KeySpec.EC_P256), Secret("canary")], ids=["key", "secret"])
def test_a_secret_can_be_neither_printed_nor_pickled_nor_copied(secret):
    for shown in (repr(secret), str(secret), f"{secret}", f"{secret!r}", "%s" % secret):  # noqa: UP031 - as a logger would
        assert "redacted" in shown
        assert "canary" not in shown
    for copier in (pickle.dumps, copy.copy, copy.deepcopy):
        with pytest.raises(TypeError, match="never pickled"):
            copier(secret)


def test_only_reveal_gives_a_secret_out():
    assert Secret("canary").reveal() == "canary"


def test_a_public_key_is_named_as_the_configuration_would():
    assert describe_public_key(ec.generate_private_key(ec.SECP384R1()).public_key()) == "ec-p384"
    assert describe_public_key(ec.generate_private_key(ec.SECP256K1()).public_key()) == "ec-secp256k1"
    assert describe_public_key(rsa.generate_private_key(65537, 2048).public_key()) == "rsa-2048"
    assert describe_public_key(ed25519.Ed25519PrivateKey.generate().public_key()) == "ed25519"
    assert describe_public_key(object()) == "object"


# --- requests ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("names", "lifetime"),
    [((), None), (("a.lan", "A.lan"), None), (("a.lan",), timedelta(0)), (("a.lan",), timedelta(seconds=-1))],
)
def test_a_request_that_cannot_be_meant_is_refused(names, lifetime):
    with pytest.raises(ConfigError):
        CertificateRequest(tuple(parse_name(one) for one in names), lifetime=lifetime)


# --- certificates --------------------------------------------------------------------------


def test_the_names_of_a_certificate_are_its_dns_names_and_addresses(family):
    _, middle, leaf, _ = family
    assert certificate_names(leaf) == (DnsName("box.example.com"), IpName(ipaddress.ip_address("192.0.2.1")))
    assert certificate_names(middle) == ()


def test_a_certificate_with_unreadable_extensions_is_invalid():
    key = ec.generate_private_key(ec.SECP256R1())
    damaged = x509.UnrecognizedExtension(x509.ObjectIdentifier("2.5.29.17"), b"\x30\x03garbage")
    with pytest.raises(BundleInvalid, match="extensions"):
        certificate_names(_mint("x", key, extensions=[damaged]))


def test_a_certificate_with_an_unreadable_key_is_invalid():
    der = _mint("x", ec.generate_private_key(ec.SECP256R1())).public_bytes(serialization.Encoding.DER)
    p256, unknown = bytes.fromhex("06082a8648ce3d030107"), bytes.fromhex("06082a8648ce3d030177")
    assert p256 in der
    with pytest.raises(BundleInvalid, match="public key"):
        leaf_spki(x509.load_der_x509_certificate(der.replace(p256, unknown)))


def test_a_bundle_knows_what_it_is_made_of(family):
    root, middle, leaf, key = family
    bundle = CertificateBundle(leaf, (middle,), (root,), key)
    assert bundle.fingerprint == fingerprint(leaf) == leaf.fingerprint(hashes.SHA256()).hex()
    assert bundle.serial == leaf.serial_number
    assert (bundle.not_before, bundle.not_after) == (NOW, NOW + timedelta(days=1))
    assert bundle.names[0] == DnsName("box.example.com")
    assert bundle.fullchain_pem == bundle.leaf_pem + bundle.chain_pem
    assert read_certificates(bundle.fullchain_pem) == (leaf, middle)
    assert bundle.roots_pem == to_pem(root)
    assert "PRIVATE" not in repr(bundle)


def test_a_bundle_is_read_from_pem_and_roots_leave_the_chain(family):
    root, middle, leaf, key = family
    text = b"subject=box\n" + to_pem(leaf, middle, root)
    for roots in (b"", b" \n", to_pem(root)):
        bundle = CertificateBundle.from_pem(text, key.reveal_pem(), roots)
        assert (bundle.leaf, bundle.chain, bundle.roots) == (leaf, (middle,), (root,))


def test_parts_that_do_not_belong_together_are_no_bundle(family):
    root, middle, leaf, key = family
    with pytest.raises(BundleInvalid, match="does not belong"):
        CertificateBundle(leaf, (middle,), (root,), PrivateKey.generate(KeySpec.EC_P256))
    with pytest.raises(BundleInvalid, match="out of order"):
        CertificateBundle(leaf, (root, middle), (), key)


@pytest.mark.parametrize(
    ("pem", "why"),
    [
        (b"", "no certificate"),
        (b"x" * (64 * 1024 + 1), "larger"),
        (b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----", "cannot be read"),
        (b"-----BEGIN CERTIFICATE-----" * 2000, "no certificate"),
    ],
)
def test_a_text_without_readable_certificates_is_refused(pem, why):
    with pytest.raises(BundleInvalid, match=why):
        read_certificates(pem)


def test_a_signature_counts_only_from_the_named_issuer(family):
    root, middle, leaf, _ = family
    assert issued_by(leaf, middle)
    assert issued_by(root, root)
    assert not issued_by(leaf, root)
    impostor = _mint("middle", ec.generate_private_key(ec.SECP256R1()))
    assert not issued_by(leaf, impostor)


# --- what is seen --------------------------------------------------------------------------


def test_an_endpoint_is_written_with_brackets_where_needed():
    assert str(Endpoint("::1", 443)) == "[::1]:443"
    assert str(Endpoint("pve.lan", 8006)) == "pve.lan:8006"
    assert Endpoint("192.0.2.1", 443, "pve.lan").name == "pve.lan"
    assert Endpoint("pve.lan", 443).name == "pve.lan"


def test_what_is_expected_after_a_way_back():
    assert Expected.leaf("ab") == Expected("leaf", "ab")
    assert Expected.leaf(None) == Expected.nothing() == Expected("nothing")
    assert Expected.device_default() == Expected("device-default")


def test_only_confirmed_and_rolled_back_leave_nothing_to_do():
    assert {phase for phase in Phase if phase.settled} == {Phase.CONFIRMED, Phase.ROLLED_BACK}


def test_domain_types_cannot_be_changed(family):
    root, middle, leaf, key = family
    with pytest.raises(dataclasses.FrozenInstanceError):
        CertificateBundle(leaf, (middle,), (root,), key).leaf = middle
