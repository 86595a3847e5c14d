"""certpush ca advise: claims that, once set, let the CA sign; and who allows it already."""

from __future__ import annotations

import json
import shlex
from datetime import timedelta

import pytest

from certpush.testing.authority import JwkProvisioner
from certpush.testing.authority.pki import Pki

from .conftest import of


def claims_in(ended) -> dict[str, str]:
    """What one would copy into ca.json."""
    text = ended.out[ended.out.index('"claims"') :]
    return json.loads("{" + text[: text.index("}") + 1] + "}")["claims"]


@pytest.mark.parametrize("lifetime", ["395d", "3h", "2m"])
def test_what_is_advised_lets_the_ca_sign(certpush, start_ca, password_file, lifetime):
    refusing = {"maxTLSCertDuration": "2h", "defaultTLSCertDuration": "1h"}
    ca = start_ca(claims=refusing)
    password_file.write_text(ca.password)
    words = ("issue", "a.example", "--lifetime", lifetime, *of(ca), "--provisioner", "admin", "--password-file", password_file)
    assert certpush(*words).code == 1
    ended = certpush("ca", "advise", lifetime, *of(ca))
    assert ended.code == 0
    ca.update(claims={**refusing, **claims_in(ended)})
    assert certpush(*words).code == 0


def test_the_advice_is_to_be_copied(certpush, ca):
    ended = certpush("ca", "advise", "395d", *of(ca))
    assert (ended.code, ended.err) == (0, "")
    assert claims_in(ended) == {"maxTLSCertDuration": "9480h0m0s"}
    update = "step ca provisioner update admin --x509-max-dur 9480h0m0s"
    assert f"    {update}\n" in ended.out
    assert f"    docker exec -it CONTAINER {update}\n    docker restart CONTAINER\n" in ended.out
    assert "systemctl restart step-ca" in ended.out


def test_the_same_as_one_document(certpush, ca):
    document = certpush("ca", "advise", "30d", *of(ca), "--output", "json").document
    assert (document["lifetime"], document["go_duration"], document["looked_at"]) == ("30d", "720h0m0s", True)
    assert document["claims"]["maxTLSCertDuration"] == "720h0m0s"
    assert shlex.split(document["commands"]["update"])[4] == "admin"
    assert document["provisioners"] == [{"name": "admin", "type": "JWK", "allows": None}]


def test_who_allows_it_already_and_who_does_not_is_said(certpush, start_ca):
    ca = start_ca(
        admin=JwkProvisioner.make("short", p2c=1000, claims={"maxTLSCertDuration": "48h"}),
        provisioners=(
            JwkProvisioner.make("long", p2c=1000, claims={"maxTLSCertDuration": "9480h", "defaultTLSCertDuration": "9480h"}),
            JwkProvisioner.make("silent", p2c=1000),
        ),
    )
    lines = certpush("ca", "advise", "395d", *of(ca)).out.splitlines()
    verdicts = {line.split()[0]: line.split("  ")[-1].strip() for line in lines[1:4]}
    assert "cannot be seen from outside" in lines[4]
    assert verdicts == {"short": "no", "long": "yes, nothing to change", "silent": "as the CA's own limits say"}


def test_where_every_provisioner_has_its_own_limits_those_of_the_ca_are_no_matter(certpush, start_ca):
    ca = start_ca(admin=JwkProvisioner.make(p2c=1000, claims={"maxTLSCertDuration": "48h"}))
    assert "cannot be seen" not in certpush("ca", "advise", "395d", *of(ca)).out


def test_the_provisioner_of_the_configuration_is_the_one_to_change(certpush, configure, embedded_ca):
    configure(embedded_ca, provisioner="it's mine")
    assert """update 'it'"'"'s mine' --x509-max-dur""" in certpush("ca", "advise", "30d").out


def test_an_intermediate_that_would_end_before_is_said(certpush, start_embedded_ca):
    ca = start_embedded_ca()
    ca.replace_pki(Pki.under(ca.pki.root, ca.pki.root_key, "Lab", lifetime=timedelta(days=100)))
    assert "The CA's intermediate ends on" in certpush("ca", "advise", "395d", *of(ca)).out
    assert "intermediate" not in certpush("ca", "advise", "30d", *of(ca)).out


# --- without a CA -----------------------------------------------------------------------------


def test_without_any_ca_the_advice_is_given_and_the_gap_said(certpush):
    ended = certpush("ca", "advise", "395d")
    assert ended.code == 0
    assert claims_in(ended)["maxTLSCertDuration"] == "9480h0m0s"
    assert "update NAME --x509-max-dur" in ended.out
    assert "no CA is configured" in ended.err


def test_a_ca_that_does_not_answer_is_likewise(certpush, configure, start_ca):
    ca = start_ca()
    ca.stop()
    configure(ca, provisioner="me")
    ended = certpush("ca", "advise", "395d")
    assert ended.code == 0
    assert "the CA was not looked at" in ended.err
    assert "connection refused" in ended.err
    assert "update me --x509-max-dur" in ended.out
    assert certpush("ca", "advise", "395d", "--output", "json").document["looked_at"] is False


def test_a_stranger_in_the_ca_s_place_is_4_all_the_same(certpush, ca):
    assert certpush("ca", "advise", "395d", "--ca-url", ca.url, "--fingerprint", "ab" * 32).code == 4


# --- lengths ----------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", ["soon", "0s", "-5m", "1.5h", "99999999999d", ""])
def test_what_is_no_length_of_time_is_2(certpush, bad):
    ended = certpush("ca", "advise", "--", bad)
    assert ended.code == 2
    assert "hint:" in ended.err


def test_what_step_ca_allows_as_it_comes_is_said_and_shortens_nobody_s_default(certpush):
    ended = certpush("ca", "advise", "12h")
    assert ended.out.startswith("Nothing to do: step-ca allows 12h as it comes.\n")
    assert "step ca provisioner" not in ended.out
    assert claims_in(ended) == {"minTLSCertDuration": "5m0s", "maxTLSCertDuration": "24h0m0s"}
    document = certpush("ca", "advise", "12h", "--output=json").document
    assert (document["claims"], document["commands"]) == ({}, None)
    assert certpush("ca", "advise", "12h", "-q").out == "Nothing to do: step-ca allows 12h as it comes.\n"


def test_who_is_allowed_more_than_that_hears_of_nothing_that_would_allow_less(certpush, start_ca):
    ca = start_ca(admin=JwkProvisioner.make(p2c=1000, claims={"minTLSCertDuration": "1h", "maxTLSCertDuration": "9480h"}))
    ended = certpush("ca", "advise", "395d", *of(ca))
    assert "\nNothing to do: 395d is allowed.\n" in ended.out
    assert "TLSCertDuration" not in ended.out
    assert claims_in(certpush("ca", "advise", "30m", *of(ca))) == {"minTLSCertDuration": "30m0s"}


def test_a_very_short_one_needs_another_claim(certpush):
    ended = certpush("ca", "advise", "2m")
    assert claims_in(ended) == {"minTLSCertDuration": "2m0s"}
    assert "--x509-min-dur 2m0s" in ended.out


@pytest.mark.parametrize(("lifetime", "said"), [("825d", False), ("826d", True)])
def test_what_apple_s_systems_would_refuse_is_said(certpush, lifetime, said):
    assert ("825 days" in certpush("ca", "advise", lifetime).out) is said


def test_quiet_leaves_what_is_to_be_copied(certpush):
    assert len(certpush("ca", "advise", "395d", "-q").out.splitlines()) == 7
