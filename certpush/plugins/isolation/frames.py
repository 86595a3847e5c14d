"""Messages between certpush and the process of a plugin: four bytes of length, big-endian, then JSON. Data, never code."""

from __future__ import annotations

import json
import socket
from typing import Any, NoReturn

from certpush.plugins.isolation.limits import LARGEST_MESSAGE

Message = dict[str, Any]
_HEAD = 4


class Malformed(Exception):
    """What came is no message."""


def send(channel: socket.socket, message: Message) -> None:
    """Write one message.

    Raises:
        Malformed: it is no JSON, or larger than a message may be; nothing was sent.
        OSError: the other side is gone, or does not read.

    """
    channel.sendall(_packed(message))


def _packed(message: Message) -> bytes:
    try:
        text = json.dumps(message, allow_nan=False, separators=(",", ":")).encode()
    except (TypeError, ValueError, RecursionError) as error:
        raise Malformed("it is no JSON") from error
    if len(text) > LARGEST_MESSAGE:
        raise Malformed(f"it is larger than {LARGEST_MESSAGE // 1024} KiB")
    return len(text).to_bytes(_HEAD, "big") + text


def receive(channel: socket.socket) -> Message | None:
    """Read one message; None where the other side is gone.

    Raises:
        Malformed: what came is none.

    """
    head = _exactly(channel, _HEAD)
    if head is None:
        return None
    length = int.from_bytes(head, "big")
    if length > LARGEST_MESSAGE:
        raise Malformed(f"it is larger than {LARGEST_MESSAGE // 1024} KiB")
    text = _exactly(channel, length)
    return None if text is None else _read(text)


def _exactly(channel: socket.socket, wanted: int) -> bytes | None:
    found = bytearray()
    while len(found) < wanted:
        try:
            piece = channel.recv(min(wanted - len(found), 65536))
        except OSError:
            piece = b""
        if not piece:
            return None
        found += piece
    return bytes(found)


def _read(text: bytes) -> Message:
    try:
        message: object = json.loads(text, parse_constant=_refused)
    except (ValueError, RecursionError) as error:
        raise Malformed("it is no JSON") from error
    if not isinstance(message, dict):
        raise Malformed("it is no JSON object")
    return message


def _refused(constant: str) -> NoReturn:
    raise ValueError(constant)
