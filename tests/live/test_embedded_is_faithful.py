"""The embedded CA answers as step-ca does: the same raw requests to both, and equal answers but for serials, moments and keys."""

from __future__ import annotations

import difflib
import json
import pprint
import re
import socket
import ssl
import threading
import time
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509

from certpush.testing.authority import Authority, EmbeddedCa, JwkProvisioner, Pki
from certpush.testing.lab.step_ca import RealCa
from live.faithful import World, comparable, described, request, shown
from live.faithful_cases import ADMIN, ALL, CREDENTIAL, CSR, OTHERS, SHORT, SHORT_CREDENTIAL, expired, sign_by
from live.faithful_odd_cases import ODD, ODD_X5C
from live.faithful_wire import WIRE, exchange
from live.record_step_ca import FIXTURES, refusals

pytestmark = pytest.mark.live("step-ca")


@pytest.fixture(scope="module")
def worlds(tmp_path_factory):
    """The two CAs, with the same keys and the same configuration."""
    pki = Pki.make("Same")
    others = (*OTHERS, *ODD_X5C)
    with (
        RealCa(pki=pki, admin=ADMIN, provisioners=others) as real,
        EmbeddedCa(authority=Authority(pki=pki), admin=ADMIN, provisioners=others) as embedded,
    ):
        yield World(real, tmp_path_factory.mktemp("real")), World(embedded, tmp_path_factory.mktemp("embedded"))


@pytest.mark.parametrize(("status", "ask"), list(ALL.values()), ids=list(ALL))
def test_same(worlds, status, ask):
    real, embedded = [given if isinstance(given := ask(world), list) else [given] for world in worlds]
    assert real[-1].status == status, real[-1]
    expected, given = ([pprint.pformat(one.comparable(), width=150) for one in answers] for answers in (real, embedded))
    assert given == expected, "\n".join(difflib.ndiff("\n".join(expected).splitlines(), "\n".join(given).splitlines()))


def test_a_certificate_ends_with_the_one_that_asked_for_it(worlds):
    for world in worlds:
        assert sign_by(world, credential=SHORT_CREDENTIAL).leaf.not_valid_after_utc == SHORT_CREDENTIAL.not_after


@pytest.mark.parametrize(("status", "ask"), list(ODD.values()), ids=list(ODD))
def test_same_of_what_a_careless_client_sends(worlds, status, ask):
    test_same(worlds, status, ask)


@pytest.mark.parametrize("sent", list(WIRE.values()), ids=list(WIRE))
def test_same_byte_by_byte(worlds, sent):
    real, embedded = (exchange(world.ca, sent) for world in worlds)
    assert embedded == real


@pytest.mark.parametrize(("offered", "chosen"), [(["http/1.1"], "http/1.1"), ([], None)])
def test_the_same_own_certificate_and_protocol_are_shown(worlds, offered, chosen):
    seen = []
    for world in worlds:
        context = ssl.create_default_context(cadata=world.ca.root_pem.decode())
        context.set_alpn_protocols(offered)
        with (
            socket.create_connection(("127.0.0.1", world.port), timeout=10) as plain,
            context.wrap_socket(plain, server_hostname="localhost") as secured,
        ):
            own = x509.load_der_x509_certificate(secured.getpeercert(binary_form=True))
            seen.append((secured.selected_alpn_protocol(), secured.version(), described(own) | {"starts in about": None}))
    assert seen[0] == seen[1]
    assert seen[1][0] == chosen


def test_the_embedded_cas_own_certificate_is_replaced_in_time(start_embedded_ca, monkeypatch):
    ca = start_embedded_ca()  # of our own: what it shows afterwards is not valid yet

    def own() -> str:
        return ssl.get_server_certificate(("127.0.0.1", int(ca.url.rpartition(":")[2])))

    before = own()
    assert own() == before
    now = datetime.now(UTC)
    with monkeypatch.context() as later:
        later.setattr("certpush.testing.authority.embedded.real_clock", lambda: now + timedelta(hours=17))
        after = own()
    assert after != before


@pytest.fixture
def pair(start_real_ca, start_embedded_ca, tmp_path):
    """Two CAs of one's own: ``pair(database=False)``."""

    def start(**options):
        pki = Pki.make("Same")
        cas = (
            start_real_ca(pki=pki, admin=ADMIN, **options),
            start_embedded_ca(authority=Authority(pki=pki), admin=ADMIN, **options),
        )
        return [World(ca, tmp_path) for ca in cas]

    return start


def assert_same(worlds, status, ask):
    test_same(worlds, status, ask)


def test_a_request_id_that_was_sent_comes_back_and_stands_in_the_log_beside_the_reason(worlds):
    for world in worlds:
        answer = world.sign(token=world.token(key=CREDENTIAL.key.reveal_key()))
        world.send("GET", "/health", X_Request_Id="my-own-id")
        echoed = world.send("POST", "/sign", {"csr": CSR, "ott": world.token(iss="nobody")}, X_Request_Id="it-was-me")
        assert echoed.headers["x-request-id"] == "it-was-me"
        lines = [line for line in world.ca.log().splitlines() if "request-id=it-was-me" in line]
        assert len(lines) == 1
        assert "provisioner not found" in lines[0]
        assert any(f"request-id={answer.headers['x-request-id']}" in line for line in world.ca.log().splitlines())


