"""The issuer against scripted answers: first contact, tokens never used twice, tries bounded, refusals diagnosed."""

import json
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from certpush.errors import (
    BundleInvalid,
    CertpushError,
    ClockSkew,
    ConfigError,
    IssuerRefused,
    IssuerUnreachable,
    RootMismatch,
    TrustError,
)
from certpush.model import CertificateRequest, DnsName, KeySpec, PrivateKey, Secret, to_pem
from certpush.stepca import issuer as issuer_module
from certpush.stepca import proving
from certpush.stepca.issuer import open_issuer
from certpush.stepca.jose import from_base64url
from certpush.stepca.patience import CaBusy
from certpush.stepca.refusal import CaRefusal
from certpush.stepca.settings import CaSettings
from certpush.stepca.transport_errors import AnswerLost, OutsideValidity, OwnCertificateRefused, WrongName
from certpush.testing.authority.in_memory import Authority
from certpush.testing.authority.provisioners import JwkProvisioner
from certpush.testing.listener import Listener
from unit.stepca.requests_made import signing_request
from unit.stepca.scripted import Reply, ScriptedCa, refusal

GENERIC = "The request lacked necessary authorization to be completed. Please see the certificate authority logs for more info."
REQUEST = CertificateRequest((DnsName("web.example.com"),), lifetime=timedelta(hours=2))
CSR = signing_request(PrivateKey.generate(KeySpec.EC_P256), REQUEST.names)
ADMIN = JwkProvisioner.make(p2c=1000)


def pem(*certificates):
    return to_pem(*certificates).decode()


def signed(ca):
    bundle = ca.authority.issue("web.example.com")
    chain = [pem(one) for one in (bundle.leaf, *bundle.chain)]
    return Reply(201, {"crt": chain[0], "ca": chain[1], "certChain": chain})


def ready(ca):
    ca.routes |= {
        f"GET /root/{ca.authority.fingerprint}": Reply(body={"ca": pem(ca.authority.root)}),
        "GET /provisioners": Reply(body={"provisioners": [ADMIN.configuration()], "nextCursor": ""}),
        "POST /sign": signed(ca),
        "POST /revoke": Reply(body={"status": "ok"}),
    }
    return ca


@pytest.fixture
def ca():
    with ScriptedCa(asks_for_certificate=True) as running:
        yield ready(running)


def settings_for(ca, **changes):
    own = {"url": ca.url, "fingerprint": ca.authority.fingerprint, "password": Secret(ADMIN.password), **changes}
    return CaSettings(**own)


@pytest.fixture
def issuer(ca):
    with open_issuer(settings_for(ca), sleep=pytest.fail) as opened:
        yield opened


def opened(ca, *, clock=lambda: datetime.now(UTC), sleep=pytest.fail, **changes):
    return open_issuer(settings_for(ca, **changes), clock=clock, sleep=sleep)


def claims(token):
    return json.loads(from_base64url(token.split(".")[1]))


def tokens(ca, route="POST /sign"):
    return [one.json["ott"] for one in ca.asked(route)]


# --- first contact ----------------------------------------------------------------------------


def test_nothing_is_sent_before_the_first_call(ca, issuer):
    assert ca.connections == 0
    assert issuer.connect() is issuer.connect()
    assert [one.path for one in ca.seen] == [f"/root/{ca.authority.fingerprint}"]


def test_a_root_in_a_file_needs_no_first_contact(ca, tmp_path):
    (tmp_path / "root.crt").write_bytes(ca.authority.root_pem)
    with opened(ca, root=str(tmp_path / "root.crt")) as issuer:
        issuer.sign(REQUEST, CSR)
    assert ca.asked(f"GET /root/{ca.authority.fingerprint}") == []


def test_its_roots_are_fetched_once_and_not_at_all_where_they_stand_in_a_file(ca, issuer, tmp_path):
    assert issuer.roots() == issuer.roots() == (ca.authority.root,)
    assert [one.path for one in ca.seen] == [f"/root/{ca.authority.fingerprint}"]
    (tmp_path / "root.crt").write_bytes(ca.authority.root_pem)
    with opened(ca, root=str(tmp_path / "root.crt"), fingerprint=None, url="https://127.0.0.1:1") as filed:
        assert filed.roots() == (ca.authority.root,)


