"""The few words of plain text that some protocols want before TLS begins."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping

from certpush.errors import TargetUnreachable

_MAX_LINE = 4096
_MAX_LINES = 100
_POSTGRES_SSL_REQUEST = bytes.fromhex("0000000804d2162f")  # PostgreSQL protocol, SSLRequest


def begin_tls(connection: socket.socket, protocol: str | None) -> None:
    """Talk the protocol up to the point where TLS starts; None: TLS starts at once.

    Raises:
        TargetUnreachable: the server does not offer it.

    """
    if protocol is not None:
        _PROTOCOLS[protocol](connection)


def _smtp(connection: socket.socket) -> None:
    _expect_reply(connection, b"220")
    connection.sendall(b"EHLO certpush\r\n")
    _expect_reply(connection, b"250")
    connection.sendall(b"STARTTLS\r\n")
    _expect_reply(connection, b"220")


def _imap(connection: socket.socket) -> None:
    _line(connection)
    connection.sendall(b"a1 STARTTLS\r\n")
    for _ in range(_MAX_LINES):
        line = _line(connection)
        if line.startswith(b"a1 "):
            return _require(line.startswith(b"a1 OK"), line)
    return _require(False, b"too many lines")


def _pop3(connection: socket.socket) -> None:
    _line(connection)
    connection.sendall(b"STLS\r\n")
    line = _line(connection)
    _require(line.startswith(b"+OK"), line)


def _postgres(connection: socket.socket) -> None:
    connection.sendall(_POSTGRES_SSL_REQUEST)
    answer = connection.recv(1)
    _require(answer == b"S", answer)


_PROTOCOLS: Mapping[str, Callable[[socket.socket], None]] = {
    "smtp": _smtp,
    "imap": _imap,
    "pop3": _pop3,
    "postgres": _postgres,
}


def _expect_reply(connection: socket.socket, code: bytes) -> None:
    for _ in range(_MAX_LINES):
        line = _line(connection)
        if line[3:4] != b"-":  # "250-" announces another line, "250 " is the last
            return _require(line.startswith(code), line)
    return _require(False, b"too many lines")


def _line(connection: socket.socket) -> bytes:
    # Byte by byte: nothing past the line may be taken, for TLS begins right behind it.
    line = bytearray()
    while not line.endswith(b"\n") and len(line) < _MAX_LINE:
        byte = connection.recv(1)
        if not byte:
            break
        line += byte
    return bytes(line)


def _require(offered: bool, answer: bytes) -> None:  # noqa: FBT001 - an assertion
    if not offered:
        shown = ascii(answer[:80].decode("latin-1").strip())
        raise TargetUnreachable(f"the server does not begin TLS: {shown}", hint="check the port, and starttls in endpoints")
