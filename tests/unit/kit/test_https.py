"""HTTPS to an appliance: who is talked to, how much is read and for how long, and what is told when it goes wrong."""

from __future__ import annotations

import contextlib
import gzip
import hashlib
import logging
import re
import socket
import ssl
import threading
import time

import certifi
import pytest
import requests
from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from certpush.errors import CertpushError, PinMismatch, TargetRefused, TargetUnreachable, TrustError
from certpush.kit.allowance import allowing
from certpush.kit.connection_errors import reason_among
from certpush.kit.handshake import connect_trusted
from certpush.kit.https import AnswerLost, TrustedConnections, exchange
from certpush.kit.tls import tls_identity
from certpush.kit.trust import Trust, with_colons
from certpush.model import Endpoint, fingerprint
from certpush.testing.authority import Authority
from unit.kit.appliance import OK, Appliance

AUTHORITY = Authority("Ours")
ROOTS = AUTHORITY.root_pem.decode()
GOOD = AUTHORITY.issue("127.0.0.1", "localhost", "::1")
OTHER = Authority("Theirs").issue("127.0.0.1")
EXPIRED = AUTHORITY.expired("127.0.0.1")
ELSEWHERE = AUTHORITY.issue("pve.lan")
OLD = Authority("Appliance").issue("pve1.lan")
SECRET = {"Authorization": "PVEAPIToken=a@pve!x=CANARY"}


def pinned(*bundles, roots=""):
    return Trust(pins=tuple(one.fingerprint for one in bundles), roots=roots)


def opened(appliance, trust):
    connections = TrustedConnections(trust, where=f"{appliance.host}:{appliance.port}")
    session = requests.Session()
    connections.serve(session)
    return connections, session


def ask(appliance, trust, method="GET", **options):
    connections, session = opened(appliance, trust)
    with session:
        return connections, session.request(method, appliance.url, headers=SECRET, **options)


@pytest.fixture
def appliance():
    with Appliance(GOOD) as running:
        yield running


# --- who is trusted ---------------------------------------------------------------------------


@pytest.mark.parametrize("bundle", [GOOD, OTHER, EXPIRED, ELSEWHERE, AUTHORITY.not_yet_valid("127.0.0.1")])
@pytest.mark.parametrize("roots", ["", ROOTS], ids=["pin", "pin-and-roots"])
def test_a_pinned_certificate_is_right_whatever_else_it_is(bundle, roots):
    with Appliance(bundle) as appliance:
        connections, answer = ask(appliance, pinned(bundle, roots=roots))
        assert answer.json() == {"data": 1}
        assert appliance.connections == 1
    assert fingerprint(connections.peer) == bundle.fingerprint


def test_a_chain_to_the_roots_is_right(appliance):
    connections, answer = ask(appliance, Trust(roots=ROOTS))
    assert answer.status_code == 200
    assert (appliance.connections, fingerprint(connections.peer)) == (1, GOOD.fingerprint)


def test_an_intermediate_alone_may_be_the_one_that_is_trusted(appliance):
    assert ask(appliance, Trust(roots=GOOD.chain_pem.decode()))[1].status_code == 200


def test_the_roots_count_where_another_certificate_is_pinned(appliance):
    assert ask(appliance, pinned(OLD, roots=ROOTS))[1].status_code == 200
    assert appliance.connections == 2


def test_ipv6_is_pinned_and_verified():
    with Appliance(GOOD, host="::1") as appliance:
        assert ask(appliance, pinned(GOOD))[1].status_code == 200
        assert ask(appliance, Trust(roots=ROOTS))[1].status_code == 200
    with Appliance(OTHER, host="::1") as appliance, pytest.raises(TrustError):
        ask(appliance, Trust(roots=ROOTS))


