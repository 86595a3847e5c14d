"""The wire to a CA: who is trusted, what is sent, how much is read and for how long."""

import gzip
import re
import select
import socket
import ssl
import threading
import time
from contextlib import closing

import certifi
import pytest

from certpush.errors import IssuerRefused, IssuerUnreachable, RootMismatch, TrustError
from certpush.kit import allowance
from certpush.kit.allowance import PinnedContext, allowing, connect, current
from certpush.model import to_pem
from certpush.stepca import transport
from certpush.stepca.address import CaAddress
from certpush.stepca.transport import Transport
from certpush.stepca.transport_errors import AnswerLost, OutsideValidity, OwnCertificateRefused, WrongName, translate
from certpush.testing.authority.in_memory import Authority
from unit.stepca.scripted import Reply, ScriptedCa


@pytest.fixture
def ca():
    with ScriptedCa() as running:
        yield running


def opened(ca, host="127.0.0.1"):
    address = CaAddress(host, CaAddress.parse(ca.url).port)
    return closing(Transport(address, PinnedContext.trusting(ca.authority.root_pem)))


def exchange(ca, method="GET", path="/health", body=None, **options):
    with opened(ca) as transport:
        return transport.exchange(method, path, body, **options)


# --- what is sent, and what comes back --------------------------------------------------------


def test_a_request_carries_its_id_and_asks_for_plain_json(ca):
    answer = exchange(ca)
    (seen,) = ca.seen
    assert seen.headers["x-request-id"] == answer.request_id
    assert re.fullmatch("[0-9a-f]{32}", answer.request_id)
    assert seen.headers["accept-encoding"] == "identity"
    assert seen.headers["user-agent"].startswith("certpush/")
    assert "authorization" not in seen.headers
    assert (answer.status, answer.body) == (200, b'{"status": "ok"}')
    assert answer.date is not None


def test_a_body_is_json_and_a_bearer_token_a_header(ca):
    ca.routes["POST /sign"] = Reply(201, {})
    assert exchange(ca, "POST", "/sign", {"csr": "x"}, bearer="t").status == 201
    (seen,) = ca.seen
    assert seen.json == {"csr": "x"}
    assert seen.headers["authorization"] == "Bearer t"


