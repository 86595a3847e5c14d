"""init and who answers: which root is shown to be compared, and what is said of an address that is not the CA's."""

from __future__ import annotations

import pytest

from certpush.errors import RootMismatch
from certpush.kit.tls import utc_now
from certpush.model import read_certificates
from certpush.stepca.address import CaAddress
from certpush.stepca.contact import root_in_use
from certpush.testing.authority import Authority
from certpush.testing.authority.faults import Answer, Fault

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def names_roots(monkeypatch):
    return lambda *roots: monkeypatch.setattr("certpush.stepca.contact.shown_roots", lambda *_: roots)


def test_of_several_roots_the_one_in_use_is_shown(ca, authority: Authority, names_roots):
    (mine,) = read_certificates(ca.root_pem)
    names_roots(authority.root, mine)
    assert root_in_use(CaAddress.parse(ca.url), utc_now) == mine


def test_roots_that_the_answer_does_not_lead_to_are_not_shown(ca, authority: Authority, names_roots):
    names_roots(authority.root)
    with pytest.raises(RootMismatch, match="does not lead to the CA's root"):
        root_in_use(CaAddress.parse(ca.url), utc_now)


@pytest.mark.live
def test_an_address_that_is_none_of_the_cas_names_is_asked_for_again(start_real_ca, person, terminal):
    ca = start_real_ca(dns_names=("ca.example", "localhost"))
    given = ("--fingerprint", ca.fingerprint, "--password", "cmd:echo provisioner password")
    ended = person.init("--ca-url", ca.url, *given)
    assert ended.code == 4
    assert "the CA's certificate is for ca.example, localhost, not for 127.0.0.1" in ended.err
    shown = terminal("--ca-url", ca.url).answers("Fingerprint", ca.fingerprint).sees("is for ca.example, localhost")
    shown.answers("URL of the CA", ca.url.replace("127.0.0.1", "localhost")).answers("Fingerprint", ca.fingerprint)
    assert shown.sees("leads to that root").sees("Password").sees(": ").stops("\x03") == 1


@pytest.mark.parametrize("answer", [Answer.HTML, Answer.TRUNCATED, Answer.REDIRECT])
def test_whoever_is_no_step_ca_is_explained(start_embedded_ca, terminal, answer):
    ca = start_embedded_ca()
    ca.inject(Fault(answer=answer, path="/roots"))
    shown = terminal().answers("URL of the CA", ca.url).sees("error:").sees("URL of the CA").sees(": ")
    assert shown.stops("\x03") == 1
    assert "Traceback" not in shown.shown