WRONG = {
    "another pin": (GOOD, pinned(OLD), PinMismatch, "not the pinned"),
    "nobody is trusted": (GOOD, Trust(), TrustError, "which nobody has confirmed yet"),
    "another CA": (OTHER, Trust(roots=ROOTS), TrustError, "does not lead to our root"),
    "another pin and another CA": (OTHER, pinned(OLD, roots=ROOTS), PinMismatch, "does not lead to our root"),
    "another name": (ELSEWHERE, Trust(roots=ROOTS), TrustError, "(?i)address mismatch"),
    "expired": (EXPIRED, Trust(roots=ROOTS), TrustError, "expired"),
    "not yet valid": (AUTHORITY.not_yet_valid("127.0.0.1"), Trust(roots=ROOTS), TrustError, "not yet valid"),
    "a short chain": (AUTHORITY.issue("127.0.0.1", intermediate=False), Trust(roots=ROOTS), TrustError, "does not lead to our root"),
    "for clients": (
        AUTHORITY.issue("127.0.0.1", usages=[x509.ExtendedKeyUsageOID.CLIENT_AUTH]),
        Trust(roots=ROOTS),
        TrustError,
        "not made for servers",
    ),
}


@pytest.mark.parametrize(("bundle", "trust", "error", "said"), WRONG.values(), ids=WRONG)
def test_a_wrong_server_gets_no_byte_and_is_named_by_its_fingerprint(bundle, trust, error, said):
    with Appliance(bundle) as appliance:
        with pytest.raises(TrustError, match=said) as refused:
            ask(appliance, trust, "POST", data={"key": "CANARY"})
        assert appliance.connections >= 1
    assert appliance.received == []
    assert type(refused.value) is error
    assert refused.value.message.startswith(f"127.0.0.1:{appliance.port} shows the certificate {with_colons(bundle.fingerprint)}")
    assert refused.value.message.endswith("nothing was sent to it")
    assert "`certpush trust NAME`" in refused.value.hint
    assert f'trust = "sha256:{bundle.fingerprint}"' in refused.value.hint


def test_of_many_pins_the_first_few_are_shown(appliance):
    pins = tuple(f"{number:064x}" for number in range(1, 41))
    with pytest.raises(PinMismatch, match=r"00:03, 37 more; nothing was sent") as refused:
        ask(appliance, Trust(pins=pins))
    assert refused.value.message.count("00:00:00:00:00") < 30


def test_a_name_that_a_stranger_wrote_cannot_move_the_cursor():
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "evil\x1b[2J\u202e")])
    with Appliance(self_signed(name)) as appliance, pytest.raises(TrustError) as refused:
        ask(appliance, Trust())
    assert refused.value.message.isprintable()


def self_signed(name):
    """An appliance's own certificate: self-signed, without names."""
    from datetime import UTC, datetime, timedelta

    from cryptography.hazmat.primitives import hashes

    from certpush.model import CertificateBundle, KeySpec, PrivateKey

    key = PrivateKey.generate(KeySpec.EC_P256)
    now = datetime.now(UTC)
    leaf = (
        x509.CertificateBuilder(name, name, key.reveal_key().public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.BasicConstraints(ca=False, path_length=None), critical=True)
        .sign(key.reveal_key(), hashes.SHA256())
    )
    return CertificateBundle(leaf, (), (), key)


def test_a_pinned_certificate_that_nobody_can_read_is_right_and_a_strange_one_is_named(tmp_path):
    good = GOOD.leaf.public_bytes(Encoding.DER)
    odd = good.replace(bytes.fromhex("a003020102"), bytes.fromhex("a003020108"), 1)  # a version that does not exist
    path = tmp_path / "odd.pem"
    path.write_bytes(ssl.DER_cert_to_PEM_cert(odd).encode() + GOOD.key.reveal_pem())
    digest = hashlib.sha256(odd).hexdigest()
    with Appliance(GOOD) as appliance:
        appliance._contexts = [ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)]
        appliance._contexts[0].load_cert_chain(path)
        with pytest.raises(TrustError, match=r"\(unreadable\)") as refused:
            ask(appliance, Trust())
        assert with_colons(digest) in refused.value.message
        connections, answer = ask(appliance, Trust(pins=(digest,)))
    assert answer.status_code == 200
    assert connections.peer is None


