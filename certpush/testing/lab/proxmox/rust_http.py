"""HTTP as the Backup Server and the Datacenter Manager speak it, whose server is Rust (hyper): the usual manner."""

from __future__ import annotations

import re
import zlib
from datetime import datetime
from email.utils import format_datetime
from typing import IO

from certpush.testing.lab.proxmox.http import Head, Response, usual_words

_MAX_BODY = 512 * 1024
_MAX_LINE = 64 * 1024
_LINE = re.compile(r"([A-Z]+) (\S+) HTTP/1\.([01])")
_HEADER = re.compile(r"([!#$%&'*+.^_`|~0-9A-Za-z-]+):[ \t]*(.*?)[ \t]*")
_NONSENSE = Response(400)


class RustHttp:
    """The manner of proxmox-rest-server."""

    def read_head(self, stream: IO[bytes]) -> Head | Response | None:
        """Read a head."""
        lines = []
        while line := stream.readline(_MAX_LINE).decode("latin-1").rstrip("\r\n"):
            lines.append(line)
        if not lines:
            return None
        found = _LINE.fullmatch(lines[0])
        headers = [_HEADER.fullmatch(one) for one in lines[1:]]
        if not found or not all(headers):
            return _NONSENSE
        return Head(found[1], found[2], int(found[3]), {one[1].lower(): one[2] for one in headers if one})

    def read_body(self, stream: IO[bytes], head: Head) -> bytes | Response | None:
        """Read the body of any method, also in chunks; one that is too large is not read to its end."""
        body = _chunks(stream) if "transfer-encoding" in head.headers else stream.read(min(head.length, _MAX_BODY))
        if len(body) >= _MAX_BODY:
            return Response(400, "", b"Request body too large")
        return body if len(body) >= head.length else None

    def moved(self, head: Head) -> Response:
        """Send them to HTTPS, to the host alone."""
        if "host" not in head.headers:
            return _NONSENSE
        return Response(301 if head.method in ("GET", "HEAD") else 308, headers={"Location": f"https://{head.headers['host']}"})

    def lasts_after(self, _: Response) -> bool:
        """A connection outlives errors."""
        return True

    def render(self, response: Response, head: Head | None, now: datetime, *, keeps_open: bool) -> bytes:
        """The status line says what it always says; for those who take it, the body is packed with deflate, in chunks."""
        packs = _takes_deflate(head) and response.content_type != ""
        body = _in_chunks(zlib.compress(response.body)) if packs else response.body
        fields = {
            "Content-Type": response.content_type,
            "Content-Encoding": "deflate" if packs else "",
            "Transfer-Encoding": "chunked" if packs else "",
            "Content-Length": "" if packs else str(len(body)),
            "Connection": "" if keeps_open else "close",
            "Date": format_datetime(now, usegmt=True),
            **response.headers,
        }
        lines = [f"HTTP/1.{head.minor if head else 1} {response.status} {usual_words(response.status)}"]
        lines += [f"{name.lower()}: {text}" for name, text in fields.items() if text]
        return "\r\n".join([*lines, "", ""]).encode("utf-8") + body


def _takes_deflate(head: Head | None) -> bool:
    codings = re.split("[, ]", head.headers.get("accept-encoding", "") if head else "")
    return any(one == "deflate" or one.startswith("deflate;q=") for one in codings)


def _in_chunks(body: bytes) -> bytes:
    return b"%X\r\n%b\r\n0\r\n\r\n" % (len(body), body)


def _chunks(stream: IO[bytes]) -> bytes:
    body = b""
    while (size := _size(stream.readline(_MAX_LINE))) > 0 and len(body) < _MAX_BODY:
        body += stream.read(size)
        stream.readline(_MAX_LINE)
    if size == 0:
        stream.readline(_MAX_LINE)
    return body


def _size(line: bytes) -> int:
    try:
        return int(line.partition(b";")[0].strip(), 16)
    except ValueError:
        return -1
