"""Answers as no Proxmox gives them: what stands between, and what breaks on the way."""

from __future__ import annotations

import json
import ssl
from datetime import UTC, datetime
from threading import Event
from typing import Protocol

from certpush.testing.lab.proxmox.faults import Answer, Broken
from certpush.testing.lab.proxmox.http import JSON, Head, Manner, Response

_HUGE = 2 * 1024**3
_CHUNK = 64 * 1024
_PAGE = b"<html><body><h1>Welcome to the proxy</h1></body></html>\n"
_ELSEWHERE = "https://127.0.0.1:1/api2/json/"
_INSTEAD_OF_WORK = {
    Answer.HTML: Response(200, "OK", _PAGE, "text/html"),
    Answer.HTML_ERROR: Response(502, "Bad Gateway", _PAGE, "text/html"),
    Answer.REDIRECT: Response(307, "Temporary Redirect", _PAGE, "text/html", headers={"Location": _ELSEWHERE}),
}


class Line(Protocol):
    """The connection on which an answer is broken."""

    secured: ssl.SSLSocket

    @property
    def manner(self) -> Manner:
        """How HTTP is spoken there."""

    @property
    def closing(self) -> Event:
        """Set where the server ends."""


def break_before(broken: Broken | None) -> Response | None:
    """What answers in place of the product, before anything is done."""
    return _INSTEAD_OF_WORK.get(broken.how) if broken else None


def break_after(broken: Broken, response: Response, line: Line) -> Response | None:
    """What is sent once the work is done; None where nothing more is."""
    if broken.how is Answer.LOST:
        return None
    if broken.how is Answer.SILENT:
        _wait_until_client_goes(line)
        return None
    if broken.how is Answer.SLOW:
        line.closing.wait(broken.seconds)
    if broken.how in (Answer.NO_OBJECT, Answer.NO_DATA):
        return Response(response.status, response.reason, json.dumps([] if broken.how is Answer.NO_OBJECT else {}).encode(), JSON)
    if broken.how in (Answer.HUGE, Answer.TRICKLE, Answer.TRUNCATED):
        _send_badly(broken.how, response, line)
        return None
    return response


def _wait_until_client_goes(line: Line) -> None:
    line.secured.settimeout(None)
    while line.secured.recv(_CHUNK):
        pass


def _send_badly(how: Answer, response: Response, line: Line) -> None:
    whole = line.manner.render(response, Head("GET", "/", 1, {}), datetime.now(UTC), keeps_open=False)
    head, _, body = whole.partition(b"\r\n\r\n")
    if how is Answer.TRUNCATED:
        line.secured.sendall(whole[: len(whole) - len(body) // 2 - 1])
        return
    if how is Answer.TRICKLE:
        _trickle(head + b"\r\n\r\n", body, line)
        return
    length = f"Content-Length: {len(body)}".encode()
    line.secured.sendall(head.replace(length, b"Content-Length: %d" % _HUGE) + b'\r\n\r\n{"data":"')
    for _ in range(_HUGE // _CHUNK):
        line.secured.sendall(b"A" * _CHUNK)


def _trickle(head: bytes, body: bytes, line: Line) -> None:
    line.secured.sendall(head)
    for place in range(len(body)):
        line.secured.sendall(body[place : place + 1])
        if line.closing.wait(1):
            return
