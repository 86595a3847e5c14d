"""What a server offers is read from bytes that anybody may have sent."""

from __future__ import annotations

import io
import struct
from itertools import pairwise

import pytest

from certpush.kit.ssh.algorithms import Offer, read_offer

LISTS = ("kex-a,kex-b", "key-a", "cipher-a", "cipher-b", "mac-a", "mac-b", "none", "none")


def packet(payload: bytes, padding: int = 4) -> bytes:
    return struct.pack(">IB", len(payload) + padding + 1, padding) + payload + bytes(padding)


def offering(*lists: str) -> bytes:
    return b"\x14" + bytes(16) + b"".join(struct.pack(">I", len(one)) + one.encode() for one in lists) + bytes(5)


def heard(stream: bytes) -> Offer | None:
    """As a socket gives it: in pieces."""
    source = io.BytesIO(stream)
    return read_offer(lambda count: source.read(min(count, 7)))


GOOD = b"SSH-2.0-x\r\n" + packet(offering(*LISTS))


@pytest.mark.parametrize("before", [b"", b"Authorized use only\r\n", b"\r\n" * 63])
def test_an_offer_is_read_also_behind_a_banner(before):
    assert heard(before + GOOD) == Offer(("kex-a", "kex-b"), ("key-a",), ("cipher-a",), ("mac-a",))


@pytest.mark.parametrize(
    "stream",
    [
        b"",
        b"HTTP/1.1 400 Bad Request\r\n\r\n",
        b"\r\n" * 64 + GOOD,
        b"x" * 9000 + b"\n" + GOOD,
        b"SSH-2.0-x\r\n",
        b"SSH-2.0-x\r\n" + struct.pack(">IB", 1 << 31, 4),
        b"SSH-2.0-x\r\n" + struct.pack(">IB", 40, 40) + bytes(40),
        b"SSH-2.0-x\r\n" + packet(b"\x15" + bytes(30)),
        b"SSH-2.0-x\r\n" + packet(offering(*LISTS[:3])[:-5]),
    ],
    ids=["nothing", "HTTP", "many lines", "a long line", "a banner alone", "too much", "padding alone", "another message", "three lists"],
)
def test_what_is_no_offer_is_none(stream):
    assert heard(stream) is None


def test_an_offer_that_ends_anywhere_is_none():
    ends = range(0, len(GOOD), 3)
    assert [end for _, end in pairwise(ends) if heard(GOOD[:end]) is not None] == []
