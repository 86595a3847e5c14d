"""Requests as Go's net/http reads them: what it takes, what it refuses before any handler sees it, and in which words."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import IO
from urllib.parse import quote, unquote_to_bytes

_MAX_HEAD = 1024 * 1024 + 4096  # net/http: DefaultMaxHeaderBytes, and some slack
_TOKEN = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
_VERSION = re.compile(r"HTTP/(\d)\.(\d)")
_ABSOLUTE = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://[^/?#]*")
_PLAIN_IN_PATH = "$&+,/:;=@~"


class Malformed(Exception):
    """What is no request to Go; the status line and the text that it answers with."""

    def __init__(self, status: str, text: str = "") -> None:
        super().__init__(status)
        self.status = status
        self.text = text or status


@dataclass(frozen=True)
class Head:
    """Request line and headers, these under their canonical names; of several with one name the first counts."""

    method: str
    target: str
    minor: int
    headers: Mapping[str, str]

    @property
    def keeps_open(self) -> bool:
        """Whether the client wants to ask more over this connection."""
        words = {word.strip().lower() for word in self.headers.get("Connection", "").split(",")}
        return "close" not in words if self.minor else "keep-alive" in words


def read_head(stream: IO[bytes]) -> Head | None:
    """Read one; None where the client went.

    Raises:
        Malformed: it is none, or larger than a mebibyte.

    """
    lines = _lines(stream)
    if lines is None:
        return None
    words = lines[0].split(" ")
    if len(words) != 3 or not _TOKEN.fullmatch(words[0]):
        raise Malformed("400 Bad Request")
    target, minor, headers = _target(words[1]), _minor(words[2]), _headers(lines[1:])
    if minor and "Host" not in headers:
        text = "400 Bad Request: missing required Host header"
        raise Malformed(text)
    return Head(words[0], target, minor, headers)


def read_body(stream: IO[bytes], head: Head) -> bytes:
    """Read what follows the head; what breaks off in the middle is given as far as it came."""
    if "Transfer-Encoding" in head.headers:
        return _chunks(stream)
    return stream.read(int(head.headers.get("Content-Length") or 0))


def decoded(part: str) -> str:
    """A part of a path as Go's chi hands it out: decoded, unless it was written in another way than Go would."""
    raw = unquote_to_bytes(part)
    return raw.decode(errors="replace") if quote(raw, safe=_PLAIN_IN_PATH) == part else part


# --- the head ---------------------------------------------------------------------------------


def _lines(stream: IO[bytes]) -> list[str] | None:
    left, lines = _MAX_HEAD, list[str]()
    while line := stream.readline(left + 1):
        left -= len(line)
        if left < 0:
            raise Malformed("431 Request Header Fields Too Large")
        text = line.decode("latin-1").rstrip("\r\n")
        if not text and lines:
            return lines
        lines.append(text)
        if not text:
            raise Malformed("400 Bad Request")
    return None


def _minor(version: str) -> int:
    match = _VERSION.fullmatch(version)
    if not match:
        raise Malformed("400 Bad Request")
    if match[1] != "1":
        raise Malformed("505 HTTP Version Not Supported: unsupported protocol version")
    return int(match[2])


def _target(text: str) -> str:
    if match := _ABSOLUTE.match(text):
        text = text[match.end() :] or "/"
    if not (text.startswith("/") or text == "*") or re.search(r"[\x00-\x1f\x7f]|%(?![0-9A-Fa-f]{2})", text.partition("?")[0]):
        raise Malformed("400 Bad Request")
    return text


def _headers(lines: list[str]) -> dict[str, str]:
    headers: dict[str, str] = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if not colon:
            raise Malformed("400 Bad Request")
        if not _TOKEN.fullmatch(name):
            text = "400 Bad Request: invalid header name"
            raise Malformed(text)
        canonical, value = "-".join(map(str.capitalize, name.split("-"))), value.strip(" \t")
        if canonical == "Content-Length" and headers.get(canonical, value) != value:
            raise Malformed("400 Bad Request")
        headers.setdefault(canonical, value)
    _check_framing(headers)
    return headers


def _check_framing(headers: Mapping[str, str]) -> None:
    length = headers.get("Content-Length", "0")
    if not re.fullmatch(r"[0-9]{1,18}", length):
        raise Malformed("400 Bad Request")
    if headers.get("Transfer-Encoding", "chunked").lower() != "chunked":
        raise Malformed("501 Not Implemented", "Unsupported transfer encoding")


# --- the body ---------------------------------------------------------------------------------


def _chunks(stream: IO[bytes]) -> bytes:
    body = b""
    while (size := _chunk_size(stream.readline(_MAX_HEAD))) > 0:
        body += stream.read(size)
        stream.readline(_MAX_HEAD)
    while size == 0 and stream.readline(_MAX_HEAD).strip():
        """Trailers: read, and meant for nobody."""
    return body


def _chunk_size(line: bytes) -> int:
    try:
        return int(line.partition(b";")[0].strip(), 16)
    except ValueError:
        return -1
