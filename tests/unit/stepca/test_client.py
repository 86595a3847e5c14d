"""The client against scripted answers: strict about what comes back, exact about what is sent."""

import itertools
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from certpush.errors import BundleInvalid, CertpushError, ClockSkew, IssuerRefused
from certpush.model import to_pem
from certpush.stepca import client as client_module
from certpush.stepca.client import StepCa, utc_now
from certpush.stepca.patience import CaBusy
from certpush.stepca.refusal import CaRefusal
from certpush.testing.authority.in_memory import Authority
from unit.stepca.scripted import Reply, ScriptedCa, refusal

CSR = "-----BEGIN CERTIFICATE REQUEST-----\n"


@pytest.fixture
def ca():
    with ScriptedCa(asks_for_certificate=True) as running:
        yield running


@pytest.fixture
def client(ca):
    with closing(StepCa(ca.url, [ca.authority.root])) as opened:
        yield opened


def pem(*certificates):
    return to_pem(*certificates).decode()


def signed(bundle, **changes):
    chain = [pem(one) for one in (bundle.leaf, *bundle.chain)]
    return {"crt": chain[0], "ca": chain[1], "certChain": chain, **changes}


# --- what the CA says about itself ------------------------------------------------------------


def test_health_and_version(ca, client):
    ca.routes["GET /version"] = Reply(body={"version": "0.30.2", "requireClientAuthentication": True})
    assert client.health().status == "ok"
    assert (client.version().version, client.version().require_client_authentication) == ("0.30.2", True)


def test_roots_and_intermediates(ca, client):
    authority = ca.authority
    ca.routes["GET /roots"] = Reply(201, {"crts": [pem(authority.root)]})
    ca.routes["GET /intermediates"] = Reply(201, {"crts": [pem(authority.intermediate)]})
    ca.routes[f"GET /root/{authority.fingerprint}"] = Reply(body={"ca": pem(authority.root)})
    assert client.all_roots() == (authority.root,)
    assert client.intermediates() == (authority.intermediate,)
    assert client.root(authority.fingerprint) == authority.root


def test_provisioners_are_read_from_all_pages(ca, client):
    ca.routes["GET /provisioners"] = [
        Reply(body={"provisioners": [{"type": "ACME", "name": "a"}], "nextCursor": "12ab"}),
        Reply(body={"provisioners": [{"type": "ACME", "name": "b"}], "nextCursor": "34cd"}),
        Reply(body={"provisioners": None, "nextCursor": ""}),
    ]
    assert [one.name for one in client.provisioners()] == ["a", "b"]
    assert [one.path for one in ca.seen] == [f"/provisioners?limit=50&cursor={cursor}" for cursor in ("", "12ab", "34cd")]


def test_a_listing_that_comes_round_again_is_given_up_and_its_cursor_cannot_change_the_path(ca, client):
    ca.routes["GET /provisioners"] = Reply(body={"provisioners": [{"type": "ACME", "name": "a"}], "nextCursor": "../x?"})
    with pytest.raises(IssuerRefused, match="no end"):
        client.provisioners()
    assert [one.path for one in ca.seen] == [f"/provisioners?limit=50&cursor={cursor}" for cursor in ("", "..%2Fx%3F")]


def test_a_listing_without_end_is_given_up(ca, client, monkeypatch):
    monkeypatch.setattr(client_module, "_MOST_PAGES", 3)
    numbers = itertools.count()
    ca.routes["GET /provisioners"] = lambda _: Reply(
        body={"provisioners": [{"type": "ACME", "name": "a"}], "nextCursor": str(next(numbers))}
    )
    with pytest.raises(IssuerRefused, match="no end"):
        client.provisioners()
    assert len(ca.seen) == 3


def test_provisioners_of_150_pages_are_all_listed(ca, client):
    def page(seen):
        number = int(seen.path.rpartition("=")[2] or "0", 16)
        return Reply(
            body={"provisioners": [{"type": "ACME", "name": str(number)}], "nextCursor": f"{number + 1:x}" if number < 149 else ""}
        )

    ca.routes["GET /provisioners"] = page
    assert len({one.name for one in client.provisioners()}) == 150


