"""What certpush adds for a bundle: the leaf as ``<cert>``, each issuer as ``<ca>``, linked by ``caref`` as we mean it.

pfSense's own import links by the subject's text and takes the first that fits; after an
authority got a new key under its old name, that is the wrong one, and it moves other people's
certificates as well. Here an authority is the same when its DER is the same.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, NamedTuple

from certpush_pfsense.config_xml.new_entry import NewEntry
from certpush_pfsense.config_xml.reading import Config, Entry
from certpush_pfsense.config_xml.refusing import refused

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

    from certpush.model import CertificateBundle

OURS = "certpush "
"""How every description begins that certpush gives."""
_NOT_ALLOWED = re.compile(r"[^A-Za-z0-9 ._:()-]+")
_LONGEST = 64


class NewEntries(NamedTuple):
    """The entries for one bundle: authorities to be added, the issuer of all first; the leaf; and what was there already."""

    cas: tuple[NewEntry, ...]
    cert: NewEntry
    reused: tuple[Entry, ...] = ()


def entries_for(config: Config, bundle: CertificateBundle, *, name: str, now: datetime, store_root: bool = False) -> NewEntries:
    """Make the entries that this bundle needs in this file; ``name`` is what people call the target.

    The leaf's ``caref`` leads to its issuer and on to the last intermediate. It never leads to a
    root: pfSense would serve that as well. With ``store_root`` the roots are added nevertheless, by
    themselves.

    Raises:
        SafetyRefusal: the authorities in the file go round in a circle.

    """
    fresh = refids(config, now)
    taken: list[str] = []
    cas, reused = _authorities(config, bundle, fresh, now, taken)
    if store_root:
        cas = [*_roots(config, bundle, fresh, now, taken), *cas]
    caref = _first_link(bundle, cas, reused)
    descr = description(config, name, now, taken=taken)
    leaf = NewEntry("cert", next(fresh), descr, encoded(bundle.leaf_pem), encoded(bundle.key.reveal_pem()), caref)
    return NewEntries(tuple(cas), leaf, tuple(reused))


def refids(config: Config, now: datetime) -> Iterator[str]:
    """References as PHP's uniqid() makes them, one microsecond after the other; none stands anywhere in the file."""
    microseconds = int(now.timestamp() * 1_000_000)
    while True:
        refid = f"{microseconds // 1_000_000 & 0xFFFFFFFF:08x}{microseconds % 1_000_000:05x}"
        if not config.mentions(refid):
            yield refid
        microseconds += 1


def description(config: Config, words: str, now: datetime, *, taken: Collection[str] = ()) -> str:
    """A description of ours that no entry has, and none that the ACME package looks for: it finds its certificate by this text."""
    used = {one.descr for one in (*config.certs, *config.cas)} | config.acme_names | set(taken)
    plain = " ".join(_NOT_ALLOWED.sub(" ", words).split())[:_LONGEST].strip()
    wanted = f"{OURS}{plain} {now.astimezone(UTC):%Y-%m-%d}"
    return next(one for one in _numbered(wanted) if one not in used)


def acme_owns(config: Config, refid: str) -> bool:
    """Whether the ACME package renews the certificate of this refid."""
    entry = config.cert(refid)
    return entry is not None and entry.descr in config.acme_names


def chain_walk(config: Config, caref: str) -> tuple[Entry, ...]:
    """What pfSense appends to a leaf with this ``caref``.

    Raises:
        SafetyRefusal: it would never end, and with it no start of the web GUI.

    """
    walked: list[Entry] = []
    while caref and (entry := config.ca(caref)) is not None:
        if entry in walked:
            raise refused(
                f"has authorities that name each other in a circle (at {entry.descr!r}): pfSense's web GUI would hang when it starts",
                "open System > Certificates > Authorities and remove the wrong one",
            )
        walked.append(entry)
        caref = entry.caref
    return tuple(walked)


def encoded(pem: bytes) -> str:
    """A PEM text as pfSense keeps it."""
    return base64.b64encode(pem.replace(b"\r", b"")).decode()


def _authorities(
    config: Config, bundle: CertificateBundle, fresh: Iterator[str], now: datetime, taken: list[str]
) -> tuple[list[NewEntry], list[Entry]]:
    """From the top of the chain down: what is there with a right way up is used, from there on the rest is added."""
    reused: list[Entry] = []
    added: list[NewEntry] = []
    above = ""
    for number in range(len(bundle.chain) - 1, -1, -1):
        one = bundle.chain[number]
        known = None if added else _suitable(config, bundle.chain[number:], bundle.roots)
        if known is not None:
            reused, above = [*reused, known], known.refid
            continue
        ca = _new_authority(config, one, next(fresh), now, taken, caref="" if one.subject == one.issuer else above)
        added.append(ca)
        above = ca.refid
    return added, reused


def _suitable(config: Config, chain: Sequence[Certificate], roots: Sequence[Certificate]) -> Entry | None:
    """An entry that is ``chain[0]`` and from which ``caref`` leads along the chain, and at most one step further to a root."""
    wanted, tops = [_der(one) for one in chain], {_der(one) for one in roots}
    for entry in config.cas:
        if entry.der == wanted[0] and entry.refid:
            way = [one.der for one in chain_walk(config, entry.refid)]
            if way[: len(wanted)] == wanted and len(way) <= len(wanted) + 1 and set(way[len(wanted) :]) <= tops:
                return entry
    return None


def _roots(config: Config, bundle: CertificateBundle, fresh: Iterator[str], now: datetime, taken: list[str]) -> Iterator[NewEntry]:
    there = {one.der for one in config.cas}
    return (_new_authority(config, one, next(fresh), now, taken) for one in bundle.roots if _der(one) not in there)


def _new_authority(config: Config, one: Certificate, refid: str, now: datetime, taken: list[str], *, caref: str = "") -> NewEntry:
    from certpush.model import to_pem

    descr = description(config, f"CA {_common_name(one)}", now, taken=taken)
    taken.append(descr)
    return NewEntry("ca", refid, descr, encoded(to_pem(one)), caref=caref)


def _first_link(bundle: CertificateBundle, cas: Sequence[NewEntry], reused: Sequence[Entry]) -> str:
    if not bundle.chain:
        return ""
    from certpush.model import to_pem

    issuer = encoded(to_pem(bundle.chain[0]))
    made = next((one.refid for one in cas if one.crt == issuer), None)
    return made or reused[-1].refid


def _common_name(one: Certificate) -> str:
    from cryptography.x509.oid import NameOID

    names = one.subject.get_attributes_for_oid(NameOID.COMMON_NAME)
    return str(names[0].value) if names else "without a name"


def _der(one: Certificate) -> bytes:
    from cryptography.hazmat.primitives.serialization import Encoding

    return one.public_bytes(Encoding.DER)


def _numbered(wanted: str) -> Iterator[str]:
    yield wanted
    number = 2
    while True:
        yield f"{wanted} ({number})"
        number += 1
