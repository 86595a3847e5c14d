"""What the HTTP server does by itself, before any call is made."""

import gzip
import json
import re
import socket
import time
from datetime import UTC, datetime, timedelta

import pytest

from certpush.testing.lab.proxmox import ProxmoxNode
from unit.testing.proxmox.asking import accepting_all, ask, connect, say, say_once, token_of

VERSION = "/api2/json/version"


def talk(node, sent):
    """What comes back for these bytes, until the server hangs up; and how long that took."""
    began = time.monotonic()
    with (
        socket.create_connection((node.host, node.port), 10) as plain,
        accepting_all().wrap_socket(plain, server_hostname="127.0.0.1") as secured,
    ):
        secured.sendall(sent)
        got = b""
        while part := secured.recv(65536):
            got += part
    return got, time.monotonic() - began


def request(line, *headers, body=b""):
    return "\r\n".join([line, "Host: pve1", *headers, "", ""]).encode() + body


def status_line(got):
    return got.partition(b"\r\n")[0].decode()


# --- who is let in ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("header", "reason"),
    [
        (None, "No ticket"),
        ("Bearer {secret}", "No ticket"),
        ("PVEAPIToken={name}={secret}x", "Authentication failed!"),
        ("PVEAPIToken={name}", "Authentication failed!"),
        ("PVEAPIToken={name}:{secret}", "Authentication failed!"),
        ("PVEAPIToken=deploy={secret}", "Authentication failed!"),
        ("PVEAPIToken=certpush@pve!certpush@pve!deploy={secret}", "Authentication failed!"),
        ("PVEAPIToken=certpush@pve!other={secret}", "Authentication failed!"),
        ("PBSAPIToken={name}={secret}", "No ticket"),
    ],
)
def test_strangers_get_a_401_without_body(node, header, reason):
    headers = {"Authorization": header.format(name=node.token_id, secret=node.token)} if header else {}
    said = ask(node, "GET", "/version", headers=headers)
    assert (said.status, said.reason, said.body) == (401, reason, b"")
    assert said.headers["Connection"] == "close"


def test_a_401_comes_late():
    with ProxmoxNode(overlap=0) as node:
        assert ask(node, "GET", "/version", headers={}).seconds > 2.9


def test_a_space_separates_too(node):
    assert ask(node, "GET", "/version", headers={"Authorization": f"PVEAPIToken {node.token_id}={node.token}"}).status == 200


def test_expired_tokens_and_disabled_users_are_strangers(node):
    node.accounts.users[node.user].enabled = False
    assert ask(node, "GET", "/version").reason == "Authentication failed!"
    node.accounts.users[node.user].enabled = True
    node.accounts.token(node.token_id).expires = datetime.now(UTC) - timedelta(days=1)
    assert ask(node, "GET", "/version").reason == "Authentication failed!"


def test_a_401_does_not_wait_for_the_body(node):
    got, seconds = talk(node, request("POST /api2/json/nodes/pve1/certificates/custom HTTP/1.1", "Content-Length: 1000"))
    assert status_line(got) == "HTTP/1.1 401 No ticket"
    assert seconds < 4.9, "an idle connection has five seconds"


# --- what is no request -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("sent", "line"),
    [
        (b"nonsense\r\n\r\n", "HTTP/1.0 400 bad request"),
        (request("GET / HTTP/2.0"), "HTTP/1.0 506 http protocol version 2.0 not supported"),
        (request("GET a@b/ HTTP/1.1"), "HTTP/1.0 400 invalid url"),
        (request(f"GET {VERSION} HTTP/1.1", "no header"), "HTTP/1.0 506 unable to parse request header"),
        (request(f"HEAD {VERSION} HTTP/1.1"), "HTTP/1.0 501 method 'HEAD' not available"),
        (request(f"PUT {VERSION} HTTP/1.1", "Transfer-Encoding: chunked"), "HTTP/1.0 501 chunked transfer encoding not supported"),
        (request(f"PUT {VERSION} HTTP/1.1", "Transfer-Encoding: gzip"), "HTTP/1.0 501 Unknown transfer encoding 'gzip'"),
        (request("GET /api2 HTTP/1.1"), "HTTP/1.1 501 no such uri"),
        (request("GET /elsewhere HTTP/1.1"), "HTTP/1.1 500 no such file '/elsewhere'"),
    ],
)
def test_what_is_no_request_is_answered_and_hung_up_on(node, sent, line):
    assert status_line(talk(node, sent)[0]) == line


def _signed(node, line, *headers, body=b""):
    return request(line, *(f"{name}: {value}" for name, value in token_of(node).items()), *headers, body=body)


