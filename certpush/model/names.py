"""Names for certificates: DNS names and IP addresses, refused when no client would match them."""

from __future__ import annotations

import ipaddress
import re
from contextlib import suppress
from typing import TypeAlias

from certpush.errors import ConfigError
from certpush.records import record

_DNS_LABEL = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)")
_NUMBER_LABEL = re.compile(r"[0-9]+|0x[0-9a-f]*")
_MAY_BE_AN_ADDRESS = re.compile(r"[0-9a-fA-F:.]+")
_LONE_NUMBERS = re.compile(r"[\d.]+")
_MORE_THAN_A_NAME = re.compile(r"[:/@\[\]%]")
_LONGEST_NAME = 255  # 253 and a wildcard's two; what is longer is not worth decoding


@record(frozen=True, slots=True, order=True)
class DnsName:
    """A DNS name as it stands in a certificate: lower case, IDNA-encoded, perhaps ``*.`` in front."""

    value: str

    def __str__(self) -> str:
        return self.value


@record(frozen=True, slots=True)
class IpName:
    """An IP address as it stands in a certificate."""

    value: ipaddress.IPv4Address | ipaddress.IPv6Address

    def __str__(self) -> str:
        return str(self.value)


Name: TypeAlias = DnsName | IpName


def parse_name(text: str) -> Name:
    """Read one certificate name; refuse all that step-ca would take and no client would match.

    step-ca turns ``pve.lan:8006`` into a URI and ``10.0.0.0/24`` into a DNS name without a
    word, so names are checked before anything is asked for.

    Raises:
        ConfigError: naming the offending text and what to write instead.

    """
    shown = ascii(text if len(text) <= 80 else text[:77] + "...")
    if not text or text != text.strip():
        raise ConfigError(f"{shown} is not a name for a certificate", hint="remove the white space around it")
    if len(text) > _LONGEST_NAME:
        raise ConfigError(f"{shown} is not a host name: it is {len(text)} characters long", hint="a host name has at most 253 characters")
    if _MAY_BE_AN_ADDRESS.fullmatch(text):
        with suppress(ValueError):
            return IpName(_plain_address(text))
    if _LONE_NUMBERS.fullmatch(text) or _MORE_THAN_A_NAME.search(text):
        raise ConfigError(
            f"{shown} is not a name for a certificate",
            hint="write a host name or an IP address alone: no port, scheme, brackets, zone or prefix length",
        )
    return DnsName(_dns_name(text, shown))


def _plain_address(text: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address:
    address = ipaddress.ip_address(text)
    if isinstance(address, ipaddress.IPv6Address):
        if address.scope_id is not None:
            raise ValueError(text)
        # The CA would silently turn it into IPv4; do it here so that the answer compares equal.
        return address.ipv4_mapped or address
    return address


def _dns_name(text: str, shown: str) -> str:
    wildcard, _, rest = text.rpartition("*.")
    if wildcard or not rest:
        raise ConfigError(f"{shown} is not a name for a certificate", hint="a wildcard is the first label only: *.example.com")
    try:
        ascii_name = rest.lower() if rest.isascii() else _idna(rest)
    except ValueError as error:
        raise ConfigError(f"{shown} is not a host name: {error}", hint="use the name that the browser shows") from error
    ascii_name = ascii_name.removesuffix(".")
    labels = ascii_name.split(".")
    if len(ascii_name) > 253 or not all(_DNS_LABEL.fullmatch(label) for label in labels):
        raise ConfigError(
            f"{shown} is not a host name",
            hint="letters, digits and hyphens, labels of at most 63 characters, 253 in all",
        )
    if _NUMBER_LABEL.fullmatch(labels[-1]):
        # Browsers read a name that ends in a number as an IPv4 address (WHATWG URL, "ends in a number"), so it would match nothing.
        raise ConfigError(f"{shown} is neither a host name nor an IP address", hint="write an IPv4 address as four decimal numbers")
    return ascii_name if rest == text else f"*.{ascii_name}"


def _idna(text: str) -> str:
    import idna  # a table of 10 ms, needed for few names only

    try:
        return idna.encode(text.lower(), uts46=True).decode("ascii")
    except idna.IDNAError as error:
        raise ValueError(str(error)) from error


def name_covers(names: tuple[Name, ...], host: str) -> bool:
    """Whether a client that connects to ``host`` accepts a certificate with these names (RFC 6125: one label a wildcard)."""
    wanted = parse_name(host)
    if wanted in names:
        return True
    if not isinstance(wanted, DnsName) or "." not in wanted.value:
        return False
    parent = wanted.value.split(".", 1)[1]
    return DnsName(f"*.{parent}") in names
