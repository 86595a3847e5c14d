"""A handshake with oneself: what clients say to a certificate, before any server has it."""

from __future__ import annotations

import ssl
from dataclasses import replace
from datetime import UTC, datetime

import pytest

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
    assert refused_by_clients(AUTHORITY.issue("a.lan")).startswith("TLS is not agreed on with it (")


def test_nothing_is_left_to_the_environment(monkeypatch, tmp_path):
    keylog = tmp_path / "keys.log"
    monkeypatch.setenv("SSLKEYLOGFILE", str(keylog))
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "none"))
    assert refused_by_clients(AUTHORITY.issue("a.lan")) == ""
    assert not keylog.exists()
    assert ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).keylog_filename is None