def test_a_certificate_that_is_its_own_root_counts_for_its_names_alone():
    bundle = self_signed(x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "127.0.0.1")]))
    with Appliance(bundle) as appliance:
        assert ask(appliance, pinned(bundle))[1].status_code == 200
        with pytest.raises(TrustError):  # a common name is no name
            ask(appliance, Trust(roots=bundle.leaf_pem.decode()))


def test_old_and_new_may_answer_by_turns_each_right_in_its_own_way():
    with Appliance(GOOD, OLD) as appliance:  # pinned: not GOOD; verified: not OLD; pinned again: not GOOD, then OLD
        connections, session = opened(appliance, pinned(OLD, GOOD))
        with session:
            for _ in range(4):
                assert session.get(appliance.url).status_code == 200
                connections.forget()
    with Appliance(GOOD, OLD, OLD) as appliance:
        assert ask(appliance, pinned(OLD, roots=ROOTS))[1].status_code == 200


# --- while it is in use -----------------------------------------------------------------------


def test_a_connection_is_kept_until_it_is_forgotten(appliance):
    connections, session = opened(appliance, pinned(GOOD))
    with session:
        for _ in range(3):
            session.get(appliance.url)
        assert appliance.connections == 1
        connections.forget()
        session.get(appliance.url)
        assert (appliance.connections, appliance.requests) == (2, 4)


def test_trust_may_change_in_use_and_counts_from_the_next_connection_on(appliance):
    connections, session = opened(appliance, pinned(GOOD))
    with session:
        session.get(appliance.url)
        appliance.show(OLD)
        connections.trust = pinned(OLD)
        assert session.get(appliance.url).status_code == 200
        assert fingerprint(connections.peer) == GOOD.fingerprint
        connections.forget()
        assert session.get(appliance.url).status_code == 200
        assert fingerprint(connections.peer) == OLD.fingerprint
        appliance.show(GOOD)
        connections.forget()
        with pytest.raises(PinMismatch):
            session.get(appliance.url)
        assert appliance.requests == 3


def test_a_pin_that_changes_during_a_session_is_noticed(appliance):
    connections, session = opened(appliance, pinned(GOOD))
    with session:
        session.get(appliance.url)
        appliance.show(OTHER)
        connections.forget()
        with pytest.raises(PinMismatch):
            session.post(appliance.url, data={"key": "CANARY"})
    assert b"CANARY" not in b"".join(appliance.received)


def test_what_a_caller_says_of_trust_changes_nothing(appliance, tmp_path):
    theirs = tmp_path / "theirs.pem"
    theirs.write_bytes(OTHER.roots_pem)
    ours = tmp_path / "ours.pem"
    ours.write_text(ROOTS)
    for options in ({"verify": False}, {"verify": str(ours)}, {"proxies": {"https": "http://127.0.0.1:1"}, "verify": False}):
        with pytest.raises(TrustError):
            ask(appliance, Trust(), **options)
    assert appliance.received == []
    for options in ({"verify": str(theirs)}, {"cert": "/nowhere.pem"}, {"proxies": {"https": "http://127.0.0.1:1"}}, {"timeout": 0.000001}):
        assert ask(appliance, pinned(GOOD), **options)[1].status_code == 200


def test_the_environment_changes_nothing(appliance, monkeypatch, tmp_path):
    ours, keylog, netrc = tmp_path / "ours.pem", tmp_path / "keys.log", tmp_path / "netrc"
    ours.write_text(ROOTS)
    netrc.write_text("machine 127.0.0.1 login evil password evil\n")
    netrc.chmod(0o600)
    monkeypatch.setattr(certifi, "where", lambda: str(ours))
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(ours))
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy", "HTTP_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(ours))
    monkeypatch.setenv("SSLKEYLOGFILE", str(keylog))
    monkeypatch.setenv("NETRC", str(netrc))
    with pytest.raises(TrustError):
        ask(appliance, Trust(roots=Authority("Neither").root_pem.decode()))
    assert appliance.received == []
    _connections, session = opened(appliance, pinned(GOOD))
    with session:
        assert session.get(appliance.url).status_code == 200
    assert b"authorization" not in b"".join(appliance.received).lower()
    assert not keylog.exists()