def test_bodies_have_a_limit_and_a_type(node):
    post = "POST /api2/json/nodes/pve1/certificates/custom HTTP/1.1"
    most = 512 * 1024
    assert status_line(talk(node, _signed(node, post, f"Content-Length: {most + 1}"))[0]) == "HTTP/1.1 501 for data too large"
    got, _ = talk(node, _signed(node, post, f"Content-Length: {most}", body=b"a=" + b"b" * (most - 2)))
    assert status_line(got) == "HTTP/1.1 400 Parameter verification failed."
    got, _ = talk(node, _signed(node, post, "Content-Length: 2", "Content-Type: multipart/form-data; boundary=x", body=b"--"))
    assert status_line(got).startswith("HTTP/1.1 506 upload 'Content-Type 'multipart/form-data; boundary=x' not implemented")


@pytest.mark.parametrize(("body", "text"), [(b"{", "malformed JSON string"), (b"[]", "Not a HASH reference")])
def test_json_that_is_none_ends_the_call(node, body, text):
    post = "POST /api2/json/nodes/pve1/certificates/custom HTTP/1.1"
    got, _ = talk(node, _signed(node, post, f"Content-Length: {len(body)}", "Content-Type: application/json", body=body))
    assert status_line(got).startswith(f"HTTP/1.1 500 {text}")


@pytest.mark.parametrize("headers", [[f"X-{number}: 1" for number in range(70)], ["X: " + "y" * 9000]], ids=["many", "long"])
def test_a_head_beyond_the_limits_is_never_answered(headers):
    with ProxmoxNode(idle=0.5) as node:
        got, seconds = talk(node, request(f"GET {VERSION} HTTP/1.1", *headers))
    assert got == b""
    assert seconds > 0.4


def test_calls_that_do_not_exist(node):
    said = ask(node, "GET", "/nodes/pve1/nothing")
    assert (said.status, said.reason) == (501, "Method 'GET /nodes/pve1/nothing' not implemented")
    assert said.json == {"data": None, "message": "Method 'GET /nodes/pve1/nothing' not implemented"}
    assert ask(node, "PUT", "/version", {}).status == 501


def test_another_format_is_not_spoken(node):
    assert say_once(node, "GET", "/api2/tea/version", token_of(node)).reason == "no formatter for uri /version, tea"


# --- connections ------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "line"), [("GET", "301 Moved Permanently"), ("POST", "308 Permanent Redirect")])
def test_plain_http_is_sent_to_https(node, method, line):
    with socket.create_connection((node.host, node.port), 10) as plain:
        plain.sendall(request(f"{method} {VERSION} HTTP/1.1").replace(b"Host: pve1", f"Host: pve1:{node.port}".encode()))
        got = b""
        while part := plain.recv(65536):
            got += part
    assert status_line(got) == f"HTTP/1.1 {line}"
    assert f"Location: https://pve1:{node.port}{VERSION}\r\n".encode() in got


def test_an_idle_connection_is_closed_after_five_seconds(node):
    connection = connect(node)
    say(connection, "GET", VERSION, token_of(node))
    began = time.monotonic()
    assert connection.sock.recv(1) == b""
    assert time.monotonic() - began > 4.5
    connection.close()


def test_many_requests_go_over_one_connection_but_not_after_an_error(node):
    connection = connect(node)
    for _ in range(3):
        assert say(connection, "GET", VERSION, token_of(node)).headers["Connection"] == "Keep-Alive"
    assert say(connection, "GET", "/api2/json/nothing", token_of(node)).headers["Connection"] == "close"
    assert node.connections == 1


@pytest.mark.parametrize(
    ("version", "said", "kept"), [("1.1", "close", "close"), ("1.0", "", "close"), ("1.0", "keep-alive", "Keep-Alive")]
)
def test_who_wants_to_close_is_let_go(version, said, kept):
    with ProxmoxNode(idle=0.5) as node:
        sent = _signed(node, f"GET {VERSION} HTTP/{version}", *([f"Connection: {said}"] if said else []))
        assert f"Connection: {kept}\r\n".encode() in talk(node, sent)[0]


def test_long_answers_are_packed_for_those_who_take_it(node):
    headers = {**token_of(node), "Accept-Encoding": "gzip, deflate"}
    packed = say_once(node, "GET", "/api2/json/nodes/pve1/certificates/info", headers)
    assert packed.headers["Content-Encoding"] == "gzip"
    assert json.loads(gzip.decompress(packed.body)) == ask(node, "GET", "/nodes/pve1/certificates/info").json
    assert say_once(node, "GET", VERSION, headers).headers["Content-Encoding"] is None


def test_every_answer_has_the_nodes_date(node):
    for headers in (token_of(node), {}):
        assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT", ask(node, "GET", "/version", headers=headers).headers["Date"])


def test_what_came_in_is_noted(node):
    ask(node, "GET", "/access/permissions", {"path": "/nodes"})
    ask(node, "GET", "/version", headers={})
    first, second = node.requests
    assert (first.method, first.path, first.parameters, first.status) == ("GET", "/api2/json/access/permissions", {"path": "/nodes"}, 200)
    assert first.caller == node.token_id
    assert (second.status, second.caller) == (401, "")
    assert node.token not in repr(first)
