"""Which algorithms are good enough, and what a server offers.

paramiko 5 still offers 3des-cbc, CBC modes, hmac-md5 and hmac-sha1; here only what is named is used.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Sequence

from paramiko import Transport

from certpush.records import record

KEX = (
    "mlkem768x25519-sha256",
    "curve25519-sha256",
    "curve25519-sha256@libssh.org",
    "ecdh-sha2-nistp256",
    "ecdh-sha2-nistp384",
    "ecdh-sha2-nistp521",
    "diffie-hellman-group16-sha512",
)
HOST_KEYS = ("ssh-ed25519", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521", "rsa-sha2-512", "rsa-sha2-256")
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes192-ctr", "aes256-ctr")
MACS = ("hmac-sha2-256-etm@openssh.com", "hmac-sha2-512-etm@openssh.com", "hmac-sha2-256", "hmac-sha2-512")

_KEXINIT = 20
_MAX_PACKET = 35000  # RFC 4253, 6.1
_LISTS = 8  # kex, host keys, ciphers and MACs in both directions, compression in both


@record(frozen=True, slots=True)
class Offer:
    """What a server says that it can do, before anything is secret."""

    kex: tuple[str, ...]
    host_keys: tuple[str, ...]
    ciphers: tuple[str, ...]
    macs: tuple[str, ...]

    def weakness(self) -> str:
        """Name the kind of algorithm of which the server has none that is good enough, and what it has instead."""
        parts = (
            ("key exchange", self.kex, KEX),
            ("host key", self.host_keys, HOST_KEYS),
            ("cipher", self.ciphers, CIPHERS),
            ("MAC", self.macs, MACS),
        )
        for kind, offered, good in parts:
            needed = kind != "MAC" or not any("gcm@" in one for one in self.ciphers)  # GCM authenticates by itself
            if needed and not set(offered) & set(good):
                return f"{kind} {', '.join(offered) or '(none)'}"
        return ""


def harden(transport: Transport, host_keys: tuple[str, ...] = HOST_KEYS) -> None:
    """Let the transport use nothing but what is named here, and these types of host key in this order."""
    options = transport.get_security_options()
    options.kex = _known(KEX, options.kex)
    options.ciphers = _known(CIPHERS, options.ciphers)
    options.digests = _known(MACS, options.digests)
    options.key_types = _known(host_keys, options.key_types)


def _known(wanted: tuple[str, ...], supported: Sequence[str]) -> tuple[str, ...]:
    return tuple(one for one in wanted if one in supported)


def read_offer(receive: Callable[[int], bytes]) -> Offer | None:
    """Read a server's banner and its KEXINIT, which are sent in the clear; None when that is not what comes.

    ``receive`` is a socket's ``recv``, with its deadline.
    """
    stream = _Stream(receive)
    for _ in range(64):  # a server may say something before its version (RFC 4253, 4.2)
        line = stream.line()
        if line is None:
            return None
        if line.startswith(b"SSH-"):
            break
    else:
        return None
    head = stream.take(5)
    if head is None:
        return None
    length, padding = struct.unpack(">IB", head)
    if not 18 <= length <= _MAX_PACKET or padding >= length:
        return None
    packet = stream.take(length - 1)
    return _parse(packet[: length - 1 - padding]) if packet else None


def _parse(payload: bytes) -> Offer | None:
    if payload[:1] != bytes([_KEXINIT]):
        return None
    lists: list[tuple[str, ...]] = []
    at = 17  # the message's number and a cookie of 16 bytes
    for _ in range(_LISTS):
        if at + 4 > len(payload):
            return None
        (length,) = struct.unpack_from(">I", payload, at)
        text = payload[at + 4 : at + 4 + length].decode("ascii", "replace")
        lists.append(tuple(one for one in text.split(",") if one))
        at += 4 + length
    return Offer(lists[0], lists[1], lists[2], lists[4])


class _Stream:
    """Exact reads from a socket, bounded."""

    def __init__(self, receive: Callable[[int], bytes]) -> None:
        self._receive = receive
        self._buffer = b""

    def take(self, count: int) -> bytes | None:
        while len(self._buffer) < count:
            piece = self._receive(count - len(self._buffer))
            if not piece:
                return None
            self._buffer += piece
        found, self._buffer = self._buffer[:count], self._buffer[count:]
        return found

    def line(self) -> bytes | None:
        found = b""
        while not found.endswith(b"\n"):
            piece = self.take(1)
            if piece is None or len(found) > 8192:
                return None
            found += piece
        return found
