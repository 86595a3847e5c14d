"""certpush ca health: what a well CA shows, and what makes the exit code say that it is not well."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from certpush.testing.authority.faults import Answer, Fault
from certpush.testing.authority.pki import Pki
from unit.stepca.scripted import Reply

from .conftest import of


def test_a_well_ca_shows_what_one_wants_to_know_of_it(certpush, ca):
    ended = certpush("ca", "health", *of(ca))
    assert (ended.code, ended.err) == (0, "")
    assert ended.line("status") == "ok"
    assert ended.line("version")
    assert ended.line("address") == ca.url
    assert ended.line("names") == "localhost, 127.0.0.1"
    assert ca.fingerprint in ended.line("root")
    assert ended.line("intermediate").startswith("CN=Lab Intermediate CA,O=Lab, ")
    assert ended.line("clock") == "as here"


def test_the_same_as_one_document(certpush, ca):
    document = certpush("ca", "health", *of(ca), "--output", "json").document
    assert (document["exit"], document["status"], document["well"], document["url"]) == (0, "ok", True, ca.url)
    assert [one["fingerprint"] for one in document["roots"]] == [ca.fingerprint]
    assert document["intermediates"][0]["seconds_left"] > 3600
    assert abs(document["clock_skew_seconds"]) < 30
    assert {one["severity"] for one in document["findings"]} == {"ok"}


def test_quiet_leaves_the_one_word(certpush, embedded_ca):
    assert certpush("ca", "health", *of(embedded_ca), "-q").out == "status        ok\n"


def test_clocks_that_differ_are_not_well(certpush, start_embedded_ca):
    ca = start_embedded_ca(clock=lambda: datetime.now(UTC) + timedelta(minutes=10))
    ended = certpush("ca", "health", *of(ca))
    assert ended.code == 1
    assert ended.line("clock").endswith("s ahead of this machine's")
    assert "the clocks differ by" in ended.out
    assert "timedatectl" in ended.out


def test_an_intermediate_that_ends_soon_is_said_while_the_ca_is_well(certpush, start_embedded_ca):
    ca = start_embedded_ca()
    ca.replace_pki(Pki.under(ca.pki.root, ca.pki.root_key, "Lab", lifetime=timedelta(days=10)))
    ended = certpush("ca", "health", *of(ca))
    assert ended.code == 0
    assert "warning  the CA's intermediate ends on" in ended.out
    assert "9d left" in ended.line("intermediate")


def test_a_root_that_is_announced_is_said(certpush, start_embedded_ca):
    ca = start_embedded_ca()
    old = ca.fingerprint
    ca.replace_pki(Pki.make("Next"), keep_root=True)
    ended = certpush("ca", "health", *of(ca))
    assert ended.code == 0
    assert f"a further root, {old}" in ended.out


def test_a_ca_that_says_it_is_ill_is_not_well_and_its_words_are_harmless(certpush, scripted):
    scripted.routes["GET /health"] = Reply(body={"status": "on fire\x1b[2J"})
    ended = certpush("ca", "health", *of(scripted))
    assert ended.code == 1
    assert "\x1b" not in ended.out
    assert "the CA says: on fire" in ended.out


def test_a_ca_too_old_to_tell_its_intermediates_is_well(certpush, scripted):
    del scripted.routes["GET /intermediates"]
    ended = certpush("ca", "health", *of(scripted), "--output", "json")
    assert (ended.code, ended.document["intermediates"]) == (0, [])


def test_a_ca_that_gives_no_date_is_well_and_its_clock_unknown(certpush, scripted):
    scripted.routes = {route: replace(reply, headers={"Date": ""}) for route, reply in scripted.routes.items()}
    ended = certpush("ca", "health", *of(scripted))
    assert (ended.code, ended.line("clock")) == (0, "not told")


# --- no answer, or another's ------------------------------------------------------------------


def test_a_ca_that_does_not_answer_is_1_with_what_to_look_at(certpush, start_ca):
    ca = start_ca()
    ca.stop()
    ended = certpush("ca", "health", *of(ca))
    assert ended.code == 1
    assert "connection refused" in ended.err
    assert "is the CA running" in ended.err


def test_a_proxy_without_a_ca_behind_it_is_1(certpush, start_embedded_ca):
    ca = start_embedded_ca()
    ca.inject(Fault(status=503, path="/health"))
    ended = certpush("ca", "health", *of(ca))
    assert ended.code == 1
    assert "cannot answer just now (503" in ended.err


def test_another_root_than_the_one_that_is_known_is_4(certpush, ca):
    ended = certpush("ca", "health", "--ca-url", ca.url, "--fingerprint", "ab" * 32)
    assert ended.code == 4
    assert "no root with the fingerprint abab" in ended.err


def test_a_stranger_who_hands_out_the_right_root_is_4(certpush, scripted, embedded_ca):
    scripted.routes[f"GET /root/{embedded_ca.fingerprint}"] = Reply(body={"ca": embedded_ca.root_pem.decode()})
    ended = certpush("ca", "health", "--ca-url", scripted.url, "--fingerprint", embedded_ca.fingerprint)
    assert ended.code == 4
    assert "does not lead to the CA's root" in ended.err


def test_a_name_that_is_not_the_ca_s_is_4_with_its_names(certpush, start_ca):
    ca = start_ca(dns_names=("ca.home.example",))
    ended = certpush("ca", "health", *of(ca))
    assert ended.code == 4
    assert "the CA's certificate is for ca.home.example, not for 127.0.0.1" in ended.err
    assert "dnsNames" in ended.err


def test_a_redirect_to_plain_http_is_4(certpush, start_embedded_ca):
    ca = start_embedded_ca()
    ca.inject(Fault(answer=Answer.REDIRECT, path="/health"))
    ended = certpush("ca", "health", *of(ca))
    assert ended.code == 4
    assert "never followed" in ended.err


# --- which CA ---------------------------------------------------------------------------------


def test_plain_http_in_the_options_and_in_the_configuration_is_2(certpush, home):
    path = home / "certpush.toml"
    path.write_text('[ca]\nurl = "http://127.0.0.1:9000"\n')
    for words in (("--ca-url", "http://127.0.0.1:9000", "--fingerprint", "ab" * 32), ("--config", path)):
        ended = certpush("ca", "health", *words)
        assert ended.code == 2
        assert "is not https" in ended.err


def test_where_no_ca_is_known_it_says_how_to_make_one_known(certpush):
    ended = certpush("ca", "health")
    assert ended.code == 2
    assert "no CA is configured" in ended.err


def test_the_configured_ca_needs_no_option_and_no_secret_is_read(certpush, configure, embedded_ca):
    configure(embedded_ca, password="file:/no/such/file")
    assert certpush("ca", "health").code == 0


@pytest.mark.parametrize("words", [(), ("nonsense",), ("health", "superfluous"), ("health", "--nonsense")])
def test_words_that_mean_nothing_are_2(certpush, words):
    ended = certpush("ca", *words)
    assert ended.code == 2
    assert "--help" in ended.err
