"""A config.xml as certpush sees it: product, web GUI, certificates, high availability; everything else stays bytes."""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from certpush_pfsense.config_xml.markup import Element, Raw, children, elements
from certpush_pfsense.config_xml.outline import MAX_BYTES, Outline, Section, outline
from certpush_pfsense.config_xml.refusing import refused
from certpush_pfsense.config_xml.values import meant

if TYPE_CHECKING:
    from cryptography.x509 import Certificate

__all__ = ["MAX_BYTES", "Config", "Entry", "HaSync", "Revision", "WebGui", "entry_of", "read"]

SINGLE = frozenset({"version", "lastchange", "system", "hasync", "revision", "openvpn", "ipsec", "unbound", "kea", "installedpackages"})
"""Sections that pfSense has once; a second one makes 2.5 to 2.7 die at every page, and newer ones restore a backup."""
_PEM = re.compile(rb"-----BEGIN CERTIFICATE-----(.+?)-----END CERTIFICATE-----", re.DOTALL)
_GUI = ("system", "webgui")


class WebGui(NamedTuple):
    """What serves the web GUI: ``protocol`` as written, the port that follows from it, and the refid of its certificate."""

    protocol: str = ""
    port: int = 80
    certref: str = ""


class HaSync(NamedTuple):
    """Whether this firewall pushes its configuration to another, and whether certificates go with it."""

    synchronize_to: str = ""
    pfsync: bool = False
    certificates: bool = False


class Revision(NamedTuple):
    """Who wrote last: Unix time in seconds, and words."""

    time: int
    description: str
    username: str


class Entry(NamedTuple):
    """A ``<cert>`` or ``<ca>``. The key stays where it is; ``has_key`` says that there is one."""

    kind: str
    refid: str = ""
    descr: str = ""
    caref: str = ""
    has_key: bool = False
    raw: Raw = b""

    def __repr__(self) -> str:
        return f"<{self.kind} {self.refid} {self.descr!r}>"

    @property
    def der(self) -> bytes | None:
        """The first certificate in it, DER; None where there is none, or nothing that decodes."""
        return first_certificate(dict(children(self.raw)).get("crt", "")) if self.raw else None

    @property
    def sha256(self) -> str | None:
        """The fingerprint of that certificate, lower-case hex."""
        from hashlib import sha256

        return sha256(self.der).hexdigest() if self.der else None

    def certificate(self) -> Certificate | None:
        """The same as an object; None also where it cannot be read."""
        from cryptography import x509

        from certpush.model import UNREADABLE

        try:
            return x509.load_der_x509_certificate(self.der) if self.der else None
        except UNREADABLE:
            return None


class Config(NamedTuple):
    """One config.xml: what certpush must know of it, and the bytes."""

    source: bytes
    outline: Outline
    version: str
    webgui: WebGui
    certs: tuple[Entry, ...]
    cas: tuple[Entry, ...]
    hasync: HaSync
    advskew: tuple[int, ...]
    revision: Revision | None

    def __repr__(self) -> str:
        return f"<config.xml of {self.product}, version {self.version}, {len(self.source)} bytes>"

    @property
    def product(self) -> str:
        """``pfsense`` or ``opnsense``, by the root element."""
        return self.outline.root

    @property
    def sha256(self) -> str:
        """The fingerprint of the whole file, lower-case hex."""
        from hashlib import sha256

        return sha256(self.source).hexdigest()

    def cert(self, refid: str) -> Entry | None:
        """The certificate of this refid, the first one as in pfSense; None where there is none."""
        return next((one for one in self.certs if refid and one.refid == refid), None)

    def ca(self, refid: str) -> Entry | None:
        """The same among the authorities."""
        return next((one for one in self.cas if refid and one.refid == refid), None)

    def mentions(self, text: str) -> bool:
        """Whether this stands anywhere in the file, in whatever role."""
        return text.encode() in self.source

    @property
    def acme_names(self) -> frozenset[str]:
        """Descriptions of certificates that the ACME package looks after."""
        wanted = ("installedpackages", "acme", "certificates", "item", "name")
        packages = self.parts("installedpackages", holding=b"<acme")
        return frozenset(meant(one.text) for raw in packages for one in elements(raw) if one.path == wanted) - {""}

    def parts(self, name: str, *, holding: bytes = b"") -> Iterator[memoryview]:
        """The bytes of every section of this name, where these stand in it."""
        return (self.slice(one) for one in self.outline.named(name) if self.source.find(holding, one.start, one.end) >= 0)

    def slice(self, section: Section) -> memoryview:
        """The bytes of a section; no copy."""
        return memoryview(self.source)[section.start : section.end]


