"""A handshake with oneself: what clients say to a certificate, before any server has it."""

from __future__ import annotations

import ssl
from dataclasses import replace
from datetime import UTC, datetime

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from certpush.kit import rehearsal
from certpush.kit.rehearsal import refused_by_clients
from certpush.kit.tls import look
from certpush.model import Endpoint, KeySpec
from certpush.testing.authority.in_memory import Authority
from certpush.testing.lab.tls import TlsServer

AUTHORITY = Authority()


@pytest.mark.parametrize("spec", list(KeySpec))
def test_a_good_certificate_of_every_kind_of_key_is_accepted(spec):
    assert refused_by_clients(AUTHORITY.issue("a.lan", key=spec)) == ""


def test_names_and_dates_are_left_to_others():
    for bundle in (AUTHORITY.expired("a.lan"), AUTHORITY.not_yet_valid("a.lan"), AUTHORITY.issue("*.b.lan")):
        assert refused_by_clients(bundle) == ""


@pytest.mark.parametrize("spoil", [{"roots": (Authority("Other").root,)}, {"chain": ()}])
def test_what_leads_to_no_root_is_refused_in_the_words_of_a_real_look(spoil, tmp_path):
    bundle = replace(AUTHORITY.issue("127.0.0.1"), **spoil)
    (tmp_path / "crt").write_bytes(bundle.fullchain_pem)
    (tmp_path / "key").write_bytes(bundle.key.reveal_pem())
    with TlsServer(tmp_path / "crt", tmp_path / "key") as server:
        seen = look(Endpoint("127.0.0.1", server.port), bundle.roots, datetime.now(UTC))
    assert (
        refused_by_clients(bundle)
        == seen.problem
        == "the chain does not lead to our root (an intermediate is missing, or another CA signed it)"
    )


def test_what_openssl_does_not_even_show_is_refused(monkeypatch):
    monkeypatch.setattr(rehearsal, "show_in_tls", lambda context, _: context.set_ciphers("AES128-SHA"))
    assert refused_by_clients(Authority().issue("a.lan")).startswith("TLS is not agreed on with it (")


def test_a_handshake_that_does_not_end_is_none(monkeypatch):
    monkeypatch.setattr(rehearsal, "_FLIGHTS", 1)
    assert refused_by_clients(Authority().issue("a.lan")) == "a TLS handshake with it does not end"


def test_nothing_is_left_to_the_environment(monkeypatch, tmp_path):
    keylog = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(keylog))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    assert refused_by_clients(AUTHORITY.issue("a.lan")) == ""
    assert not keylog.exists()
    assert ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).keylog_filename is None


# --- certificates of one mould ----------------------------------------------------------------


@pytest.fixture
def handshakes(monkeypatch):
    """The bundles that were shown in a handshake; nothing of earlier tests is remembered."""
    seen = []
    original = rehearsal._shake_hands
    monkeypatch.setattr(rehearsal, "_shake_hands", lambda bundle: (seen.append(bundle), original(bundle))[1])
    monkeypatch.setattr(rehearsal, "_accepted", set())
    return seen


def with_extension(authority, bundle, extension, *, critical):
    """The same certificate again, with one extension more."""
    leaf = bundle.leaf
    builder = (
        x509.CertificateBuilder(leaf.issuer, leaf.subject, leaf.public_key(), leaf.serial_number)
        .not_valid_before(leaf.not_valid_before_utc)
        .not_valid_after(leaf.not_valid_after_utc)
    )
    for one in leaf.extensions:
        builder = builder.add_extension(one.value, one.critical)
    again = builder.add_extension(extension, critical).sign(authority.pki.intermediate_key, hashes.SHA256())
    return replace(bundle, leaf=again)


def test_of_many_that_differ_in_name_date_and_key_alone_one_is_tried(handshakes):
    assert [refused_by_clients(AUTHORITY.issue(name)) for name in ("a.lan", "b.lan", "10.0.0.1")] == [""] * 3
    assert refused_by_clients(AUTHORITY.expired("c.lan")) == ""
    assert len(handshakes) == 1


@pytest.mark.parametrize(
    "other",
    [
        lambda: AUTHORITY.issue("b.lan", key=KeySpec.EC_P384),
        lambda: Authority("Other").issue("b.lan"),
        lambda: AUTHORITY.issue("b.lan", usages=[ExtendedKeyUsageOID.SERVER_AUTH]),
        lambda: replace(AUTHORITY.issue("b.lan"), roots=(AUTHORITY.root, Authority("Other").root)),
    ],
    ids=["kind of key", "CA", "uses", "roots"],
)
def test_what_differs_in_anything_else_is_tried_itself(handshakes, other):
    assert refused_by_clients(AUTHORITY.issue("a.lan")) == refused_by_clients(other()) == ""
    assert len(handshakes) == 2


def test_a_critical_extension_that_nobody_knows_is_found_among_a_thousand_good_ones(handshakes):
    good, unknown = AUTHORITY.issue("a.lan"), x509.UnrecognizedExtension(x509.ObjectIdentifier("1.2.3.4.5"), b"\x05\x00")
    assert refused_by_clients(good) == ""
    assert refused_by_clients(with_extension(AUTHORITY, good, unknown, critical=False)) == ""
    for _ in range(2):  # a refusal is never remembered
        assert "critical extension" in refused_by_clients(with_extension(AUTHORITY, good, unknown, critical=True))
    assert len(handshakes) == 4


def test_below_a_ca_with_name_constraints_each_name_is_tried(handshakes, monkeypatch):
    monkeypatch.setattr(rehearsal, "_has_name_constraints", lambda authority: authority == AUTHORITY.root)
    assert [refused_by_clients(AUTHORITY.issue(name)) for name in ("a.lan", "b.lan")] == [""] * 2
    assert len(handshakes) == 2


def test_name_constraints_are_seen():
    constraints = x509.NameConstraints([x509.DNSName("lan")], None)
    assert rehearsal._has_name_constraints(with_extension(AUTHORITY, AUTHORITY.issue("a.lan"), constraints, critical=True).leaf)
    assert not rehearsal._has_name_constraints(AUTHORITY.intermediate)


def test_a_signature_with_parameters_and_a_bundle_without_a_chain_are_tried_each_time(handshakes, monkeypatch):
    monkeypatch.setattr(rehearsal, "_PLAIN_SIGNATURES", set())
    bundle = AUTHORITY.issue("a.lan")
    assert rehearsal._mould(bundle) is None
    monkeypatch.undo()
    assert rehearsal._mould(bundle) is not None
    assert rehearsal._mould(replace(bundle, chain=())) is None


def test_an_extension_that_cannot_be_compared_is_no_mould(monkeypatch):
    bundle = AUTHORITY.issue("a.lan")
    monkeypatch.setattr(rehearsal, "_has_name_constraints", lambda _: (_ for _ in ()).throw(ValueError))
    assert rehearsal._mould(bundle) is None


def test_what_is_remembered_does_not_grow_without_end(handshakes, monkeypatch):
    monkeypatch.setattr(rehearsal, "_MOST_MOULDS", 2)
    for number in range(5):
        refused_by_clients(replace(AUTHORITY.issue("a.lan"), roots=(AUTHORITY.root, *[AUTHORITY.intermediate] * number)))
    assert len(rehearsal._accepted) <= 2
