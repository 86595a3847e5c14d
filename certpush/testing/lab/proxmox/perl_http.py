"""HTTP as PVE and the Mail Gateway speak it, whose server is Perl: what it refuses, when, and in which words."""

from __future__ import annotations

import gzip
import re
from dataclasses import replace
from datetime import datetime
from email.utils import format_datetime
from typing import IO

from certpush.testing.lab.proxmox.http import Head, Response, Stuck, plain, usual_words

_MAX_BODY = 512 * 1024
_MAX_HEADERS = 64
_MAX_HEAD = 8 * 1024
_WORTH_PACKING = 1024
_LINE = re.compile(r"(\S+) (\S+) HTTP/(\d+)\.(\d+)")
_HEADER = re.compile(r"([^:\s]+)\s*:\s*(.*)")
_METHODS = {"GET", "POST", "PUT", "DELETE"}
_TYPES = {"", "application/x-www-form-urlencoded", "application/json"}


class PerlHttp:
    """The manner of pve-http-server."""

    def read_head(self, stream: IO[bytes]) -> Head | Response | None:
        """Read a head; too many or too long headers are never answered."""
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

    def read_body(self, stream: IO[bytes], head: Head) -> bytes | Response | None:
        """Read a body of PUT or POST, up to 512 KiB, form or JSON."""
        if not head.length:
            return b""
        if head.method not in ("PUT", "POST"):
            return plain(501, f"Unexpected content for method '{head.method}'")
        if head.length > _MAX_BODY:
            return plain(501, "for data too large")
        if head.content_type not in _TYPES:
            return plain(506, f"upload 'Content-Type '{head.headers['content-type']}' not implemented")
        body = stream.read(head.length)
        return body if len(body) == head.length else None

    def moved(self, head: Head) -> Response:
        """Send them to HTTPS, with their path."""
        moved = (301, "Moved Permanently") if head.method == "GET" else (308, "Permanent Redirect")
        return plain(*moved, {"Location": f"https://{head.headers.get('host', '')}{head.target}"})

    def lasts_after(self, response: Response) -> bool:
        """A connection ends with the first error."""
        return response.status < 400

    def render(self, response: Response, head: Head | None, now: datetime, *, keeps_open: bool) -> bytes:
        """The message stands in the status line; an answer without a body says no length."""
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
        reason = response.reason.partition("\n")[0] or usual_words(response.status)
        lines = [f"HTTP/1.{head.minor if head else 0} {response.status} {reason}"]
        lines += [f"{name}: {text}" for name, text in fields.items() if text]
        return "\r\n".join([*lines, "", ""]).encode("utf-8") + body


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


def _packed(response: Response, head: Head | None) -> tuple[bytes, bool]:
    takes = head and "gzip" in head.headers.get("accept-encoding", "")
    if takes and len(response.body) > _WORTH_PACKING and "Content-Encoding" not in response.headers:
        return gzip.compress(response.body), True
    return response.body, False
