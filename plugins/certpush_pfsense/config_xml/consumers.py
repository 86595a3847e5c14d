"""Who uses a certificate: every place of its refid, with a kind for the configuration and a name for people.

pfSense itself asks only those that it knows (cert_in_use), and a package without a hook stays
unseen. So the whole text is searched, and what nobody knows is shown with its path.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Collection, Iterator
from typing import NamedTuple

from certpush_pfsense.config_xml.entries import OURS
from certpush_pfsense.config_xml.markup import Element, elements, inside
from certpush_pfsense.config_xml.outline import Section
from certpush_pfsense.config_xml.reading import Config, Entry
from certpush_pfsense.config_xml.values import meant

CHAIN, OTHER, WEBGUI = "chain", "other", "webgui"

_NAMES = ("description", "descr", "name", "zone", "vpnid", "ikeid")
_LABELS = frozenset({*_NAMES, "enable", "httpslogin"})
_OWN = frozenset({("cert", "refid"), ("ca", "refid"), ("crl", "refid")})
_KINDS = {
    ("system", "webgui", "ssl-certref"): (WEBGUI, "web GUI"),
    ("system", "user", "cert"): ("user", "user"),
    ("system", "authserver", "ldap_caref"): ("ldap", "LDAP server"),
    ("openvpn", "openvpn-server"): ("openvpn", "OpenVPN server"),
    ("openvpn", "openvpn-client"): ("openvpn", "OpenVPN client"),
    ("ipsec",): ("ipsec", "IPsec phase 1"),
    ("captiveportal",): ("captiveportal", "captive portal"),
    ("unbound",): ("unbound", "DNS resolver"),
    ("kea",): ("kea", "Kea DHCP high availability"),
    ("ca", "caref"): (CHAIN, "authority"),
    ("cert", "caref"): (CHAIN, "certificate"),
    ("crl", "caref"): (CHAIN, "revocation list"),
}
_PACKAGES = {"haproxy": "HAProxy", "freeradius": "FreeRADIUS", "acme": "ACME", "squid": "Squid", "stunnel": "stunnel", "zabbix": "Zabbix"}
_WRITTEN_AS_NUMBER = re.compile(rb"&(?:amp;)?#(?:0*(?:4[89]|5[0-7]|9[7-9]|10[0-2])|[xX]0*(?:3[0-9]|6[1-6]));")


class Reference(NamedTuple):
    """One use of a refid.

    ``kind`` is the word for ``also = [...]``: webgui, user, openvpn, ipsec, captiveportal,
    unbound, kea, ldap, a package's own name, ``chain`` for an issuer, or ``other``. ``start``
    and ``end`` are the refid's bytes in the file, ``text`` all that stands in that element.
    """

    kind: str
    name: str
    path: str
    refid: str
    start: int
    end: int
    text: str
    section: Section
    element: int
    """Where the element begins, counted from its section; -1 where the refid is no element's text."""

    @property
    def movable(self) -> bool:
        """Whether it can be given another refid: it is an element's text, and no link of a chain."""
        return self.element >= 0 and self.kind not in (CHAIN, OTHER)


def references(config: Config, refid: str) -> tuple[Reference, ...]:
    """Find every use of ``refid``, in the file's order; the entry's own ``<refid>`` is none."""
    found: dict[Section, list[int]] = {}
    for at in _places(config.source, refid):
        section = _section_at(config, at)
        if section is not None:
            found.setdefault(section, []).append(at)
    uses = (use for section, places in found.items() for use in _uses(config, section, places, refid))
    return tuple(sorted(uses, key=lambda one: one.start))


def prunable(config: Config, ours: Collection[str], keep: Collection[str]) -> tuple[str, ...]:
    """Which entries may go: recorded as ours (``ours``, refids), named as ours, not in ``keep`` (refids or fingerprints), used nowhere.

    Certificates come first, then the authorities that nothing names once these are gone. Give
    the refids that a peer uses in ``keep``: what goes here goes there as well.
    """
    if _WRITTEN_AS_NUMBER.search(config.source):
        return ()  # a reference could stand there that no search finds
    sections = [*zip(config.outline.named("cert"), config.certs, strict=True), *zip(config.outline.named("ca"), config.cas, strict=True)]
    candidates = [(section, one) for section, one in sections if one.refid in ours and one.descr.startswith(OURS) and not _kept(one, keep)]
    gone: list[tuple[Section, Entry]] = []
    while True:  # an authority is free when the certificates and authorities below it are
        free = [one for one in candidates if one not in gone and not _used(config, one, gone)]
        if not free:
            return tuple(one.refid for _, one in gone)
        gone += free


