"""From what is wanted to places in the bytes: where each part of an edit stands, and what a parser should then find."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, NamedTuple

from certpush_pfsense.config_xml.edit import Edit
from certpush_pfsense.config_xml.markup import OPENING, Element, elements, inside
from certpush_pfsense.config_xml.new_entry import NewEntry, Record
from certpush_pfsense.config_xml.outline import Section
from certpush_pfsense.config_xml.reading import Config, Entry, Revision
from certpush_pfsense.config_xml.refusing import refused
from certpush_pfsense.config_xml.values import cdata

if TYPE_CHECKING:
    from certpush_pfsense.config_xml.consumers import Reference

_FAULT = "this is a fault of certpush; please report it"
_POINTER = ("system", "webgui", "ssl-certref")
_SPACE = b" \t\r\n"
_SECONDS = 8
"""Of a refid, the part that those of one edit have in common."""


class Change(NamedTuple):
    """Bytes ``start`` to ``end`` become ``new``.

    Within a section either the ``text`` of the element that begins at ``element`` (counted from
    the section's start) changes, or ``records`` are added as its last children. Around sections
    the ``records`` are all that is in ``new``.
    """

    start: int
    end: int
    new: bytes
    where: str
    element: int = -1
    text: str = ""
    records: tuple[Record, ...] = ()

    def __repr__(self) -> str:
        return f"<change of {self.where}: bytes {self.start} to {self.end}>"


def planned(config: Config, edit: Edit) -> Iterator[Change]:
    """Find every place that the edit changes.

    Raises:
        SafetyRefusal: there is no such place, more than one, or the result would point nowhere.

    """
    _refuse_lost_pointers(config, edit)
    yield from _removed(config, "cert", config.certs, edit.remove)
    yield from _removed(config, "ca", config.cas, edit.remove)
    yield from _added(config, "ca", edit.cas)
    yield from _added(config, "cert", edit.certs)
    if edit.point_to is not None:
        yield from _child_set(config, _POINTER, edit.point_to.encode(), edit.point_to)
    yield from _repointed(config, edit)
    if edit.revision is not None:
        yield from _revised(config, edit.revision)


def newline_of(config: Config) -> bytes:
    """How lines end in this file."""
    beginning = config.source[config.outline.head : config.outline.head + 2]
    return b"\r\n" if beginning == b"\r\n" else beginning[:1] if beginning[:1] == b"\r" else b"\n"


def _refuse_lost_pointers(config: Config, edit: Edit) -> None:
    added = [one.refid for one in (*edit.certs, *edit.cas)]
    told = {second for second in {refid[:_SECONDS] for refid in added} if config.mentions(second)}
    for refid in added:
        if added.count(refid) > 1 or (refid[:_SECONDS] in told and config.mentions(refid)):
            raise refused(f"knows the reference {refid} already", _FAULT)
    there = [*(one.refid for one in config.certs), *(one.refid for one in edit.certs)]
    kept = [refid for refid in there if refid not in edit.remove]
    wanted = {edit.point_to, edit.repoint_to} - {None} | ({config.webgui.certref} & edit.remove if edit.point_to is None else set())
    for refid in sorted(str(one) for one in wanted):
        if kept.count(refid) != 1:
            count = "no" if refid not in kept else "more than one"
            raise refused(f"would have {count} certificate of the reference {refid} that its web GUI or another service shall use")


def _removed(config: Config, kind: str, entries: Iterable[Entry], gone: frozenset[str]) -> Iterator[Change]:
    """Take entries out, each with the space before it; a comment before it stays."""
    seen: set[str] = set()
    for section, one in zip(config.outline.named(kind), entries, strict=True):
        if one.refid in gone and one.refid:
            if one.refid in seen:
                raise refused(
                    f"has <{kind}> {one.refid} twice, and only one of them can be ours", "remove the wrong one under System > Certificates"
                )
            seen.add(one.refid)
            yield Change(_space_before(config.source, section.start), section.end, b"", f"<{kind}> {one.refid}")


def _space_before(source: bytes, at: int) -> int:
    while source[at - 1] in _SPACE:
        at -= 1
    return at


def _added(config: Config, kind: str, entries: Iterable[NewEntry]) -> Iterator[Change]:
    """Put entries behind the last of their kind, or behind everything."""
    *_, last = (config.outline.sections[-1], *config.outline.named(kind))
    newline = newline_of(config)
    for one in entries:
        if one.kind != kind:
            raise refused(f"has <{one.kind}> and <{kind}> apart", _FAULT)
        yield Change(last.end, last.end, newline + one.element(newline), f"<{kind}> {one.refid}", records=tuple(one.records()))


def _child_set(config: Config, path: tuple[str, ...], new: bytes, text: str) -> Iterator[Change]:
    """Give the one element at ``path`` this content; where it is missing, add it behind its siblings."""
    section = next(config.outline.named(path[0]), None)
    found = list(elements(config.slice(section))) if section else []
    here, above = _only(found, path), _only(found, path[:-1])
    where = "/".join(path)
    if section is None or above is None or not above.parent:
        raise refused(f"has nothing in <{'/'.join(path[:-1])}>", "save System > Advanced > Admin Access once in the web GUI")
    if here is not None:
        start, end, new = _content(config, section, here, new)
        yield Change(start, end, new, where, here.start, text)
        return
    name = path[-1].encode()
    line = newline_of(config) + b"\t" * len(path) + b"<" + name + b">" + new + b"</" + name + b">"
    at = _space_before(config.source, section.start + above.stop)
    yield Change(at, at, line, where, above.start, records=((path, (), text),))


def _only(found: list[Element], path: tuple[str, ...]) -> Element | None:
    same = [one for one in found if one.path == path]
    if len(same) > 1:
        raise refused(f"has <{'/'.join(path)}> twice")
    return same[0] if same else None


def _content(config: Config, section: Section, one: Element, new: bytes) -> tuple[int, int, bytes]:
    """The bytes that hold an element's text, and what to put there; an empty tag is opened."""
    if one.parent:
        raise refused(f"has elements where a text should be: in <{'/'.join(one.path)}>")
    raw = config.source[section.start : section.end]
    span = inside(raw, one)
    if span:
        return section.start + span[0], section.start + span[1], new
    tag = OPENING.match(raw, one.start)
    if tag is None:
        raise refused(f"has no tag at <{'/'.join(one.path)}>", _FAULT)
    opened = tag[0].removesuffix(b"/>").rstrip() + b">" + new + b"</" + tag[1] + b">"
    return section.start + tag.start(), section.start + tag.end(), opened


def _repointed(config: Config, edit: Edit) -> Iterator[Change]:
    to = edit.repoint_to or edit.point_to
    if edit.repoint and not to:
        raise refused("needs a certificate that other services shall use", _FAULT)
    by_element: dict[tuple[int, int], list[Reference]] = {}
    pointer = "/".join(_POINTER)
    for one in edit.repoint:
        if edit.point_to is not None and one.path == pointer:
            continue  # said already
        by_element.setdefault((one.section.start, one.element), []).append(one)
    for (start, element), uses in by_element.items():
        text = uses[0].text
        if text.count(uses[0].refid) != len(uses):
            raise refused(f"uses {uses[0].refid} more than once in {uses[0].path}", "name the certificate there once, by hand")
        for one in uses:
            if config.source[one.start : one.end] != one.refid.encode() or one.section.start != start:
                raise refused(f"has changed at {one.path} since it was read")
            yield Change(one.start, one.end, str(to).encode(), one.path, element, text.replace(one.refid, str(to)))


def _revised(config: Config, revision: Revision) -> Iterator[Change]:
    """Say who wrote, and when, as pfSense's own list of revisions shows it."""
    values = {
        "time": (str(revision.time).encode(), str(revision.time)),
        "description": _worded(revision.description),
        "username": _worded(revision.username),
    }
    section = next(config.outline.named("revision"), None)
    if section is not None and any(one.parent for one in elements(config.slice(section))):
        for name, (raw, text) in values.items():
            yield from _child_set(config, ("revision", name), raw, text)
        return
    newline = newline_of(config)
    lines = [f"\t\t<{name}>".encode() + raw + f"</{name}>".encode() for name, (raw, _) in values.items()]
    whole = newline.join([b"\t<revision>", *lines, b"\t</revision>"])
    records = (*((("revision", name), (), text) for name, (_, text) in values.items()), (("revision",), (), ""))
    at = config.outline.sections[-1].end
    start, end = (_space_before(config.source, section.start), section.end) if section else (at, at)
    yield Change(start, end, newline + whole, "revision", records=records)


def _worded(words: str) -> tuple[bytes, str]:
    raw = cdata(words)
    return raw, raw.removeprefix(b"<![CDATA[").removesuffix(b"]]>").decode()
