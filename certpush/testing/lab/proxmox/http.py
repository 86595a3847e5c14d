"""Requests and answers, whoever reads and writes them: the product's web server has its own manner of that."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from http import HTTPStatus
from typing import IO, Protocol
from urllib.parse import unquote

from certpush.model import JsonValue

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
    def has_body(self) -> bool:
        """Whether a body follows."""
        return self.length > 0 or "transfer-encoding" in self.headers

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


class Manner(Protocol):
    """How a product's web server speaks HTTP."""

    def read_head(self, stream: IO[bytes]) -> Head | Response | None:
        """Read a head; an answer where it is refused at once, None where the client went.

        Raises:
            Stuck: nothing will be answered.

        """

    def read_body(self, stream: IO[bytes], head: Head) -> bytes | Response | None:
        """Read the body; an answer where it is refused, None where the client went."""

    def moved(self, head: Head) -> Response:
        """What is answered to plain HTTP."""

    def lasts_after(self, response: Response) -> bool:
        """Whether the connection may be used again after this answer."""

    def render(self, response: Response, head: Head | None, now: datetime, *, keeps_open: bool) -> bytes:
        """Give the answer in the bytes that are sent."""


def data(value: JsonValue) -> Response:
    """A success."""
    return Response(200, "OK", to_json({"data": value}), JSON)


def plain(status: int, message: str, headers: Mapping[str, str] | None = None) -> Response:
    """What the server says by itself: the message is the body too."""
    return Response(status, message, message.encode(), headers=headers or {})


def to_json(value: JsonValue) -> bytes:
    """JSON as short as it can be."""
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode()


def usual_words(status: int) -> str:
    """What a status line says where nobody says anything else."""
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return ""


def _without_origin(target: str) -> str:
    return re.sub(r"^[A-Za-z][A-Za-z0-9+.-]*://[^/?]*", "", target) or "/"