def _kept(one: Entry, keep: Collection[str]) -> bool:
    return one.refid in keep or one.sha256 in keep


def _used(config: Config, candidate: tuple[Section, Entry], gone: list[tuple[Section, Entry]]) -> bool:
    """Whether the refid stands anywhere but in its own entry and in entries that go."""
    refid = candidate[1].refid.encode()
    apart = sorted((candidate[0], *(section for section, _ in gone)), key=lambda one: one.start)
    own = config.source[candidate[0].start : candidate[0].end].count(refid)
    at = 0
    for section in apart:
        if config.source.find(refid, at, section.start) >= 0:
            return True
        at = section.end
    return own != 1 or config.source.find(refid, at) >= 0


def _places(source: bytes, refid: str) -> Iterator[int]:
    """Where it stands as a word of its own, as in a list with commas."""
    word = re.compile(rb"(?<![0-9A-Za-z])" + re.escape(refid.encode()) + rb"(?![0-9A-Za-z])")
    return (one.start() for one in word.finditer(source))


def _section_at(config: Config, at: int) -> Section | None:
    number = bisect_right(config.outline.sections, at, key=lambda one: one.start) - 1
    section = config.outline.sections[number] if number >= 0 else None
    return section if section and at < section.end else None


def _uses(config: Config, section: Section, places: list[int], refid: str) -> Iterator[Reference]:
    raw = config.slice(section)
    left = [at - section.start for at in places]
    labels: dict[int, dict[str, str]] = {}
    found: list[tuple[int, Element, list[dict[str, str]]]] = []
    for one in elements(raw):
        depth = len(one.path)
        labels.pop(depth, None)
        above = [labels.setdefault(number, {}) for number in range(1, depth)]
        if depth > 1 and one.path[-1] in _LABELS:
            above[-1][one.path[-1]] = meant(one.text)
        here = _within(raw, one, left)
        left = [at for at in left if at not in here]
        found += [(at, one, above) for at in here]
    for at, one, above in found:
        if one.path not in _OWN:
            yield _reference(section, at, one, above, refid)
    for at in left:
        yield Reference(
            OTHER,
            f"a comment in <{section.name}>",
            section.name,
            refid,
            section.start + at,
            section.start + at + len(refid),
            "",
            section,
            -1,
        )


def _within(raw: memoryview, one: Element, places: list[int]) -> list[int]:
    if one.parent or not any(one.start < at < one.stop for at in places):
        return []
    span = inside(raw, one)
    return [at for at in places if span and span[0] <= at < span[1]]


def _reference(section: Section, at: int, one: Element, above: list[dict[str, str]], refid: str) -> Reference:
    kind, title = _kind(one.path)
    start = section.start + at
    name = _named(title, kind, above)
    return Reference(kind, name, "/".join(one.path), refid, start, start + len(refid), one.text, section, one.start)


def _kind(path: tuple[str, ...]) -> tuple[str, str]:
    if path[0] == "installedpackages" and len(path) > 2:
        package = next((one for one in _PACKAGES if path[1].startswith(one)), path[1])
        return package, _PACKAGES.get(package, package)
    known = next((_KINDS[path[:length]] for length in range(len(path), 0, -1) if path[:length] in _KINDS), None)
    return known or (OTHER, "/".join(path))


def _named(title: str, kind: str, above: list[dict[str, str]]) -> str:
    """With the name that the user gave it; a package's entries may be some levels above."""
    levels = above[:1:-1] if kind in _PACKAGES else above[-1:]
    words = ("name",) if kind == "user" else _NAMES
    label = next((one[word] for one in levels for word in words if one.get(word)), "")
    idle = kind == "captiveportal" and not {"enable", "httpslogin"} <= above[-1].keys()
    return title + (f" '{label}'" if label else "") + (" (HTTPS login is off)" if idle else "")