def test_a_cookie_that_python_cannot_read_is_nobodys_business(appliance):
    appliance.answer = OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: a=b; Max-Age\r\n\r\n")
    assert ask(appliance, pinned(GOOD))[1].headers["Set-Cookie"] == "a=b; Max-Age"


def test_each_request_is_logged_with_its_end_and_nothing_that_it_holds(appliance, caplog):
    caplog.set_level(logging.DEBUG, "certpush.kit.https")
    ask(appliance, pinned(GOOD), "POST", data={"key": "CANARY"}, params={"q": "CANARY"})
    appliance.answer = lambda _: None
    with pytest.raises(AnswerLost):
        ask(appliance, pinned(GOOD))
    where = f"{appliance.host}:{appliance.port}"
    first, second = (record.getMessage() for record in caplog.records if record.name == "certpush.kit.https")
    assert re.fullmatch(rf"{where}: POST /api2/json/version: 200 after \d+ ms", first)
    assert re.fullmatch(rf"{where}: GET /api2/json/version: no answer after \d+ ms", second)
    # urllib3 logs whole addresses where somebody lets it; the command line does not (tests/cli/frame/test_logs.py).
    assert "CANARY" not in first + second


def test_cookies_of_answers_are_not_kept_and_those_of_the_caller_are_sent(appliance):
    appliance.answer = OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: theirs=1\r\n\r\n")
    _connections, session = opened(appliance, pinned(GOOD))
    with session:
        session.get(appliance.url)
        session.get(appliance.url, cookies={"PVEAuthCookie": "ours"})
        assert list(session.cookies) == []
    first, second = appliance.received
    assert b"Cookie" not in first
    assert b"Cookie: PVEAuthCookie=ours\r\n" in second


def test_plain_http_has_no_way_out():
    session = requests.Session()
    TrustedConnections(pinned(GOOD), where="x").serve(session)
    with session, pytest.raises(requests.exceptions.InvalidSchema):
        session.get("http://127.0.0.1:1/")


def test_what_a_mistaken_address_raises_is_no_lost_answer():
    session = requests.Session()
    TrustedConnections(pinned(GOOD), where="x").serve(session)
    with session, pytest.raises(requests.exceptions.InvalidURL):
        session.get("https://a\x7fb:x/")


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_old_tls_is_refused_even_from_a_pinned_server(appliance):
    appliance._contexts[0].maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises(TargetUnreachable):
        ask(appliance, pinned(GOOD))
    assert appliance.received == []


# --- how much, how long -----------------------------------------------------------------------


def forever(start, content):
    def act(connection):
        connection.sendall(start)
        while True:
            connection.sendall(content)

    return act


