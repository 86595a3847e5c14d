"""Requests byte by byte, as no library would write them: what Go's net/http makes of them counts for both CAs."""

from __future__ import annotations

import re
import socket
import ssl

HOST = b"Host: localhost\r\n"
CLOSE = b"Connection: close\r\n\r\n"


def ask(path: bytes, more: bytes = b"", *, method: bytes = b"GET", version: bytes = b"HTTP/1.1") -> bytes:
    return method + b" " + path + b" " + version + b"\r\n" + HOST + more + CLOSE


def post(more: bytes, body: bytes) -> bytes:
    return ask(b"/revoke", more, method=b"POST") + body


WIRE: dict[str, bytes] = {
    "body in chunks": post(b"Transfer-Encoding: chunked\r\n", b"2\r\n{}\r\n0\r\n\r\n"),
    "body in chunks with extensions and trailers": post(b"Transfer-Encoding: chunked\r\n", b"1;a=b\r\n{\r\n1\r\n}\r\n0\r\nX: y\r\n\r\n"),
    "body in broken chunks": post(b"Transfer-Encoding: chunked\r\n", b"zz\r\n{}\r\n0\r\n\r\n"),
    "another request after chunks": b"POST /revoke HTTP/1.1\r\n"
    + HOST
    + b"Transfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n"
    + ask(b"/health"),
    "body in gzip": post(b"Transfer-Encoding: gzip\r\n", b"2\r\n{}\r\n0\r\n\r\n"),
    "method that nobody knows": ask(b"/health", method=b"FOO"),
    "method that nobody knows at no route": ask(b"/nope", method=b"FOO"),
    "method in small letters": ask(b"/health", method=b"get"),
    "TRACE": ask(b"/health", method=b"TRACE"),
    "PATCH": ask(b"/health", method=b"PATCH"),
    "OPTIONS": ask(b"/sign", method=b"OPTIONS"),
    "OPTIONS of all": ask(b"*", method=b"OPTIONS"),
    "HEAD of a POST route": ask(b"/sign", method=b"HEAD"),
    "HEAD of nothing": ask(b"/nope", method=b"HEAD"),
    "header of 70 KB": ask(b"/health", b"X-Big: " + b"a" * 70_000 + b"\r\n"),
    "200 headers": ask(b"/health", b"".join(b"X-%d: a\r\n" % number for number in range(200))),
    "header of 2 MB": ask(b"/health", b"X-Big: " + b"a" * 2_000_000 + b"\r\n"),
    "path of 70 KB": ask(b"/" + b"a" * 70_000),
    "no Host": b"GET /health HTTP/1.1\r\n" + CLOSE,
    "HTTP/1.0": b"GET /health HTTP/1.0\r\n\r\n",
    "HTTP/0.9": b"GET /health\r\n\r\n",
    "HTTP/3.0": ask(b"/health", version=b"HTTP/3.0"),
    "garbage": b"hello\r\n\r\n",
    "lines that end with LF": b"GET /health HTTP/1.1\nHost: x\nConnection: close\n\n",
    "header without colon": ask(b"/health", b"no colon here\r\n"),
    "header with a space before the colon": ask(b"/health", b"X : y\r\n"),
    "two slashes": ask(b"//health"),
    "a dot in the path": ask(b"/./health"),
    "capitals in the path": ask(b"/HEALTH"),
    "escaped letter in the path": ask(b"/h%65alth"),
    "broken escape in the path": ask(b"/%zz"),
    "absolute URL": ask(b"https://localhost/health"),
    "path without slash": ask(b"health"),
    "query": ask(b"/health?x=1"),
    "semicolon in the query": ask(b"/provisioners?limit=1;cursor=ff"),
    "100-continue": post(b"Expect: 100-continue\r\nContent-Length: 2\r\n", b"{}"),
    "another expectation": post(b"Expect: miracle\r\nContent-Length: 2\r\n", b"{}"),
    "length that is no number": post(b"Content-Length: abc\r\n", b"{}"),
    "negative length": post(b"Content-Length: -1\r\n", b"{}"),
    "two equal lengths": post(b"Content-Length: 2\r\nContent-Length: 2\r\n", b"{}"),
    "two lengths": post(b"Content-Length: 2\r\nContent-Length: 3\r\n", b"{}"),
    "two requests at once": b"GET /health HTTP/1.1\r\n" + HOST + b"\r\n" + ask(b"/version"),
    "GET with a body": b"GET /health HTTP/1.1\r\n" + HOST + b"Content-Length: 2\r\n\r\n{}" + ask(b"/version"),
    "empty request id": ask(b"/health", b"X-Request-Id: \r\n"),
    "request id in its old header": ask(b"/health", b"X-Smallstep-Id: abc\r\n"),
    "request id of odd bytes": ask(b"/health", b'X-Request-Id: a b "c" \xe4\r\n'),
    "two request ids": ask(b"/health", b"X-Request-Id: a\r\nX-Request-Id: b\r\n"),
    "ACME directory of nobody": ask(b"/acme/nope/directory"),
    "ACME directory of a JWK provisioner": ask(b"/acme/admin/directory"),
    "ACME directory under 2.0": ask(b"/2.0/acme/nope/directory"),
    "ACME directory under 1.0": ask(b"/1.0/acme/nope/directory"),
    "ACME nonce": ask(b"/acme/nope/new-nonce", method=b"HEAD"),
    "root with an escape that is none": ask(b"/root/%41"),
    "root with marks that are escaped": ask(b"/root/%22x%3C%3E"),
    "key of an empty id": ask(b"/provisioners//encrypted-key"),
    "limit with marks": ask(b"/provisioners?limit=%22%3Cx"),
    "limit with a plus": ask(b"/provisioners?limit=%2B5"),
    "limit with an underscore": ask(b"/provisioners?limit=1_0"),
    "limit beyond all numbers": ask(b"/provisioners?limit=99999999999999999999"),
    "limit with a space": ask(b"/provisioners?limit=%205"),
    "limit twice": ask(b"/provisioners?limit=0&limit=x"),
}


def exchange(ca, sent: bytes) -> bytes:
    """All that comes back until the CA closes, without what must differ; header names and their order do not count."""
    context = ssl.create_default_context(cadata=ca.root_pem.decode())
    with (
        socket.create_connection(("127.0.0.1", int(ca.url.rpartition(":")[2])), timeout=10) as plain,
        context.wrap_socket(plain, server_hostname="localhost") as secured,
    ):
        secured.sendall(sent)
        came = b""
        while piece := secured.recv(65536):
            came += piece
    return b"".join(map(comparable, re.split(rb"(?=HTTP/1\.[01] )", came)))


def comparable(answer: bytes) -> bytes:
    head, gap, body = answer.partition(b"\r\n\r\n")
    head = re.sub(rb"(?i)\r\ndate: [^\r]*", b"\r\nDate: then", head)
    head = re.sub(rb"(?i)\r\nx-request-id: [0-9a-f-]{36}", b"\r\nX-Request-Id: some uuid", head)
    status, *fields = head.split(b"\r\n")
    return (
        b"\r\n".join([status, *sorted(field.partition(b":")[0].lower() + field[len(field.partition(b":")[0]) :] for field in fields)])
        + gap
        + body
    )
