"""How Go, and so step-ca, reads and writes names, moments and numbers."""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

from certpush.stepca.durations import parse_go_duration
from certpush.testing.authority.leaf import Address, AlternativeNames

_RFC3339 = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,](\d+))?(Z|[+-]\d\d:\d\d)")
_SCHEME = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*):(.*)", re.DOTALL)
_HOST = re.compile(r"(?:[^@/?#]*@)?(\[[^\[\]]*\]|[^\[\]:\s<>\"\\^`{}|%]*)(?::\d*)?")
_ZERO = datetime.min.replace(tzinfo=UTC)  # what Go takes for no time at all
_INSTANT = timedelta(microseconds=1)
_OCTAL = re.compile(r"[+-]?0_?[0-7]+(?:_[0-7]+)*")


# --- names ------------------------------------------------------------------------------------


def split_names(texts: Sequence[str]) -> AlternativeNames:
    """Sort names by type as step-ca does; it checks none, so ``pve.lan:8006`` becomes a URI."""
    dns: list[str] = []
    emails: list[str] = []
    addresses: list[Address] = []
    uris: list[str] = []
    for text in filter(None, texts):
        if (address := go_address(text)) is not None:
            addresses.append(address)
        elif (uri := _go_uri(text)) is not None:
            uris.append(uri)
        elif "@" in text:
            emails.append(text)
        else:
            dns.append(text)
    return AlternativeNames(tuple(dns), tuple(emails), tuple(addresses), tuple(uris))


def go_address(text: str) -> Address | None:
    """net.ParseIP: no zone, and an IPv4 address in IPv6 form is an IPv4 address."""
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    if isinstance(address, ipaddress.IPv4Address):
        return address
    return None if "%" in text else address.ipv4_mapped or address


def _go_uri(text: str) -> str | None:
    """What url.Parse makes of a text with a scheme; None without one, or where Go finds an error in it."""
    match = _SCHEME.fullmatch(text)
    if not match or re.search(r"[\x00-\x1f\x7f]", text):
        return None
    scheme, (rest, number, fragment) = match[1].lower(), match[2].partition("#")
    rest, question, query = rest.partition("?")
    ending = f"{question}{query}{number}{quote(fragment, safe='/%:@!$&()*+,;=~?')}"
    if not rest.startswith("//"):
        return f"{scheme}:{rest}{ending}"
    authority, slash, path = rest[2:].partition("/")
    if not _HOST.fullmatch(authority) or re.search(r"%(?![0-9A-Fa-f]{2})", path + fragment):
        return None
    where = f"//{authority}{slash}{quote(path, safe='/%:@!$&()*+,;=~')}" if authority or slash else ""
    return f"{scheme}:{where}{ending}"


def go_list(values: Sequence[object]) -> str:
    """A slice as %v prints it."""
    return f"[{' '.join(map(str, values))}]"


def go_quoted(text: str) -> str:
    """A string as %q prints it, for the plain texts that stand in refusals."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


# --- moments ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class When:
    """A moment, or a length of time from a moment that is still to come; nothing at all when both are None."""

    moment: datetime | None = None
    after: timedelta | None = None

    @classmethod
    def parse(cls, text: str) -> When:
        """Read RFC 3339 or a Go duration; ``0s`` and the empty text mean "not given".

        Raises:
            ValueError: it is neither.

        """
        if not text:
            return cls()
        if match := _RFC3339.fullmatch(text):
            fraction = (match[2] or "0")[:6].ljust(6, "0")
            zone = "+00:00" if match[3] == "Z" else match[3]
            moment = datetime.fromisoformat(f"{match[1]}.{fraction}{zone}")
            return cls() if moment == _ZERO else cls(moment=moment.astimezone(UTC))
        length = parse_go_duration(text)
        if not length and re.search("[1-9]", text):
            length = -_INSTANT if text.startswith("-") else _INSTANT  # Go counts nanoseconds, we do not
        return cls(after=length or None)

    def counted_from(self, start: datetime) -> datetime | None:
        """The moment, where this is a length of time counted from ``start``."""
        return start + self.after if self.after is not None else self.moment


def go_time(moment: datetime) -> str:
    """A moment in UTC as %v prints it."""
    fraction = f".{moment.microsecond:06d}".rstrip("0") if moment.microsecond else ""
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M:%S}{fraction} +0000 UTC"


# --- numbers ----------------------------------------------------------------------------------


def parse_go_integer(text: str) -> int:
    """big.Int.SetString with base 0: ``0x`` hex, and a leading ``0`` is octal.

    Raises:
        ValueError: it is no such number.

    """
    if not text.isascii() or text != text.strip():
        raise ValueError(f"{text[:40]!a} is not an integer")
    return int(text.replace("_", ""), 8) if _OCTAL.fullmatch(text) else int(text, 0)