@pytest.mark.parametrize(
    "answer",
    [
        forever(b"HTTP/1.1 200 X\r\nContent-Length: 2147483648\r\n\r\n", b"x" * 100_000),
        forever(b"HTTP/1.1 200 X\r\n\r\n", b"x" * 100_000),
        forever(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n", b"%x\r\n%b\r\n" % (100_000, b"x" * 100_000)),
        forever(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 5_000),
    ],
    ids=["length", "until the end", "chunks", "endless continue"],
)
def test_an_answer_is_read_up_to_one_mebibyte(appliance, answer):
    appliance.answer = answer
    with pytest.raises(TargetRefused, match=r"^127\.0\.0\.1:\d+: the answer is larger"):
        ask(appliance, pinned(GOOD))


def test_the_limit_may_be_another(appliance):
    connections, session = opened(appliance, pinned(GOOD))
    appliance.answer = b"HTTP/1.1 200 X\r\nContent-Length: 2000000\r\n\r\n" + b"x" * 2_000_000
    with session, exchange(connections, octets=3_000_000):
        assert len(session.get(appliance.url).content) == 2_000_000
    appliance.answer = OK
    with session, exchange(connections, octets=50), pytest.raises(TargetRefused):
        session.get(appliance.url)
    with session:
        assert session.get(appliance.url).status_code == 200


@pytest.mark.parametrize("encoding", ["gzip", "deflate", "br", "x"])
def test_a_compressed_answer_is_refused_unread(appliance, encoding):
    bomb = gzip.compress(b"\0" * 10_000_000)
    appliance.answer = b"HTTP/1.1 200 X\r\nContent-Encoding: %b\r\nContent-Length: %d\r\n\r\n" % (encoding.encode(), len(bomb)) + bomb
    with pytest.raises(TargetRefused, match="compressed"):
        ask(appliance, pinned(GOOD), stream=True)


def test_nobody_asks_for_a_compressed_answer(appliance):
    _connections, session = opened(appliance, pinned(GOOD))
    with session:
        session.get(appliance.url)
        session.get(appliance.url, headers={"accept-encoding": "gzip"})
    for one in appliance.received:
        assert [line for line in one.split(b"\r\n") if line.lower().startswith(b"accept-encoding")] == [b"Accept-Encoding: identity"]


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308, 304])
def test_a_redirect_is_refused_and_leads_nowhere(appliance, status):
    with Appliance(GOOD) as other:
        appliance.answer = f"HTTP/1.1 {status} X\r\nLocation: {other.url}\r\nContent-Length: 0\r\n\r\n".encode()
        for method in ("GET", "POST"):
            with pytest.raises(TargetRefused, match="redirect"):
                ask(appliance, pinned(GOOD), method, allow_redirects=True)
        assert other.connections == 0


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 X\r\nContent-Length: 100000\r\n\r\n"], ids=["headers", "body"])
def test_one_byte_at_a_time_does_not_outlast_the_limit(appliance, start):
    done = threading.Event()

    def trickle(connection):
        connection.sendall(start)
        while not done.wait(0.02):
            connection.sendall(b"H")

    appliance.answer = trickle
    connections, session = opened(appliance, pinned(GOOD))
    began = time.monotonic()
    try:
        with session, exchange(connections, seconds=0.5), pytest.raises(AnswerLost, match="no answer in time"):
            session.get(appliance.url)
    finally:
        done.set()
    assert time.monotonic() - began > 0.4


def test_an_outer_limit_of_time_stays_in_force(appliance):
    done = threading.Event()
    appliance.answer = lambda _: done.wait(10)
    try:
        with allowing(seconds=0.3), pytest.raises(AnswerLost):
            ask(appliance, pinned(GOOD))
    finally:
        done.set()


# --- what goes wrong --------------------------------------------------------------------------


def closed_port():
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def unreachable(host, port, seconds=5.0):
    session = requests.Session()
    connections = TrustedConnections(pinned(GOOD), where=f"{host}:{port}")
    connections.serve(session)
    with session, exchange(connections, seconds=seconds), pytest.raises(TargetUnreachable) as failed:
        session.post(f"https://{host}:{port}/", data={"key": "CANARY"})
    assert not isinstance(failed.value, AnswerLost)
    assert failed.value.retryable
    assert failed.value.message.startswith(f"{host}:{port}: ")
    return failed.value.message


def test_a_refused_connection_was_never_sent():
    assert "connection refused" in unreachable("127.0.0.1", closed_port())


def test_an_unknown_name_was_never_sent():
    assert "not known" in unreachable("no-such-host.invalid", 8006)


def test_a_name_that_is_none_was_never_sent():
    unreachable("a" * 64 + ".lan", 8006)