def read(source: bytes) -> Config:
    """Understand a config.xml.

    Raises:
        SafetyRefusal: it is none, or damaged, or one that pfSense itself would stumble over.

    """
    found = outline(source)
    _refuse_seconds(found.sections)
    view = memoryview(source)
    parts = [(one, view[one.start : one.end]) for one in found.sections]
    system = [one for section, raw in parts if section.name == "system" for one in elements(raw)]
    if not system:
        raise refused("has no <system> section, so no web GUI that a certificate could be for")
    return Config(
        source=source,
        outline=found,
        version=_text(_children(parts, "version"), ("version",)),
        webgui=_webgui(system),
        certs=tuple(entry_of(section.name, raw) for section, raw in parts if section.name == "cert"),
        cas=tuple(entry_of(section.name, raw) for section, raw in parts if section.name == "ca"),
        hasync=_hasync(list(_children(parts, "hasync"))),
        advskew=tuple(_skews(_children(parts, "virtualip"))),
        revision=_revision(list(_children(parts, "revision"))),
    )


def entry_of(kind: str, raw: Raw) -> Entry:
    """Understand one ``<cert>`` or ``<ca>``; an empty one is an entry without a refid.

    Raises:
        SafetyRefusal: something stands in it twice, which pfSense does not read.

    """
    told: dict[str, str] = {}
    for name, text in children(raw):
        if name in told:
            raise _twice(f"{kind}/{name}")
        told[name] = text if name in ("crt", "prv") else meant(text)
    return Entry(kind, told.get("refid", ""), told.get("descr", ""), told.get("caref", ""), bool(told.get("prv", "").strip()), raw)


def first_certificate(encoded: str) -> bytes | None:
    """The DER form of the first certificate in a ``crt``: base64 of a PEM text, with line breaks or without."""
    try:
        found = _PEM.search(binascii.a2b_base64(encoded.encode()))
        return (binascii.a2b_base64(found[1]) or None) if found else None
    except (binascii.Error, UnicodeEncodeError):
        return None


def _refuse_seconds(sections: Iterable[Section]) -> None:
    seen = set()
    for one in sections:
        if one.name in SINGLE and one.name in seen:
            raise _twice(one.name)
        seen.add(one.name)


def _refuse_second(told: dict[str, str], one: Element) -> None:
    if one.path[-1] in told:
        raise _twice("/".join(one.path))


def _twice(name: str) -> Exception:
    return refused(f"has <{name}> twice: pfSense itself cannot read that (2.7 and older die of it, newer ones restore a backup)")


def _webgui(system: list[Element]) -> WebGui:
    if sum(one.path == _GUI for one in system) > 1:
        raise _twice("system/webgui")
    told: dict[str, str] = {}
    for one in system:
        if one.path[:2] == _GUI and len(one.path) == 3:
            _refuse_second(told, one)
            told[one.path[2]] = meant(one.text)
    protocol = told.get("protocol", "")
    return WebGui(protocol, _port(told.get("port", ""), protocol), told.get("ssl-certref", ""))


def _port(text: str, protocol: str) -> int:
    if not text:
        return 443 if protocol == "https" else 80
    if not (text.isascii() and text.isdecimal() and 0 < int(text) < 65536):
        raise refused(f"has {text[:20]!r} as the port of its web GUI", "set it under System > Advanced > Admin Access")
    return int(text)


def _children(parts: Iterable[tuple[Section, memoryview]], name: str) -> Iterator[Element]:
    return (one for section, raw in parts if section.name == name for one in elements(raw))


def _text(found: Iterable[Element], path: tuple[str, ...]) -> str:
    return next((meant(one.text) for one in found if one.path == path), "")


def _hasync(found: list[Element]) -> HaSync:
    told = {one.path[1]: meant(one.text) for one in found if len(one.path) == 2}
    sections = told.get("synchronizecerts") or told.get("synchronizeopenvpn")
    return HaSync(told.get("synchronizetoip", ""), bool(told.get("pfsyncenabled")), bool(sections))


def _skews(found: Iterable[Element]) -> Iterator[int]:
    """The advertising skew of each CARP address: 0 on a primary, 100 and more on a secondary."""
    vip: dict[str, str] = {}
    for one in found:
        if one.path == ("virtualip", "vip"):
            if vip.get("mode") == "carp":
                skew = vip.get("advskew", "")
                yield int(skew) if skew.isascii() and skew.isdecimal() else 0
            vip = {}
        elif one.path[:2] == ("virtualip", "vip"):
            vip[one.path[-1]] = meant(one.text)


def _revision(found: list[Element]) -> Revision | None:
    if not found:
        return None
    time = _text(found, ("revision", "time"))
    known = int(float(time)) if re.fullmatch(r"[0-9]{1,12}(\.[0-9]*)?", time, re.ASCII) else 0
    return Revision(known, _text(found, ("revision", "description")), _text(found, ("revision", "username")))