def test_one_thread_keeps_one_connection_and_others_have_their_own(ca):
    with opened(ca) as transport:
        for _ in range(3):
            transport.exchange("GET", "/health")
        assert ca.connections == 1
        threads = [threading.Thread(target=transport.exchange, args=("GET", "/health")) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert ca.connections == 3
        transport.close()
        transport.exchange("GET", "/health")
        assert ca.connections == 4


def test_cookies_are_neither_kept_nor_sent(ca):
    ca.routes["GET /health"] = Reply(body={}, headers={"Set-Cookie": "a=b"})
    with opened(ca) as transport:
        transport.exchange("GET", "/health")
        transport.exchange("GET", "/health")
    assert "cookie" not in ca.seen[1].headers


BEYOND_ALL_TIME = ("Tue, 24 Nov 99999999999999999999 09:00:00 GMT", "24 Nov 2026 09:00:00 +99999999999", "Fri, 31 Dec 9999 23:59:59 -1200")


@pytest.mark.parametrize("date", ["", "yesterday", "Tue, 24 Nov 2026 09:00:00", *BEYOND_ALL_TIME])
def test_a_date_that_cannot_be_read_is_none(ca, date):
    ca.routes["GET /health"] = Reply(body={}, headers={"Date": date})
    assert exchange(ca).date is None


def test_ipv6_works():
    authority = Authority()
    with ScriptedCa(bundle=authority.issue("::1"), authority=authority) as ca:
        ca._listener.stop()
        ca._listener.host, ca._listener.port = "::1", 0
        ca._listener.start()
        with opened(ca, "::1") as transport:
            assert transport.exchange("GET", "/health").status == 200


# --- who is trusted ---------------------------------------------------------------------------


def test_another_root_is_a_mismatch_and_nothing_is_sent(ca):
    with (
        closing(Transport(CaAddress.parse(ca.url), PinnedContext.trusting(Authority("Other").root_pem))) as transport,
        pytest.raises(RootMismatch, match="does not lead to the CA's root"),
    ):
        transport.exchange("POST", "/sign", {"ott": "secret"})
    assert ca.seen == []


def test_another_name_is_refused(ca):
    authority = ca.authority
    with ScriptedCa(authority=authority, bundle=authority.issue("ca.lan")) as elsewhere, pytest.raises(WrongName, match="for other names"):
        exchange(elsewhere)


def test_the_common_name_alone_is_no_name():
    """A certificate without SANs was once matched by its CN."""
    assert not PinnedContext.trusting(Authority().root_pem).hostname_checks_common_name


@pytest.mark.parametrize(("when", "said"), [("expired", "is expired"), ("not_yet_valid", "is not valid yet")])
def test_a_certificate_out_of_its_time_is_refused(when, said):
    authority = Authority()
    with ScriptedCa(authority=authority, bundle=getattr(authority, when)("127.0.0.1")) as ca, pytest.raises(OutsideValidity, match=said):
        exchange(ca)


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion.TLSv1_1 is deprecated")
def test_old_tls_is_refused(ca):
    assert PinnedContext.trusting(ca.authority.root_pem).minimum_version >= ssl.TLSVersion.TLSv1_2
    ca._context.maximum_version = ssl.TLSVersion.TLSv1_1
    with pytest.raises((OwnCertificateRefused, AnswerLost)):
        exchange(ca)


def test_a_public_ca_of_certifi_or_the_system_is_not_trusted(ca, monkeypatch, tmp_path):
    bundle = tmp_path / "public.pem"
    bundle.write_bytes(to_pem(ca.authority.root))
    monkeypatch.setattr(certifi, "where", lambda: str(bundle))
    monkeypatch.setattr("requests.adapters.DEFAULT_CA_BUNDLE_PATH", str(bundle))
    monkeypatch.setenv("SSL_CERT_FILE", str(bundle))
    with (
        closing(Transport(CaAddress.parse(ca.url), PinnedContext.trusting(Authority("Other").root_pem))) as transport,
        pytest.raises(RootMismatch),
    ):
        transport.exchange("GET", "/health")


def test_the_environment_changes_nothing(ca, monkeypatch, tmp_path):
    keylog, foreign, netrc = tmp_path / "keys.log", tmp_path / "foreign.pem", tmp_path / "netrc"
    foreign.write_bytes(Authority("Other").root_pem)
    netrc.write_text("machine 127.0.0.1 login evil password evil\n")
    netrc.chmod(0o600)
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:1")
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"):
        monkeypatch.setenv(name, str(foreign))
    monkeypatch.setenv("SSLKEYLOGFILE", str(keylog))
    monkeypatch.setenv("NETRC", str(netrc))
    assert exchange(ca).status == 200
    assert not keylog.exists()
    assert "authorization" not in ca.seen[0].headers


def test_a_redirect_is_refused_and_its_body_not_read(ca):
    with ScriptedCa(authority=ca.authority) as other:
        for location in (f"{other.url}/health", "http://127.0.0.1:1/", "https://[", ""):
            ca.routes["POST /sign"] = Reply(
                raw=f"HTTP/1.1 307 X\r\nLocation: {location}\r\nContent-Length: 999999999999\r\n\r\n".encode(), close=True
            )
            with pytest.raises(TrustError, match="redirect"):
                exchange(ca, "POST", "/sign", {"ott": "secret"})
        assert other.seen == []


# --- how much, how long -----------------------------------------------------------------------


def chunked(*chunks):
    body = b"".join(b"%x\r\n%b\r\n" % (len(one), one) for one in chunks)
    return b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n" + body


def send_all(content):
    def act(connection):
        for _ in range(64):
            connection.sendall(content)

    return act


def endless(start, content):
    return Reply(act=lambda connection: (connection.sendall(start), send_all(content)(connection)))


@pytest.mark.parametrize(
    "reply",
    [
        endless(b"HTTP/1.1 200 X\r\nContent-Length: 2147483648\r\n\r\n", b"x" * 100_000),
        endless(b"HTTP/1.1 200 X\r\n\r\n", b"x" * 100_000),
        endless(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n", chunked(b"x" * 100_000).partition(b"\r\n\r\n")[2]),
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 5_000),
    ],
    ids=["length", "until the end", "chunks", "endless continue"],
)
def test_an_answer_is_read_up_to_one_mebibyte(ca, reply):
    ca.routes["GET /health"] = reply
    with pytest.raises(IssuerRefused, match="larger than 1024 KiB"):
        exchange(ca)


def test_a_line_without_end_is_not_waited_for(ca):
    ca.routes["GET /health"] = endless(b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n1;", b"x" * 100_000)
    with pytest.raises((IssuerRefused, AnswerLost)):  # the library has a limit of its own, or ours is met
        exchange(ca)


def test_a_large_answer_within_the_limit_is_read(ca):
    ca.routes["GET /health"] = [Reply(raw=chunked(b"x" * 500_000, b"y" * 500_000, b"")), Reply(body=b"z" * 1_000_000)]
    with opened(ca) as transport:
        assert len(transport.exchange("GET", "/health").body) == 1_000_000
        assert transport.exchange("GET", "/health").body == b"z" * 1_000_000


def test_a_compressed_answer_is_refused_unread(ca):
    bomb = gzip.compress(b"\0" * 10_000_000)
    for encoding in ("gzip", "deflate", "br"):
        ca.routes["GET /health"] = Reply(body=bomb, headers={"Content-Encoding": encoding})
        with pytest.raises(IssuerRefused, match="compressed"):
            exchange(ca)


@pytest.mark.parametrize("start", [b"", b"HTTP/1.1 200 X\r\nContent-Length: 100000\r\n\r\n"], ids=["headers", "body"])
def test_one_byte_at_a_time_does_not_outlast_the_deadline(ca, start):
    done = threading.Event()

    def trickle(connection):
        connection.sendall(start)
        while not done.wait(0.02):
            connection.sendall(b"H")

    ca.routes["GET /health"] = Reply(act=trickle)
    began = time.monotonic()
    try:
        with allowing(seconds=1.5), pytest.raises(AnswerLost, match="no answer in time"):
            exchange(ca)
    finally:
        done.set()
    assert time.monotonic() - began > 1.4


def test_a_server_that_says_nothing_does_not_outlast_the_deadline(ca, monkeypatch):
    monkeypatch.setattr(transport, "EXCHANGE_SECONDS", 0.3)
    done = threading.Event()
    ca.routes["GET /health"] = Reply(act=lambda _: done.wait(10))
    try:
        with pytest.raises(AnswerLost):
            exchange(ca)
    finally:
        done.set()


def test_a_server_that_does_not_shake_hands_does_not_outlast_the_deadline():
    with socket.create_server(("127.0.0.1", 0)) as silent, allowing(seconds=0.3):
        address = CaAddress("127.0.0.1", silent.getsockname()[1])
        with closing(Transport(address, PinnedContext.trusting(Authority().root_pem))) as transport, pytest.raises(IssuerUnreachable):
            transport.exchange("GET", "/health")


def full_backlog():
    """A port whose queue is full: connecting to it hangs."""
    port = socket.socket()
    port.bind(("127.0.0.1", 0))
    port.listen(0)
    fillers = [socket.socket() for _ in range(3)]
    for filler in fillers:
        filler.setblocking(False)
        filler.connect_ex(port.getsockname())
    return port, fillers


def test_many_dead_addresses_share_one_deadline(monkeypatch):
    port, fillers = full_backlog()
    entry = (socket.AF_INET, socket.SOCK_STREAM, 0, "", port.getsockname())
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [entry] * 100)
    monkeypatch.setattr(allowance, "CONNECT_SECONDS", 0.2)
    began = time.monotonic()
    try:
        with allowing(seconds=0.5), pytest.raises(OSError):
            connect("many.lan", 1)
        assert 0.4 < time.monotonic() - began < 15, "each of them would have had 0.2 s"
    finally:
        for one in (port, *fillers):
            one.close()


def test_a_dead_first_address_is_passed_over(ca, monkeypatch):
    port, fillers = full_backlog()
    target = ("127.0.0.1", CaAddress.parse(ca.url).port)
    entries = [(socket.AF_INET, socket.SOCK_STREAM, 0, "", address) for address in (port.getsockname(), target)]
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: entries)
    monkeypatch.setattr(allowance, "CONNECT_SECONDS", 0.2)
    try:
        assert exchange(ca).status == 200
    finally:
        for one in (port, *fillers):
            one.close()