def test_a_server_that_does_not_shake_hands_was_never_sent():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        assert "no answer in time" in unreachable("127.0.0.1", silent.getsockname()[1], seconds=0.3)


def serving(act):
    """A plain TCP server for one connection."""
    server = socket.create_server(("127.0.0.1", 0))

    def answer():
        connection, _ = server.accept()
        with connection:
            act(connection)

    thread = threading.Thread(target=answer)
    thread.start()
    return server, thread


def test_plain_http_on_the_port_is_told():
    server, thread = serving(lambda connection: (connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), connection.recv(4096)))
    with server:
        assert "does not speak TLS" in unreachable("127.0.0.1", server.getsockname()[1])
        thread.join()


def test_a_connection_that_ends_in_the_handshake_was_never_sent():
    server, thread = serving(lambda connection: connection.recv(4096))
    with server:
        assert "closed" in unreachable("127.0.0.1", server.getsockname()[1])
        thread.join()


def test_a_cut_is_called_a_cut_where_python_has_no_class_of_its_own_for_it():
    error = ssl.SSLError(1, "[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred in violation of protocol")
    error.reason = "UNEXPECTED_EOF_WHILE_READING"
    assert reason_among((error,)) == reason_among((ssl.SSLEOFError(8, "EOF occurred in violation of protocol"),))


@pytest.mark.parametrize(
    "sent",
    [
        b"",
        b"HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab",
        b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
        b'HTTP/1.1 200 X\r\n\r\n{"data":',
        b"not http at all\r\n\r\n",
        b"HTTP/1.1 200 X\r\n" + b"A: b\r\n" * 200 + b"\r\n",
        b"HTTP/1.1 200 X\r\nA: " + b"b" * 70_000 + b"\r\n\r\n",
        b"HTTP/1.1 99999999999999999999 X\r\n\r\n",
        b"HTTP/1.1 200 X\r\nContent-Length: " + b"9" * 5000 + b"\r\n\r\nab",
    ],
    ids=["nothing", "body", "chunk", "bad chunk", "no length", "no http", "many headers", "long header", "odd status", "odd length"],
)
def test_an_answer_that_breaks_off_is_lost(appliance, sent):
    appliance.answer = lambda connection: connection.sendall(sent)
    with pytest.raises(AnswerLost, match=r"^127\.0\.0\.1:\d+: no complete answer came"):
        ask(appliance, pinned(GOOD), "POST", data={"key": "CANARY"})
    assert b"CANARY" in b"".join(appliance.received)
    assert appliance.requests == 1


@pytest.mark.parametrize(("method", "hint"), [("GET", "run again"), ("POST", "may have been done nevertheless")])
def test_a_lost_answer_alarms_only_where_something_was_to_be_done(appliance, method, hint):
    appliance.answer = lambda _: None
    with pytest.raises(AnswerLost) as lost:
        ask(appliance, pinned(GOOD), method)
    assert hint in lost.value.hint


PIECES = st.sampled_from([b"\r\n", b"\r\n\r\n", b"\0", b"\xff", b":", b" ", b"9" * 40, b"-1", b"chunked", b"Location: /", b""]) | st.binary(
    max_size=3
)
HEAD = b"HTTP/1.1 200 OK\r\nContent-Length: 11\r\nTransfer-Encoding: identity\r\nSet-Cookie: a=b; Max-Age=1\r\n\r\n"


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, len(HEAD)), st.integers(0, 20), PIECES), min_size=1, max_size=3))
def test_whatever_bytes_are_answered_an_error_of_ours_comes_of_it_or_an_answer(appliance, changes):
    answer = HEAD + b'{"data": 1}'
    for at, length, piece in changes:
        answer = answer[:at] + piece + answer[at + length :]
    appliance.answer = lambda connection: connection.sendall(answer)
    with contextlib.suppress(AnswerLost, TargetRefused):
        assert ask(appliance, pinned(GOOD))[1].status_code