def test_of_eight_requests_with_one_token_one_gets_a_certificate(worlds):
    for world in worlds:
        token, statuses = world.token(), []
        threads = [threading.Thread(target=lambda w=world, t=token, s=statuses: s.append(w.sign(token=t).status)) for _ in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(statuses) == [201] + [401] * 7


def test_an_expired_client_certificate_is_refused_in_the_handshake(worlds):
    for world in worlds:
        one = expired(world, SHORT, notAfter="1s")
        with pytest.raises(ssl.SSLError, match="CERTIFICATE_EXPIRED"):
            world.send("POST", "/renew", client=one)


def test_a_client_certificate_of_another_ca_is_refused_in_the_handshake(worlds):
    stranger = Authority("Other").issue()
    for world in worlds:
        with pytest.raises(ssl.SSLError, match="UNKNOWN_CA"):
            world.send("POST", "/renew", client=shown(stranger), key=stranger.key.reveal_key())


def test_a_restart_refuses_tokens_from_before_and_keeps_used_ones_used(pair):
    for world in pair():
        old, used = world.token(), world.token(iat=None)
        assert world.sign(token=used).status == 201
        time.sleep(1.1)  # the second of the start counts, and nothing tells when the next one has begun
        world.ca.restart()
        assert world.sign(token=old).status == 401
        assert world.sign(token=used).status == 401
        assert world.sign().status == 201


def test_without_a_database(pair):
    worlds = pair(database=False)
    assert_same(worlds, 401, lambda w: [w.sign(token=one) for one in [w.token()] * 2])
    assert_same(worlds, 501, lambda w: w.revoke(1))
    assert_same(worlds, 201, lambda w: w.send("POST", "/renew", client=w.sign()))


def test_without_a_database_a_restart_forgets_used_tokens(pair):
    for world in pair(database=False):
        token = world.token(iat=None)
        assert world.sign(token=token).status == 201
        world.ca.restart()
        assert world.sign(token=token).status == 201


def test_claims_of_the_authority_count_and_are_not_listed(pair):
    worlds = pair(
        claims={"maxTLSCertDuration": "2160h", "defaultTLSCertDuration": "720h", "minTLSCertDuration": "1s"}, provisioners=[SHORT]
    )
    assert_same(worlds, 200, lambda w: w.get("/provisioners"))
    assert_same(worlds, 201, lambda w: w.sign())
    assert_same(worlds, 201, lambda w: w.sign(notAfter="2160h"))
    assert_same(worlds, 403, lambda w: w.sign(notAfter="2160h1m"))
    assert_same(worlds, 201, lambda w: w.sign(provisioner=SHORT))


def test_claims_change_with_update(pair):
    worlds = pair()
    assert_same(worlds, 403, lambda w: w.sign(notAfter="48h"))
    for world in worlds:
        world.ca.update(claims={"maxTLSCertDuration": "48h"})
    assert_same(worlds, 201, lambda w: w.sign(notAfter="48h"))
    for world in worlds:
        world.ca.update(admin_claims={"maxTLSCertDuration": "72h", "disableRenewal": True})
    assert_same(worlds, 401, lambda w: [one := w.sign(notAfter="72h"), w.send("POST", "/renew", client=one)])


def test_a_new_provisioner_key_replaces_the_old_one(pair):
    worlds = pair()
    new = JwkProvisioner.make(p2c=1000)
    for world in worlds:
        held = world.sign()
        world.ca.update(admin=new)
        assert world.sign(token=world.token(provisioner=ADMIN)).status == 401
        assert world.sign(token=world.token(provisioner=new)).status == 201
        # By name it is still the same provisioner.
        assert world.send("POST", "/renew", client=held).status == 201


def test_an_expired_certificate_is_renewed_by_token_only_where_allowed(pair):
    worlds = pair(claims={"minTLSCertDuration": "1s"})
    assert_same(worlds, 401, lambda w: w.renew_by_token(expired(w, ADMIN, notAfter="1s")))


@pytest.mark.parametrize("names", [("a.example.com",), ("a.b.example.com",), ("example.com",), ("192.0.2.7",), ("a.example.com", "b.org")])
def test_a_policy_refuses_names_that_are_not_on_its_list(start_real_ca, start_embedded_ca, tmp_path, names):
    policy = {"policy": {"x509": {"allow": {"dns": ["*.example.com"]}}}}
    pki = Pki.make("Same")
    real = start_real_ca(pki=pki, admin=ADMIN, authority=policy)
    embedded = start_embedded_ca(authority=Authority(pki=pki), admin=ADMIN, allowed_dns=["*.example.com"])
    status = 201 if names == ("a.example.com",) else 403
    assert_same([World(real, tmp_path), World(embedded, tmp_path)], status, lambda w: w.sign_names(*names, csr=request()))


# --- the recording ----------------------------------------------------------------------------


def test_what_was_recorded_is_what_it_answers_today(worlds):
    recorded = json.loads((FIXTURES / "refusals.json").read_text())
    assert {name: _told(one) for name, one in refusals(worlds[0]).items()} == {name: _told(one) for name, one in recorded.items()}


def _told(refusal):
    alike = re.sub(r"[0-9a-f:]{60,}|[A-Za-z0-9_-]{43}", "<fingerprint>", refusal["body"])
    return refusal["status"], refusal["content-type"], comparable(alike)
