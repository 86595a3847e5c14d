"""The few words of plain text that some protocols want before TLS begins."""

from __future__ import annotations

import socket
import time
from collections.abc import Callable, Mapping

from certpush.errors import TargetUnreachable

_MAX_LINE = 4096
_MAX_LINES = 100
_POSTGRES_SSL_REQUEST = bytes.fromhex("0000000804d2162f")  # PostgreSQL protocol, SSLRequest


def begin_tls(connection: socket.socket, protocol: str) -> None:
    """Talk the protocol up to the point where TLS starts.

    The connection's timeout is that of the whole conversation: a server that sends a byte now
    and then does not stretch it. It is as it was afterwards.

    Raises:
        TargetUnreachable: the server does not offer it, or nobody here speaks the protocol.
        OSError: the connection broke, or the time is over.

    """
    if protocol not in _PROTOCOLS:
        raise TargetUnreachable(f"certpush cannot begin TLS in {protocol[:40]!a}", hint=f"starttls is one of {', '.join(_PROTOCOLS)}")
    timeout = connection.gettimeout()
    _PROTOCOLS[protocol](_Talk(connection, timeout))
    connection.settimeout(timeout)


class _Talk:
    """A conversation of lines, within one time limit (seconds; None: no limit)."""

    def __init__(self, connection: socket.socket, timeout: float | None) -> None:
        self._connection = connection
        self._until = None if timeout is None else time.monotonic() + timeout

    def say(self, words: bytes) -> None:
        """Send it all."""
        self._connection.sendall(words)

    def byte(self) -> bytes:
        """The next byte; one alone, for nothing past a line may be taken: TLS begins right behind it."""
        if self._until is not None:
            left = self._until - time.monotonic()
            if left <= 0:
                raise TimeoutError
            self._connection.settimeout(left)
        heard = self._connection.recv(1)
        _require(heard != b"", b"it hung up")
        return heard

    def line(self) -> bytes:
        """The next line, or as much of it as anybody would write in one."""
        line = bytearray()
        while not line.endswith(b"\n") and len(line) < _MAX_LINE:
            line += self.byte()
        return bytes(line)


def _smtp(talk: _Talk) -> None:
    _expect_reply(talk, b"220")
    talk.say(b"EHLO certpush\r\n")
    _expect_reply(talk, b"250")
    talk.say(b"STARTTLS\r\n")
    _expect_reply(talk, b"220")


def _imap(talk: _Talk) -> None:
    talk.line()
    talk.say(b"a1 STARTTLS\r\n")
    line = _first(talk, lambda line: line.startswith(b"a1 "))
    _require(line.startswith(b"a1 OK"), line)


def _pop3(talk: _Talk) -> None:
    talk.line()
    talk.say(b"STLS\r\n")
    line = talk.line()
    _require(line.startswith(b"+OK"), line)


def _postgres(talk: _Talk) -> None:
    talk.say(_POSTGRES_SSL_REQUEST)
    answer = talk.byte()
    _require(answer == b"S", answer)


_PROTOCOLS: Mapping[str, Callable[[_Talk], None]] = {
    "smtp": _smtp,
    "imap": _imap,
    "pop3": _pop3,
    "postgres": _postgres,
}


def _expect_reply(talk: _Talk, code: bytes) -> None:
    line = _first(talk, lambda line: line[3:4] != b"-")  # "250-" announces another line, "250 " is the last
    _require(line.startswith(code), line)


def _first(talk: _Talk, wanted: Callable[[bytes], bool]) -> bytes:
    """The first line that is wanted; the ones before it are passed over, up to a limit."""
    for _ in range(_MAX_LINES):
        line = talk.line()
        if wanted(line):
            return line
    raise _not_offered(b"too many lines")


def _require(offered: bool, answer: bytes) -> None:  # noqa: FBT001 - an assertion
    if not offered:
        raise _not_offered(answer)


def _not_offered(answer: bytes) -> TargetUnreachable:
    shown = ascii(answer[:80].decode("latin-1").strip())
    return TargetUnreachable(f"the server does not begin TLS: {shown}", hint="check the port, and starttls in endpoints")