def test_no_error_says_what_was_sent(appliance):
    appliance.answer = lambda _: None
    with pytest.raises(CertpushError) as lost:
        ask(appliance, pinned(GOOD), "POST", data={"key": "CANARY"})
    assert "CANARY" not in f"{lost.value!r} {lost.value.hint}"


def test_a_peer_that_is_gone_before_the_handshake_gets_nothing(monkeypatch):
    """Python would skip the handshake then, and go on in plain text."""
    ours, theirs = socket.socketpair()
    theirs.close()
    monkeypatch.setattr("certpush.kit.handshake.connect", lambda *_: ours)
    monkeypatch.setattr(ssl.SSLSocket, "getpeername", lambda _: (_ for _ in ()).throw(OSError(107, "not connected")))
    with pytest.raises(TargetUnreachable):
        connect_trusted("127.0.0.1", 1, pinned(GOOD), where="x")


def test_the_context_of_a_pin_accepts_nobody_without_one(appliance):
    """Whatever else changes: without pins the handshake comes to no good end."""
    with pytest.raises(TrustError):
        connect_trusted("127.0.0.1", appliance.port, Trust(), where="x")


# --- proxmoxer --------------------------------------------------------------------------------


def proxmoxer_client(appliance, **options):
    proxmoxer = pytest.importorskip("proxmoxer")
    return proxmoxer.ProxmoxAPI("127.0.0.1", port=appliance.port, user="a@pve", token_name="x", token_value="CANARY", timeout=60, **options)


@pytest.mark.parametrize("options", [{}, {"verify_ssl": False}, {"verify_ssl": "/nowhere.pem"}, {"cert": "/nowhere.pem"}])
def test_proxmoxer_speaks_to_the_right_server_alone(appliance, options):
    client = proxmoxer_client(appliance, **options)
    session = client._store["session"]
    connections = TrustedConnections(pinned(OLD), where="pve")
    connections.serve(session)
    with session:
        with pytest.raises(PinMismatch):
            client.nodes("pve1").certificates.custom.post(key="CANARY", certificates="x", force=1, restart=1)
        assert appliance.received == []
        connections.trust = pinned(GOOD)
        assert client.version.get() == 1
        assert b"PVEAPIToken=a@pve!x=CANARY" in appliance.received[0]
        connections.forget()
        connections.trust = Trust(roots=ROOTS)
        assert client.nodes("pve1").certificates.custom.post(key="CANARY", certificates="x", force=1, restart=1) == 1


def test_proxmoxer_hands_on_what_goes_wrong(appliance):
    client = proxmoxer_client(appliance)
    session = client._store["session"]
    TrustedConnections(pinned(GOOD), where="pve").serve(session)
    with session:
        appliance.answer = b"HTTP/1.1 302 X\r\nLocation: https://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n"
        with pytest.raises(TargetRefused, match="redirect"):
            client.version.get()
        appliance.answer = lambda _: None
        with pytest.raises(AnswerLost):
            client.version.get()


# --- first contact ----------------------------------------------------------------------------


def test_a_first_look_shows_what_is_there_and_sends_nothing():
    with Appliance(EXPIRED) as appliance:
        (identity,) = tls_identity(Endpoint("127.0.0.1", appliance.port), compare="on its console: pvenode cert info")
    assert appliance.received == []
    assert (identity.setting, identity.value) == ("trust", f"sha256:{EXPIRED.fingerprint}")
    assert Trust.parse(identity.value) == pinned(EXPIRED)
    shown, subject, issuer, validity = identity.shown
    assert shown == with_colons(EXPIRED.fingerprint)
    assert "127.0.0.1" in subject
    assert "Ours Intermediate CA" in issuer
    assert f"{EXPIRED.not_after:%Y-%m-%d %H:%M}" in validity
    assert identity.compare == "on its console: pvenode cert info"


def test_a_first_look_where_nobody_answers_is_told():
    with pytest.raises(TargetUnreachable):
        tls_identity(Endpoint("127.0.0.1", closed_port()), compare="")