def test_roots_that_cannot_be_fetched_are_told(ca):
    with opened(ca, url="https://127.0.0.1:1") as down, pytest.raises(IssuerUnreachable):
        down.roots()


def test_file_and_fingerprint_that_disagree_are_refused_before_any_network(ca, tmp_path):
    (tmp_path / "root.crt").write_bytes(Authority("Other").root_pem)
    with opened(ca, root=str(tmp_path / "root.crt")) as issuer, pytest.raises(RootMismatch):
        issuer.sign(REQUEST, CSR)
    assert ca.connections == 0


@pytest.mark.parametrize("refused", [refusal(404, "root certificate with fingerprint was not found"), None])
def test_another_root_than_the_fingerprints_is_refused_and_nothing_secret_sent(ca, refused):
    other = Authority("Other")
    ca.routes[f"GET /root/{other.fingerprint}"] = refused or Reply(body={"ca": pem(ca.authority.root)})
    with opened(ca, fingerprint=other.fingerprint) as issuer, pytest.raises(RootMismatch, match=other.fingerprint):
        issuer.sign(REQUEST, CSR)
    assert [one.method for one in ca.seen] == ["GET"]
    assert not ca.seen[0].body


def test_a_server_that_has_the_right_root_but_not_its_certificate_is_refused(ca):
    """The root is public: whoever stands in between can hand it out too."""
    real = Authority("Real")
    ca.routes[f"GET /root/{real.fingerprint}"] = Reply(body={"ca": pem(real.root)})
    with opened(ca, fingerprint=real.fingerprint) as issuer, pytest.raises(RootMismatch, match="does not lead"):
        issuer.sign(REQUEST, CSR)
    assert {one.method for one in ca.seen} == {"GET"}


@pytest.mark.parametrize(("body", "said"), [(b"<html>404 Not Found</html>", "a web page came"), (b"404 page not found\n", "no such route")])
def test_a_server_that_is_no_step_ca_is_told_as_such(ca, body, said):
    ca.routes[f"GET /root/{ca.authority.fingerprint}"] = Reply(404, body)
    with opened(ca) as issuer, pytest.raises(IssuerRefused, match=said):
        issuer.connect()


