"""certpush ca provisioners: their own limits, what is wrong with one, and what cannot be seen from outside."""

from __future__ import annotations

import re

import pytest

from certpush.testing.authority import JwkProvisioner
from unit.stepca.scripted import Reply

from .conftest import of

LONG = {"maxTLSCertDuration": "9480h", "defaultTLSCertDuration": "48h", "minTLSCertDuration": "1m"}


def rows(ended) -> dict[str, list[str]]:
    """The cells of each row, by the first."""
    lines = ended.out.split("\n\n")[0].splitlines()[1:]
    return {cells[0]: cells[1:] for cells in (re.split(r"\s{2,}", line) for line in lines)}


def more(name, **options):
    return JwkProvisioner.make(name, p2c=1000, **options)


def test_each_has_its_row_with_its_own_limits(certpush, start_ca):
    ca = start_ca(
        provisioners=(
            more("long", claims=LONG),
            more("once", claims={"disableRenewal": True}),
            more("late", claims={"allowRenewalAfterExpiry": True}),
            more("own key", hand_out_key=False),
        )
    )
    ended = certpush("ca", "provisioners", *of(ca))
    assert (ended.code, ended.err) == (0, "")
    shown = rows(ended)
    assert shown["admin"] == ["JWK", ca.admin.kid, "-", "-", "-", "-"]
    assert shown["long"][2:] == ["1m", "2d", "395d", "-"]
    assert shown["once"][5] == "disabled"
    assert shown["late"][5] == "after expiry too"
    assert shown["own key"][6] == "its key is not handed out: set provisioner_key"
    assert "cannot be seen from outside" in ended.out


def test_the_same_as_one_document(certpush, start_ca):
    ca = start_ca(provisioners=(more("long", claims={**LONG, "disableRenewal": True}),))
    document = certpush("ca", "provisioners", *of(ca), "--output", "json").document
    first, second = document["provisioners"]
    assert (first["name"], first["key"], first["max"], first["key_handed_out"]) == ("admin", ca.admin.kid, None, True)
    assert (second["min"].startswith("1m"), second["max"].startswith("9480h"), second["renewal_disabled"]) == (True, True, True)


@pytest.mark.live
def test_one_that_did_not_start_says_why(certpush, start_real_ca):
    broken = {"type": "OIDC", "name": "sso", "clientID": "x", "configurationEndpoint": "http://127.0.0.1:1/x"}
    ca = start_real_ca(provisioners=[broken, {"type": "ACME", "name": "acme"}])
    shown = rows(certpush("ca", "provisioners", *of(ca)))
    assert shown["sso"][0] == "OIDC"
    assert shown["sso"][6].startswith("Uninitialized: failed to connect to http://127.0.0.1:1/x")
    assert shown["acme"] == ["ACME", "-", "-", "-", "-", "-"]
    document = certpush("ca", "provisioners", *of(ca), "--output", "json").document
    assert [one["state"] for one in document["provisioners"]] == [None, "Uninitialized", None]


def test_names_and_texts_of_others_move_no_cursor(certpush, scripted):
    entry = {
        "type": "J\x07WK",
        "name": "a\x1b[2Jb\u202e",
        "key": {"kid": "k\rk"},
        "state": "bad\n",
        "stateReason": "x\x1b]0;y\x07",
        "claims": {"maxTLSCertDuration": "for\x1bever"},
    }
    scripted.routes["GET /provisioners"] = Reply(body={"provisioners": [entry]})
    ended = certpush("ca", "provisioners", *of(scripted))
    assert ended.code == 0
    assert not set(ended.out) & set("\x1b\x07\r\u202e")
    assert len(ended.out.splitlines()) == 5
    assert "for\\x1bever" in ended.out


def test_a_ca_without_any_is_said(certpush, scripted):
    ended = certpush("ca", "provisioners", *of(scripted))
    assert ended.code == 0
    assert "lists no provisioner" in ended.out


def test_no_ca_no_list(certpush, start_embedded_ca):
    ca = start_embedded_ca()
    ca.stop()
    assert certpush("ca", "provisioners", *of(ca)).code == 1
    assert certpush("ca", "provisioners").code == 2
