"""What stands in the firewall's store, as the API tells it; and how it links certificates to authorities, which is by name alone."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from cryptography import x509

from certpush.errors import BundleInvalid
from certpush.model import Secret, fingerprint, read_certificates


@dataclass(frozen=True, slots=True)
class Entry:
    """A certificate of the store."""

    uuid: str
    refid: str
    descr: str
    caref: str
    in_use: bool
    """Whether something names it: the web GUI, a VPN; the API does not tell what."""
    leaf: x509.Certificate | None
    pem: str = field(repr=False)
    key: Secret | None = field(repr=False)

    @property
    def fingerprint(self) -> str | None:
        """SHA-256 of the leaf; None where there is none that can be read."""
        return fingerprint(self.leaf) if self.leaf else None


@dataclass(frozen=True, slots=True)
class Authority:
    """A CA of the store."""

    uuid: str
    refid: str
    descr: str
    caref: str
    references: int
    """How often its number stands elsewhere in the configuration."""
    certificate: x509.Certificate | None

    @property
    def fingerprint(self) -> str | None:
        """SHA-256 of it; None where it cannot be read."""
        return fingerprint(self.certificate) if self.certificate else None


def entry_of(row: dict[str, Any]) -> Entry:
    """Understand a row of the certificates."""
    pem, key = _pem(row, "crt"), _pem(row, "prv")
    return Entry(
        uuid=_text(row, "uuid"),
        refid=_text(row, "refid"),
        descr=_text(row, "descr"),
        caref=_text(row, "caref"),
        in_use=_text(row, "in_use") == "1",
        leaf=_first(pem),
        pem=pem,
        key=Secret(key) if key else None,
    )


def authority_of(row: dict[str, Any]) -> Authority:
    """Understand a row of the CAs; a key that it may have is passed over."""
    references = _text(row, "refcount")
    return Authority(
        uuid=_text(row, "uuid"),
        refid=_text(row, "refid"),
        descr=_text(row, "descr"),
        caref=_text(row, "caref"),
        references=int(references) if references.isdecimal() else 0,
        certificate=_first(_pem(row, "crt")),
    )


def chain_from(caref: str, authorities: Sequence[Authority]) -> tuple[str | None, ...]:
    """What the web server sends behind the leaf: the CAs from ``caref`` on; a circle ends where it began."""
    by_refid = {one.refid: one for one in authorities if one.refid}
    found: list[Authority] = []
    authority = by_refid.get(caref)
    while authority is not None and authority not in found:
        found.append(authority)
        authority = by_refid.get(authority.caref)
    return tuple(one.fingerprint for one in found)


def linked(leaf: x509.Certificate, authorities: Sequence[Authority]) -> Authority | None:
    """The CA to which OPNsense will link this certificate: the longest name that fits into its issuer, of several the newest."""
    fitting = [one for one in authorities if one.certificate is not None and _fits(one.certificate.subject, leaf.issuer)]
    return max(fitting, key=_rank, default=None)


def _rank(authority: Authority) -> tuple[int, str]:
    subject = authority.certificate.subject if authority.certificate else ()
    return len({one.oid for one in subject}), authority.refid


def _fits(subject: x509.Name, issuer: x509.Name) -> bool:
    return _values(subject) <= _values(issuer)


def _values(name: x509.Name) -> set[tuple[str, ...]]:
    """A name as PHP compares it: the values of each kind of attribute, whatever kind."""
    found: dict[str, tuple[str, ...]] = {}
    for one in name:
        found[one.oid.dotted_string] = (*found.get(one.oid.dotted_string, ()), str(one.value))
    return set(found.values())


def _pem(row: dict[str, Any], name: str) -> str:
    plain = _text(row, f"{name}_payload")
    if plain:
        return plain
    try:
        return base64.b64decode(_text(row, name)).decode("utf-8", "replace")
    except binascii.Error:
        return ""


def _first(pem: str) -> x509.Certificate | None:
    try:
        return read_certificates(pem.encode())[0]
    except (BundleInvalid, IndexError):
        return None


def _text(row: dict[str, Any], name: str) -> str:
    found = row.get(name)
    return found if isinstance(found, str) else str(found) if isinstance(found, int) else ""