@pytest.mark.parametrize("greeting", [b"SSH-2.0-OpenSSH_9.2\r\n", b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"])
def test_a_port_without_tls_is_told_at_once(greeting):
    def greet(connection):
        with connection:
            connection.sendall(greeting)
            connection.recv(4096)

    other = Listener(greet).start()
    settings = CaSettings(url=f"https://127.0.0.1:{other.port}", fingerprint="0" * 64, password=Secret("x"))
    try:
        with open_issuer(settings) as issuer, pytest.raises(IssuerUnreachable, match="does not speak TLS") as failed:
            issuer.sign(REQUEST, CSR)
    finally:
        other.stop()
    assert "port" in failed.value.hint
    assert other.accepted == 1


@pytest.mark.parametrize("body", [b"<html>", b"{}", b'{"ca": "x"}', b'{"ca": 7}'])
def test_garbage_at_first_contact_is_refused(ca, body):
    ca.routes[f"GET /root/{ca.authority.fingerprint}"] = Reply(body=body)
    with opened(ca) as issuer, pytest.raises((IssuerRefused, BundleInvalid)):
        issuer.connect()


def test_a_busy_ca_is_waited_for_at_first_contact(ca):
    slept = []
    ca.routes[f"GET /root/{ca.authority.fingerprint}"] = [Reply(503, b""), Reply(body={"ca": pem(ca.authority.root)})]
    with opened(ca, sleep=slept.append) as issuer:
        issuer.sign(REQUEST, CSR)
    assert slept == [1]


def test_a_ca_that_is_down_is_unreachable():
    with open_issuer(CaSettings(url="https://127.0.0.1:1", fingerprint="0" * 64, password=Secret("x"))) as issuer:
        with pytest.raises(IssuerUnreachable) as failed:
            issuer.sign(REQUEST, CSR)
        assert failed.value.retryable
        issuer.close()


def test_many_threads_share_one_ca(ca):
    start = threading.Barrier(8)

    def run(issuer):
        start.wait(10)
        issuer.sign(REQUEST, CSR)
        return issuer.connect()

    with opened(ca) as issuer, ThreadPoolExecutor(8) as threads:
        found = list(threads.map(run, [issuer] * 8))
    assert len(set(map(id, found))) == 1
    assert len(set(tokens(ca))) == 8


# --- signing ----------------------------------------------------------------------------------


def test_the_ca_is_seen_before_the_token_is_made(ca, issuer):
    issuer.sign(REQUEST, CSR)
    assert [f"{one.method} {one.path.partition('?')[0]}" for one in ca.seen][1:] == ["GET /provisioners", "POST /sign"]
    token = claims(tokens(ca)[0])
    assert token["aud"] == f"{ca.url}/1.0/sign"
    assert (token["iss"], token["sans"], token["sha"]) == ("admin", ["web.example.com"], ca.authority.fingerprint)
    assert ca.asked("POST /sign")[0].json["notAfter"] == "2h0m0s"


def test_a_second_certificate_a_moment_later_costs_one_request(ca, issuer):
    issuer.sign(REQUEST, CSR)
    before = len(ca.seen)
    issuer.sign(REQUEST, CSR)
    assert [one.path for one in ca.seen[before:]] == ["/sign"]


def test_after_ten_seconds_the_ca_is_looked_at_anew(ca, issuer, monkeypatch):
    monkeypatch.setattr(proving, "_FRESH_SECONDS", -1.0)
    issuer.sign(REQUEST, CSR)
    issuer.sign(REQUEST, CSR)
    assert len(ca.asked("GET /provisioners")) == 2


def test_after_our_clock_was_set_the_ca_is_looked_at_anew(ca):
    """What was seen of it says nothing any more about the difference of the clocks."""
    ahead = timedelta(0)
    with opened(ca, clock=lambda: datetime.now(UTC) + ahead) as issuer:
        issuer.sign(REQUEST, CSR)
        ahead = timedelta(hours=3)
        with pytest.raises(ClockSkew):
            issuer.sign(REQUEST, CSR)
    assert len(ca.asked("POST /sign")) == 1


def test_a_signing_request_that_cannot_be_read_is_not_sent(ca, issuer):
    for text in (b"", b"no request", b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"):
        with pytest.raises(BundleInvalid, match="signing request"):
            issuer.sign(REQUEST, text)
    assert ca.connections == 0


def test_a_wrong_password_is_found_out_here_and_sends_nothing(ca):
    with opened(ca, password=Secret("wrong")) as issuer, pytest.raises(IssuerRefused, match="does not open"):
        issuer.sign(REQUEST, CSR)
    assert ca.asked("POST /sign") == []


@pytest.mark.parametrize("minutes", [-10, 10])
def test_a_skewed_clock_is_refused_with_numbers_before_a_token_is_made(ca, minutes, monkeypatch):
    monkeypatch.setattr(proving, "credential_for", pytest.fail)
    clock = lambda: datetime.now(UTC) + timedelta(minutes=minutes)  # noqa: E731
    with opened(ca, clock=clock) as issuer, pytest.raises(ClockSkew, match=r"differ by (59\d|60\d) s \(here .*Z, there .*Z\)"):
        issuer.sign(REQUEST, CSR)
    assert ca.asked("POST /sign") == []


def test_a_small_difference_of_clocks_does_no_harm(ca):
    clock = lambda: datetime.now(UTC) + timedelta(seconds=25)  # noqa: E731
    with opened(ca, clock=clock) as issuer:
        issuer.sign(REQUEST, CSR)


def test_without_a_date_the_clocks_are_not_compared(ca):
    ca.routes["GET /provisioners"].headers["Date"] = ""
    with opened(ca, clock=lambda: datetime.now(UTC) + timedelta(minutes=10)) as issuer:
        issuer.sign(REQUEST, CSR)


# --- trying again -----------------------------------------------------------------------------


def cut():
    return Reply(act=lambda _: None)


@pytest.mark.parametrize("lost", [1, 2])
def test_after_a_lost_answer_another_token_is_made(ca, issuer, lost):
    ca.routes["POST /sign"] = [*[cut() for _ in range(lost)], signed(ca)]
    issued = issuer.sign(REQUEST, CSR)
    assert "it may have signed one more" in issued.note
    assert len(set(tokens(ca))) == lost + 1
    assert len({claims(one)["jti"] for one in tokens(ca)}) == lost + 1


def test_after_three_lost_answers_it_is_given_up(ca, issuer):
    ca.routes["POST /sign"] = cut()
    with pytest.raises(AnswerLost) as failed:
        issuer.sign(REQUEST, CSR)
    assert failed.value.retryable
    assert len(set(tokens(ca))) == len(tokens(ca)) == 3


@pytest.mark.parametrize("status", [429, 502, 503, 504])
def test_a_busy_ca_is_asked_again_with_another_token(ca, status):
    slept = []
    ca.routes["POST /sign"] = [Reply(status, b"", {"Retry-After": "3"}), signed(ca)]
    with opened(ca, sleep=slept.append) as issuer:
        issuer.sign(REQUEST, CSR)
    assert slept == [3]
    assert len(set(tokens(ca))) == 2


def test_a_ca_that_stays_busy_is_asked_three_times(ca):
    ca.routes["POST /sign"] = Reply(503, b"", {"Retry-After": "-1"})
    slept = []
    with opened(ca, sleep=slept.append) as issuer, pytest.raises(CaBusy):
        issuer.sign(REQUEST, CSR)
    assert slept == [1, 1]
    assert len(set(tokens(ca))) == 3


def test_an_hour_is_not_waited_for(ca, issuer):
    ca.routes["POST /sign"] = Reply(503, b"", {"Retry-After": "3600"})
    with pytest.raises(IssuerUnreachable, match="asks to wait 1h"):
        issuer.sign(REQUEST, CSR)
    assert len(tokens(ca)) == 1


def test_a_refusal_is_final(ca, issuer):
    ca.routes["POST /sign"] = refusal(500, "The certificate authority encountered an Internal Server Error. Please see")
    with pytest.raises(CaRefusal, match="the CA failed"):
        issuer.sign(REQUEST, CSR)
    assert len(tokens(ca)) == 1


def test_all_tries_together_keep_to_one_deadline(ca, issuer, monkeypatch):
    monkeypatch.setattr(issuer_module, "OPERATION_SECONDS", 0.5)
    done = threading.Event()
    ca.routes["POST /sign"] = Reply(act=lambda _: done.wait(10))
    began = time.monotonic()
    try:
        with pytest.raises(IssuerUnreachable):
            issuer.sign(REQUEST, CSR)
    finally:
        done.set()
    assert time.monotonic() - began < 9


# --- a 401 without a reason -------------------------------------------------------------------


def test_an_unexplained_401_is_diagnosed_and_names_its_request_id(ca, issuer):
    ca.bundle = None
    ca.routes["POST /sign"] = refusal(401, GENERIC)
    with pytest.raises(CaRefusal, match="did not accept our token") as refused:
        issuer.sign(REQUEST, CSR)
    sent = ca.asked("POST /sign")[0].headers["x-request-id"]
    assert f"request-id={sent}" in refused.value.message
    assert f"request-id={sent}" in refused.value.hint


def test_a_provisioner_that_went_away_meanwhile_is_found_out(ca, issuer):
    with_admin = ca.routes["GET /provisioners"]
    ca.routes["GET /provisioners"] = [with_admin, Reply(body={"provisioners": [], "nextCursor": ""})]
    ca.routes["POST /sign"] = refusal(401, GENERIC)
    with pytest.raises(CaRefusal, match="does not list the provisioner 'admin'"):
        issuer.sign(REQUEST, CSR)


def test_a_listing_that_fails_during_diagnosis_hides_nothing(ca, issuer):
    ca.routes["GET /provisioners"] = [ca.routes["GET /provisioners"], Reply(500, b"x")]
    ca.routes["POST /sign"] = refusal(401, GENERIC)
    with pytest.raises(CaRefusal, match="did not accept our token") as refused:
        issuer.sign(REQUEST, CSR)
    assert "does not list" not in refused.value.message


def test_a_401_after_a_lost_answer_says_so(ca, issuer):
    ca.routes["POST /sign"] = [cut(), refusal(401, GENERIC)]
    with pytest.raises(CaRefusal, match="this was try 2"):
        issuer.sign(REQUEST, CSR)


def test_after_a_refusal_the_ca_is_looked_at_anew(ca, issuer):
    ca.routes["POST /sign"] = [refusal(403, 'dns name "web.example.com" not allowed'), signed(ca)]
    with pytest.raises(CaRefusal, match="policy"):
        issuer.sign(REQUEST, CSR)
    issuer.sign(REQUEST, CSR)
    assert len(ca.asked("GET /provisioners")) == 2


# --- a ready token ----------------------------------------------------------------------------


def test_a_ready_token_is_sent_as_it_is(ca):
    with opened(ca, password=None, token=Secret("ready")) as issuer:
        issuer.sign(REQUEST, CSR)
        issuer.revoke(7, reason="x", reason_code=0)
    assert tokens(ca) == tokens(ca, "POST /revoke") == ["ready"]


@pytest.mark.parametrize("reply", [cut(), Reply(503, b"")])
def test_a_ready_token_is_never_sent_twice(ca, reply):
    ca.routes["POST /sign"] = reply
    with opened(ca, password=None, token=Secret("ready")) as issuer, pytest.raises(IssuerUnreachable) as failed:
        issuer.sign(REQUEST, CSR)
    assert "get a new token" in failed.value.hint
    assert tokens(ca) == ["ready"]


def test_a_refused_ready_token_may_have_been_used(ca):
    ca.routes["POST /sign"] = refusal(401, GENERIC)
    with opened(ca, password=None, token=Secret("ready")) as issuer, pytest.raises(CaRefusal, match="may have been used"):
        issuer.sign(REQUEST, CSR)


# --- revoking ---------------------------------------------------------------------------------

REVOKED = "The request could not be completed: certificate with serial number '7' is already revoked."


def test_revoke_sends_a_token_for_that_serial_number(ca, issuer):
    issuer.revoke(7, reason="superseded", reason_code=4)
    (sent,) = ca.asked("POST /revoke")
    assert (sent.json["serial"], claims(sent.json["ott"])["sub"]) == ("7", "7")


def test_already_revoked_is_an_error_at_first_and_a_yes_after_a_lost_answer(ca, issuer):
    ca.routes["POST /revoke"] = refusal(400, REVOKED)
    with pytest.raises(CaRefusal, match="already revoked"):
        issuer.revoke(7, reason="x", reason_code=0)
    ca.routes["POST /revoke"] = [cut(), refusal(400, REVOKED)]
    issuer.revoke(7, reason="x", reason_code=0)
    assert len(set(tokens(ca, "POST /revoke"))) == 3


@pytest.mark.parametrize(("serial", "code"), [(0, 0), (-1, 0), (1, -1), (1, 11)])
def test_numbers_that_cannot_be_are_refused_before_any_network(ca, issuer, serial, code):
    with pytest.raises(ConfigError):
        issuer.revoke(serial, reason="x", reason_code=code)
    assert ca.connections == 0


# --- rekey and renew --------------------------------------------------------------------------


def test_a_lost_answer_to_rekey_is_asked_for_again(ca, issuer):
    ca.routes["POST /rekey"] = [cut(), signed(ca)]
    issuer.rekey(ca.authority.issue("web.example.com"), CSR)
    assert len(ca.asked("POST /rekey")) == 2


def test_a_lost_answer_for_an_expired_certificate_is_taken_as_its_refusal(ca):
    """In TLS 1.3 a reset may overtake the CA's alert."""
    current = ca.authority.issue("web.example.com", lifetime=timedelta(hours=1))
    later = lambda: datetime.now(UTC) + timedelta(hours=2)  # noqa: E731
    ca.routes["GET /health"] = cut()
    with opened(ca, clock=later) as issuer:
        with pytest.raises(OwnCertificateRefused, match="the certificate shown expired on"):
            issuer.rekey(current, CSR)
        with pytest.raises(OwnCertificateRefused):
            issuer.renew(current)
    assert len(ca.asked("GET /health")) == 2


def test_after_expiry_renewal_goes_by_token_where_asked(ca):
    current = ca.authority.expired("web.example.com")
    ca.routes["POST /renew"] = signed(ca)
    with opened(ca) as issuer:
        with pytest.raises(OwnCertificateRefused, match="expired"):
            issuer.renew(current)
        assert ca.asked("POST /renew") == []
        issuer.renew(current, after_expiry=True)
    (sent,) = ca.asked("POST /renew")
    assert claims(sent.headers["authorization"].removeprefix("Bearer "))["sub"] == "web.example.com"


def test_another_refusal_of_our_certificate_is_not_answered_with_a_token(ca):
    foreign = Authority("Foreign").issue("web.example.com")
    with opened(ca) as issuer, pytest.raises(OwnCertificateRefused, match="UNKNOWN_CA"):
        issuer.renew(foreign, after_expiry=True)
    assert ca.asked("POST /renew") == []


# --- why the CA's certificate is not accepted -------------------------------------------------


def elsewhere(authority, *names, **options):
    return ScriptedCa(authority=authority, bundle=authority.issue(*names, **options))


def test_the_names_that_the_ca_does_have_are_told():
    authority = Authority()
    with elsewhere(authority, "ca.lan", "192.0.2.1") as ca, opened(ready(ca)) as issuer, pytest.raises(WrongName) as refused:
        issuer.sign(REQUEST, CSR)
    assert "is for ca.lan, 192.0.2.1, not for 127.0.0.1" in refused.value.message


def test_names_of_somebody_elses_certificate_are_not_told():
    authority, foreign = Authority(), Authority("Foreign")
    with ScriptedCa(authority=authority, bundle=authority.issue("ca.lan")) as ca, opened(ready(ca)) as issuer:
        connected = issuer.connect()
        connected.roots = (foreign.root,)
        with pytest.raises(WrongName, match="for other names"):
            issuer.sign(REQUEST, CSR)


def test_a_certificate_that_is_not_valid_yet_shows_the_difference_of_the_clocks():
    """A clock that is far behind fails in TLS already; the date that the CA gives explains it."""
    authority = Authority()
    ahead = datetime.now(UTC) + timedelta(minutes=10)
    bundle = authority.issue("127.0.0.1", starts=timedelta(minutes=9))
    with ScriptedCa(authority=authority, bundle=bundle) as ca, opened(ready(ca)) as issuer:
        ca.routes["GET /health"] = Reply(body={}, date=ahead)
        with pytest.raises(ClockSkew, match=r"differ by (59\d|600) s"):
            issuer.sign(REQUEST, CSR)


@pytest.mark.parametrize("health", [Reply(body={}), Reply(body={}, headers={"Date": ""}), cut()])
def test_an_expired_certificate_of_the_ca_is_refused_as_such(health):
    authority = Authority()
    with ScriptedCa(authority=authority, bundle=authority.expired("127.0.0.1")) as ca, opened(ready(ca)) as issuer:
        ca.routes["GET /health"] = health
        with pytest.raises(OutsideValidity, match="expired") as refused:
            issuer.sign(REQUEST, CSR)
    assert isinstance(refused.value, TrustError)


def test_no_secret_is_in_any_error(ca, caplog):
    caplog.set_level("DEBUG")
    canary = "canary-password"
    said = []
    for reply in (cut(), refusal(401, GENERIC), Reply(503, b""), Reply(201, {}), Reply(500, b"x")):
        ca.routes["POST /sign"] = reply
        for password in (ADMIN.password, canary):
            with opened(ca, password=Secret(password), sleep=lambda _: None) as issuer, pytest.raises(CertpushError) as refused:
                issuer.sign(REQUEST, CSR)
            said.append(f"{refused.value}{refused.value.hint}{refused.value.__cause__!r}{refused.value.__dict__}")
    everything = "".join(said) + caplog.text
    assert canary not in everything
    assert ADMIN.password not in everything
    assert not any(token in everything for token in tokens(ca))