@pytest.mark.parametrize(
    "reply",
    [
        Reply(201, b"<html>login</html>"),
        Reply(201, {"crt": "x", "ca": "y"}),
        Reply(302, b"", {"Location": "https://elsewhere/"}),
        Reply(201, b"{}", {"Content-Encoding": "gzip"}),
        Reply(201, b"x" * 2_000_000),
        Reply(act=lambda _: None),
        Reply(502, b""),
        Reply(404, b"404 page not found\n"),
    ],
    ids=["HTML", "junk", "redirect", "compressed", "too large", "lost", "busy", "no route"],
)
def test_whatever_was_wrong_with_an_answer_its_request_id_is_said_once_and_a_next_step(ca, client, reply):
    ca.routes["POST /sign"] = reply
    with pytest.raises(CertpushError) as failed:
        client.sign(CSR, "t")
    (sent,) = ca.asked("POST /sign")
    assert failed.value.message.count(f"request-id={sent.headers['x-request-id']}") == 1
    assert str(failed.value) == failed.value.message
    assert failed.value.hint


def test_a_sealed_key_is_asked_for_by_its_kid(ca, client):
    ca.routes["GET /provisioners/I-9q_2/encrypted-key"] = Reply(body={"key": "a.b.c.d.e"})
    assert client.encrypted_key("I-9q_2") == "a.b.c.d.e"
    for kid in ("../roots", "", "é", "a b"):
        with pytest.raises(IssuerRefused, match="cannot be asked for"):
            client.encrypted_key(kid)
    assert len(ca.seen) == 1


# --- certificates -----------------------------------------------------------------------------


def test_sign_sends_the_request_once_and_gives_leaf_chain_and_root(ca, client):
    bundle = ca.authority.issue("web.example.com")
    ca.routes["POST /sign"] = Reply(201, signed(bundle))
    issued = client.sign(CSR, "token", timedelta(days=395))
    assert (issued.leaf, issued.chain, issued.roots) == (bundle.leaf, bundle.chain, (ca.authority.root,))
    assert [one.json for one in ca.seen] == [{"csr": CSR, "ott": "token", "notAfter": "9480h0m0s"}]


def test_without_a_lifetime_the_ca_decides(ca, client):
    ca.routes["POST /sign"] = Reply(201, signed(ca.authority.issue()))
    client.sign(CSR, "token")
    assert ca.seen[0].json == {"csr": CSR, "ott": "token"}


def test_an_older_answer_without_a_chain_is_read(ca, client):
    bundle = ca.authority.issue()
    ca.routes["POST /sign"] = Reply(201, signed(bundle, certChain=None))
    assert client.sign(CSR, "t").chain == bundle.chain


def test_a_root_in_the_chain_is_left_out(ca, client):
    bundle = ca.authority.issue()
    with_root = [pem(one) for one in (bundle.leaf, *bundle.chain, ca.authority.root)]
    ca.routes["POST /sign"] = Reply(201, signed(bundle, certChain=with_root))
    assert client.sign(CSR, "t").chain == bundle.chain


def test_only_the_roots_that_the_chain_leads_to_are_given(ca):
    other = Authority("Other")
    bundle, foreign = ca.authority.issue(), other.issue()
    with closing(StepCa(ca.url, [Authority("Third").root, ca.authority.root])) as client:
        ca.routes["POST /sign"] = [Reply(201, signed(bundle)), Reply(201, signed(foreign))]
        assert client.sign(CSR, "t").roots == (ca.authority.root,)
        # A chain that leads to no pinned root is for the comparison with the request to find.
        assert client.sign(CSR, "t").roots == client.roots


def garbage(bundle):
    good = signed(bundle)
    leaf, intermediate = pem(bundle.leaf), pem(*bundle.chain)
    return [
        {},
        [],
        "text",
        7,
        None,
        {"crt": leaf},
        {**good, "crt": 7},
        {**good, "crt": "no certificate"},
        {**good, "crt": ""},
        {**good, "crt": "ü"},
        {**good, "crt": leaf + leaf},
        {**good, "crt": leaf.replace("M", "N")},
        {**good, "certChain": [intermediate, leaf]},
        {**good, "certChain": [leaf] + [intermediate] * 10},
        {**good, "certChain": [leaf, "x"]},
        {**good, "certChain": "x"},
        {**good, "certChain": {}},
    ]


def test_garbage_in_the_place_of_a_certificate_is_refused_each_time(ca, client):
    for answer in garbage(ca.authority.issue()):
        ca.routes["POST /sign"] = Reply(201, answer)
        with pytest.raises((BundleInvalid, IssuerRefused)) as refused:
            client.sign(CSR, "t")
        assert "/sign" in str(refused.value)


@pytest.mark.parametrize("body", [b"", b"<html>login</html>", b"{", b"\xff\xfe", b"[" * 100_000, b'{"status": 7}', b'{"status":"ok"'])
def test_garbage_in_the_place_of_json_is_refused(ca, client, body):
    ca.routes["GET /health"] = Reply(body=body)
    with pytest.raises(IssuerRefused, match="not what step-ca sends"):
        client.health()


