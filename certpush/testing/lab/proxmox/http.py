"""Requests and answers as Proxmox's HTTP server in Perl reads and writes them: what it refuses, when, and in which words."""

from __future__ import annotations

import gzip
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from email.utils import format_datetime
from http import HTTPStatus
from typing import IO
from urllib.parse import unquote

from certpush.model import JsonValue
from certpush.testing.lab.proxmox.refusals import Refused

MAX_BODY = 512 * 1024
_MAX_HEADERS = 64
_MAX_HEAD = 8 * 1024
_WORTH_PACKING = 1024
_LINE = re.compile(r"(\S+) (\S+) HTTP/(\d+)\.(\d+)")
_HEADER = re.compile(r"([^:\s]+)\s*:\s*(.*)")
_METHODS = {"GET", "POST", "PUT", "DELETE"}
JSON = "application/json;charset=UTF-8"


class Stuck(Exception):
    """A head beyond the limits: the server says nothing, and hangs up when it was idle for long enough."""


@dataclass(frozen=True)
class Head:
    """Request line and headers, these in lower case; several of one name are joined with commas."""

    method: str
    target: str
    minor: int
    headers: Mapping[str, str] = field(repr=False)

    @property
    def path(self) -> str:
        """The path, decoded as a whole."""
        return unquote(_without_origin(self.target).partition("?")[0])

    @property
    def query(self) -> str:
        """What follows the question mark, as it was sent."""
        return _without_origin(self.target).partition("?")[2]

    @property
    def length(self) -> int:
        """The length of the body as the header says it; 0 where it says none."""
        text = self.headers.get("content-length", "")
        return int(text) if text.isdecimal() else 0

    @property
    def content_type(self) -> str:
        """The type of the body without its parameters."""
        return re.split(r"\s*[;,]\s*", self.headers.get("content-type", ""))[0]

    @property
    def keeps_open(self) -> bool:
        """Whether the client wants to ask more over this connection."""
        said = self.headers.get("connection", "")
        return "close" not in said.lower() if said else self.minor > 0


@dataclass(frozen=True)
class Response:
    """An answer; ``reason`` is the first line of its message, ``delay`` in seconds before it is sent."""

    status: int
    reason: str = ""
    body: bytes = b""
    content_type: str = ""
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0


def data(value: JsonValue) -> Response:
    """A success."""
    return Response(200, "OK", _json({"data": value}), JSON)


def refusal(refused: Refused) -> Response:
    """What a call was refused with, as JSON."""
    told: dict[str, JsonValue] = {"data": None, "message": refused.message}
    if refused.errors:
        told["errors"] = dict(refused.errors)
    return Response(refused.status, refused.message, _json(told), JSON)


def plain(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """What the server says by itself: the message is the body too."""
    return Response(status, message, message.encode(), headers=headers or {})


def read_head(stream: IO[bytes]) -> Head | Response | None:
    """Read one; an answer where it is refused at once, None where the client went.

    Raises:
        Stuck: it is beyond the limits.

    """
    line = b"\r\n"
    while not line.strip():
        line = stream.readline(_MAX_HEAD)
        if not line:
            return None
    found = _LINE.search(line.decode("latin-1"))
    if not found:
        return plain(400, "bad request")
    if found[3] != "1":
        return plain(506, f"http protocol version {found[3]}.{found[4]} not supported")
    if "@" in found[2].partition("/")[0]:
        return plain(400, "invalid url")
    return _read_headers(stream, Head(found[1], found[2], int(found[4]), {}))


def _read_headers(stream: IO[bytes], head: Head) -> Head | Response | None:
    headers: dict[str, str] = {}
    size = count = 0
    last = ""
    while (line := _text(stream.readline(_MAX_HEAD + 1))) is not None:
        count, size = count + 1, size + len(line)
        if count >= _MAX_HEADERS or size >= _MAX_HEAD:
            raise Stuck
        if not line:
            return _refused_by_head(replace(head, headers=headers))
        if found := _HEADER.match(line):
            last = found[1].lower()
            headers[last] = f"{headers[last]}, {found[2]}" if last in headers else found[2]
        elif line[0].isspace():
            headers[last] = f"{headers.get(last, '')} {line.strip()}"
        else:
            return plain(506, "unable to parse request header")
    return None


def _text(line: bytes) -> str | None:
    return line.decode("latin-1").rstrip("\r\n") if line else None


def _refused_by_head(head: Head) -> Head | Response:
    if head.method not in _METHODS:
        return Response(501, f"method '{head.method}' not available")
    coding = head.headers.get("transfer-encoding", "")
    if coding.lower() == "chunked":
        return plain(501, "chunked transfer encoding not supported")
    return plain(501, f"Unknown transfer encoding '{coding}'") if coding else head


def refused_by_length(head: Head) -> Response | None:
    """The answer to a body that is not read; None where it is to be read."""
    if not head.length:
        return None
    if head.method not in ("PUT", "POST"):
        return plain(501, f"Unexpected content for method '{head.method}'")
    if head.length > MAX_BODY:
        return plain(501, "for data too large")
    if head.content_type not in ("", "application/x-www-form-urlencoded", "application/json"):
        return plain(506, f"upload 'Content-Type '{head.headers['content-type']}' not implemented")
    return None


def render(response: Response, head: Head | None, now: datetime, *, keeps_open: bool) -> bytes:
    """An answer in the bytes that are sent."""
    body, packed = _packed(response, head)
    date = format_datetime(now, usegmt=True)
    fields = {
        "Cache-Control": "max-age=0",
        "Connection": "Keep-Alive" if keeps_open else "close",
        "Date": date,
        "Pragma": "no-cache",
        "Server": "pve-api-daemon/3.0",
        "Content-Encoding": "gzip" if packed else "",
        "Content-Length": str(len(body)) if body else "",
        "Content-Type": response.content_type,
        "Expires": date,
        **response.headers,
    }
    line = f"HTTP/1.{head.minor if head else 0} {response.status} {reason(response)}"
    lines = [line, *(f"{name}: {text}" for name, text in fields.items() if text)]
    return "\r\n".join([*lines, "", ""]).encode("utf-8") + body


def reason(response: Response) -> str:
    """What stands in the status line: the first line of the message, or the status's usual words."""
    first = response.reason.partition("\n")[0]
    return first or _usual_words(response.status)


def _usual_words(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _packed(response: Response, head: Head | None) -> tuple[bytes, bool]:
    takes = head and "gzip" in head.headers.get("accept-encoding", "")
    if takes and len(response.body) > _WORTH_PACKING and "Content-Encoding" not in response.headers:
        return gzip.compress(response.body), True
    return response.body, False


def _without_origin(target: str) -> str:
    return re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?]*", "", target) or "/"


def _json(value: JsonValue) -> bytes:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()