def test_a_name_without_an_address_cannot_be_reached(monkeypatch):
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [])
    with pytest.raises(OSError, match="no address"):
        connect("none.lan", 1)


def test_an_outer_limit_of_time_stays_in_force():
    with allowing(seconds=1), allowing(seconds=100):
        assert current().seconds() <= 1
    assert current().seconds() == float("inf")


# --- what goes wrong --------------------------------------------------------------------------


def test_a_refused_connection_was_never_sent():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with (
        closing(Transport(CaAddress("127.0.0.1", port), PinnedContext.trusting_nobody())) as transport,
        pytest.raises(IssuerUnreachable, match="connection refused") as failed,
    ):
        transport.exchange("GET", "/health")
    assert not isinstance(failed.value, AnswerLost)
    assert failed.value.retryable


def test_an_unknown_name_was_never_sent():
    with (
        closing(Transport(CaAddress("no-such-host.invalid"), PinnedContext.trusting_nobody())) as transport,
        pytest.raises(IssuerUnreachable, match=r"no-such-host.*not known") as failed,
    ):
        transport.exchange("GET", "/health")
    assert not isinstance(failed.value, AnswerLost)


@pytest.mark.parametrize(
    "reply",
    [
        Reply(act=lambda _: None),
        Reply(raw=b"HTTP/1.1 200 X\r\nContent-Length: 100\r\n\r\n{", close=True),
        Reply(raw=b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nab", close=True),
        Reply(raw=b"HTTP/1.1 200 X\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", close=True),
        Reply(raw=b"not http at all\r\n\r\n", close=True),
        Reply(raw=b"HTTP/1.1 200 X\r\n" + b"A: b\r\n" * 200 + b"\r\n", close=True),
        Reply(raw=b"HTTP/1.1 200 X\r\nA: " + b"b" * 70_000 + b"\r\n\r\n", close=True),
    ],
    ids=["nothing", "cut body", "cut chunk", "bad chunk", "no http", "many headers", "long header"],
)
def test_an_answer_that_breaks_off_is_lost(ca, reply):
    ca.routes["GET /health"] = reply
    with pytest.raises(AnswerLost, match="no complete answer"):
        exchange(ca)


def test_plain_http_on_the_port_is_told_and_nothing_counts_as_sent():
    with socket.create_server(("127.0.0.1", 0)) as server:

        def answer():
            connection, _ = server.accept()
            with connection:
                connection.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                connection.recv(4096)

        thread = threading.Thread(target=answer)
        thread.start()
        address = CaAddress("127.0.0.1", server.getsockname()[1])
        with (
            closing(Transport(address, PinnedContext.trusting(Authority().root_pem))) as transport,
            pytest.raises(IssuerUnreachable, match="does not speak TLS") as failed,
        ):
            transport.exchange("GET", "/health")
        assert not isinstance(failed.value, AnswerLost)
        thread.join()


def alert(reason):
    error = ssl.SSLError(1, "x")
    error.reason = reason
    return error


@pytest.mark.parametrize(
    ("reason", "said"),
    [
        ("SSLV3_ALERT_CERTIFICATE_EXPIRED", "has expired"),
        ("TLSV13_ALERT_CERTIFICATE_REQUIRED", "requireClientAuthentication"),
        ("TLSV1_ALERT_UNKNOWN_CA", "TLSV1_ALERT_UNKNOWN_CA"),
    ],
)
def test_an_alert_about_our_certificate_is_explained(reason, said):
    refused = translate("POST x", ConnectionError(alert(reason)))
    assert isinstance(refused, OwnCertificateRefused)
    assert said in refused.message
    assert refused.alert == reason


def test_an_error_without_a_reason_is_named_by_its_type():
    assert "ZeroDivisionError" in translate("POST x", ZeroDivisionError()).message
    again = ConnectionError("outer")
    again.__cause__ = again
    assert "ConnectionError" in translate("POST x", again).message


def test_a_connection_that_ends_in_the_handshake_is_told_in_words():
    lost = translate("POST x", ConnectionError(ssl.SSLEOFError(8, "EOF occurred in violation of protocol (_ssl.c:1006)")))
    assert isinstance(lost, AnswerLost)
    assert lost.message == "POST x: no complete answer (the connection was closed)"


def test_a_connection_that_the_ca_closed_meanwhile_is_opened_anew(ca):
    ca.routes["GET /health"] = [Reply(raw=b"HTTP/1.1 200 X\r\nContent-Length: 2\r\n\r\n{}", close=True), Reply(body={})]
    with opened(ca) as transport:
        assert transport.exchange("GET", "/health").body == b"{}"
        wait_until_readable(transport._local.connection.sock)
        assert transport.exchange("GET", "/health").status == 200
    assert ca.connections == 2


def wait_until_readable(connection):
    assert select.select([connection], [], [], 5)[0]


def test_what_is_left_of_a_refused_answer_is_not_taken_for_the_next(ca):
    smuggled = b"HTTP/1.1 200 X\r\nContent-Length: 3\r\n\r\nbad"
    ca.routes["GET /health"] = [Reply(raw=b"HTTP/1.1 302 X\r\nContent-Length: 0\r\n\r\n" + smuggled), Reply(body=b"good")]
    with opened(ca) as transport:
        with pytest.raises(TrustError, match="redirect"):
            transport.exchange("GET", "/health")
        assert transport.exchange("GET", "/health").body == b"good"


def test_tokens_are_not_printed_whatever_a_program_sets_for_all_connections(ca, monkeypatch, capsys):
    monkeypatch.setattr("http.client.HTTPConnection.debuglevel", 1)
    exchange(ca, bearer="secret-token")
    assert "secret-token" not in capsys.readouterr().out


def test_the_name_that_is_asked_for_is_the_one_that_certificates_have():
    assert allowance.name_in_certificates("ca.lan.") == "ca.lan"
    assert allowance.name_in_certificates("fe80::1%eth0") == "fe80::1"