def test_renewal_by_token_asks_the_ca_for_its_name_first(ca, client):
    current = ca.authority.issue("web.example.com")
    ca.routes["POST /renew"] = Reply(201, signed(current))
    assert client.renew_with_token(current).leaf == current.leaf
    health, renewal = ca.seen
    assert health.path == "/health"
    assert renewal.headers["authorization"].startswith("Bearer eyJ")
    assert renewal.client_certificate is None
    client.renew_with_token(current)
    assert [one.path for one in ca.seen] == ["/health", "/renew"] * 2


def test_renew_and_rekey_show_the_current_certificate(ca, client):
    current, renewed = ca.authority.issue("web.example.com"), ca.authority.issue("web.example.com")
    ca.routes["POST /renew"] = ca.routes["POST /rekey"] = Reply(201, signed(renewed))
    assert client.renew(current).leaf == renewed.leaf
    assert client.rekey(current, CSR).leaf == renewed.leaf
    assert [one.client_certificate for one in ca.seen] == [current.leaf.public_bytes(Encoding.DER)] * 4
    assert [one.path for one in ca.seen] == ["/health", "/renew", "/health", "/rekey"]
    assert [one.json for one in ca.seen if one.path != "/health"] == [{}, {"csr": CSR}]


def test_by_a_wrong_clock_nothing_is_renewed(ca):
    current = ca.authority.issue("web.example.com")
    ahead = StepCa(ca.url, [ca.authority.root], clock=lambda: utc_now() + timedelta(hours=12))
    with closing(ahead) as client:
        for renew in (client.renew, client.renew_with_token, lambda one: client.rekey(one, CSR)):
            with pytest.raises(ClockSkew):
                renew(current)
    assert {one.path for one in ca.seen} == {"/health"}


def test_revoke_is_passive_and_decimal(ca, client):
    ca.routes["POST /revoke"] = Reply(body={"status": "ok"})
    client.revoke(0xFF, "token", reason="superseded", reason_code=4)
    assert ca.seen[0].json == {"serial": "255", "ott": "token", "reasonCode": 4, "reason": "superseded", "passive": True}


# --- refusals ---------------------------------------------------------------------------------


def test_a_refusal_carries_the_request_id_that_was_sent(ca, client):
    ca.routes["POST /sign"] = refusal(400, "The request could not be completed: missing csr.")
    with pytest.raises(CaRefusal) as refused:
        client.sign(CSR, "t")
    assert f"request-id={ca.seen[0].headers['x-request-id']}" in str(refused.value)


def test_tokens_and_keys_are_in_no_error(ca, client, caplog):
    caplog.set_level("DEBUG")
    for reply in (refusal(401, "no"), Reply(500, b"x"), Reply(act=lambda _: None), Reply(201, {})):
        ca.routes["POST /sign"] = reply
        with pytest.raises(CertpushError) as refused:
            client.sign("csr-canary", "token-canary")
        assert "canary" not in f"{refused.value} {refused.value.hint} {refused.value.__cause__}"
    assert "canary" not in caplog.text


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_not_now_is_told_from_no(ca, client, status):
    ca.routes["GET /health"] = Reply(status, b"<html>", {"Retry-After": "7"})
    with pytest.raises(CaBusy, match=f"{status}, request-id=") as busy:
        client.health()
    assert busy.value.wait == timedelta(seconds=7)
    assert busy.value.retryable


# --- what is seen beside the answer -----------------------------------------------------------


def test_the_skew_is_that_of_the_latest_answer(ca):
    now = datetime(2026, 11, 24, 9, 0, tzinfo=UTC)
    with closing(StepCa(ca.url, [ca.authority.root], clock=lambda: now)) as client:
        assert client.skew is None
        ca.routes["GET /health"] = [
            Reply(body={"status": "ok"}, date=now + timedelta(minutes=10)),
            Reply(body={"status": "ok"}, headers={"Date": ""}),
        ]
        client.health()
        assert client.skew == timedelta(minutes=10)
        client.health()
        assert client.skew is None


def test_the_names_of_the_ca_are_known_after_the_first_answer(ca, client):
    assert client.own_names == ()
    client.health()
    assert client.own_names == ("localhost", "127.0.0.1")
    assert client.audience.url("sign") == f"{ca.url}/1.0/sign"


def test_the_clock_is_utc():
    assert utc_now().tzinfo is UTC
