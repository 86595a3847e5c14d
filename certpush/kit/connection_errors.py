"""What an error of a connection was made of, whichever library raised it."""

from __future__ import annotations

import ssl
from collections.abc import Iterator

NO_TLS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")
"""OpenSSL's reasons where the other side does not speak TLS at all."""


def causes_of(error: BaseException | None) -> Iterator[BaseException]:
    """All that an error was made of: requests and urllib3 keep the reason in args, in ``reason`` or as cause, by turns."""
    queue, seen = [error], set()
    while queue:
        one = queue.pop(0)
        if not isinstance(one, BaseException) or id(one) in seen:
            continue
        seen.add(id(one))
        yield one
        queue += [*one.args, getattr(one, "reason", None), one.__cause__, one.__context__]


def was_cut(error: ssl.SSLError) -> bool:
    """Whether the connection ended without TLS saying so; some builds of Python have no class for that."""
    return isinstance(error, ssl.SSLEOFError) or error.reason == "UNEXPECTED_EOF_WHILE_READING"


def reason_among(causes: tuple[BaseException, ...]) -> str:
    """Why, in a few words."""
    for cause in causes:
        if isinstance(cause, TimeoutError):
            return "no answer in time"
        if isinstance(cause, ssl.SSLError) and was_cut(cause):
            return "the connection was closed"
        if isinstance(cause, OSError) and cause.strerror:
            return cause.strerror.lower()
    return type(causes[-1]).__name__
