"""The sections of a config.xml: where each child of the root begins and ends, with nothing in between overlooked.

Each end is proposed by a byte search and proved by expat. That is as sure as reading all of it
event by event, at a third of the price: a well-formed element that starts where an element may
start ends where it ends, whatever comes after it. Where the quick proposal (the next such end
tag) is no element, the slow one counts tags and steps over comments and CDATA.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from certpush_pfsense.config_xml.markup import OPENING, fault_in, prove
from certpush_pfsense.config_xml.refusing import LOOK, refused

MAX_BYTES = 64 * 1024 * 1024
"""Larger files are not read; a firewall with thousands of rules and certificates has 10 MB."""
MAX_SECTIONS = 20_000
"""Children of the root: each certificate is one."""
ROOTS = ("pfsense", "opnsense")

_DECLARATION = re.compile(rb"<\?xml(?=[ \t\r\n])[^<>?]*+\?>")
_ENCODING = re.compile(rb"encoding[ \t\r\n]*+=[ \t\r\n]*+[\"']([^\"']*+)[\"']")
_GAP = re.compile(rb"(?:[ \t\r\n]++|<!--.*?-->|<\?.*?\?>)*", re.DOTALL)
_AFTER_NAME = (b">", b" ", b"\t", b"\r", b"\n")
_CLOSERS = {b"!--": b"-->", b"![CDATA[": b"]]>", b"?": b"?>"}
_ELSEWHERE = "; is it a backup of another product, or an encrypted one?"


class Section(NamedTuple):
    """One child of the root: its name in lower case, and its bytes in the source."""

    name: str
    start: int
    end: int


class Outline(NamedTuple):
    """A whole file: the root's name, where its start tag ends, its sections, and where its end tag begins."""

    root: str
    head: int
    sections: tuple[Section, ...]
    tail: int

    def named(self, name: str) -> Iterator[Section]:
        """All sections of this name, in order."""
        return (one for one in self.sections if one.name == name)


def outline(source: bytes) -> Outline:
    """Find the sections of a file.

    Raises:
        SafetyRefusal: it is no config.xml, or one that nobody should edit.

    """
    refuse_odd_bytes(source)
    declared = _declaration(source)
    at = gap(source, declared)
    opening = OPENING.match(source, at)
    if opening is None or opening[1].lower().decode(errors="replace") not in ROOTS:
        raise _wrong_root(source, at)
    if opening[3]:
        raise refused("is empty: its root has nothing in it")
    found, tail = sections(source, opening.end())
    _prove_frame(source, opening, tail)
    return Outline(opening[1].lower().decode(), opening.end(), tuple(found), tail)


def refuse_odd_bytes(source: bytes) -> None:
    """Refuse by looks alone what no parser should be given."""
    if len(source) > MAX_BYTES:
        raise refused(f"is larger than {MAX_BYTES // 1024**2} MiB", "remove what swells it (old package data, logs in it), then try again")
    if not source or source.isspace():
        raise refused("is empty", "restore a configuration on the firewall's console: menu 15, Restore recent configuration")
    if source[:256].lstrip().startswith(b"---- BEGIN config.xml ----"):
        raise refused(
            "is encrypted", "certpush edits the file that is in use, which pfSense keeps unencrypted; is this a downloaded backup?"
        )
    if source.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        raise refused("starts with a byte order mark, which pfSense does not write: an editor did")
    if b"\0" in source:
        raise refused("has zero bytes in it: it is damaged, or not UTF-8")


def sections(source: bytes, at: int) -> tuple[list[Section], int]:
    """Read children of the root from ``at`` on, until its end tag or the end of ``source``; give them, and where that is."""
    found: list[Section] = []
    at = gap(source, at)
    while source.startswith(b"<", at) and not source.startswith(b"</", at):
        if len(found) >= MAX_SECTIONS:
            raise refused(f"has more than {MAX_SECTIONS} sections")
        found.append(_section(source, at))
        at = gap(source, found[-1].end)
    return found, at


def gap(source: bytes, at: int) -> int:
    """Step over space, comments and instructions, which are well-formed; give where something else begins."""
    passed = _GAP.match(source, at)
    end = passed.end() if passed else at
    if source.find(b"<", at, end) >= 0:
        between = b"<_>" + source[at:end] + b"</_>"
        prove(between, 0, len(between))
    return end


def _section(source: bytes, at: int) -> Section:
    opening = OPENING.match(source, at)
    if opening is None:
        raise _no_element(source, at)
    name = opening[1]
    if opening[3]:
        prove(source, at, opening.end())
        return Section(name.lower().decode(), at, opening.end())
    end = _next_end(source, name, opening.end())
    if fault_in(source, at, end):
        end = _counted_end(source, name, opening.end())
        prove(source, at, end)
    return Section(name.lower().decode(), at, end)


def _next_end(source: bytes, name: bytes, at: int) -> int:
    """Where the next end tag of this name ends."""
    closing = b"</" + name
    found = source.find(closing, at)
    while found >= 0 and source[found + len(closing) : found + len(closing) + 1] not in _AFTER_NAME:
        found = source.find(closing, found + len(closing))
    if found < 0:
        raise _cut_off(source, at)
    return source.find(b">", found) + 1 or len(source)


def _counted_end(source: bytes, name: bytes, at: int) -> int:
    """Where the element ends whose start tag ends at ``at``: tags of its name counted, comments and CDATA passed over."""
    token = re.compile(rb"<(!--|!\[CDATA\[|\?|/?" + re.escape(name) + rb"(?=[\s/>]))")
    depth = 1
    while depth:
        found = token.search(source, at)
        if found is None:
            raise _cut_off(source, at)
        closer = _CLOSERS.get(found[1])
        if closer:
            at = source.find(closer, found.end()) + len(closer)
            if at < len(closer):
                raise _cut_off(source, found.start())
        else:
            depth += _step(source, found)
            at = source.find(b">", found.end()) + 1 or len(source)
    return at


def _step(source: bytes, tag: re.Match[bytes]) -> int:
    if tag[1].startswith(b"/"):
        return -1
    opening = OPENING.match(source, tag.start())
    return 0 if opening and opening[3] else 1


def _declaration(source: bytes) -> int:
    declared = _DECLARATION.match(source)
    if declared is None:
        raise refused("does not start with <?xml", f"nothing was changed{_ELSEWHERE}")
    encoding = _ENCODING.search(declared[0])
    if encoding and encoding[1].lower() not in (b"utf-8", b"us-ascii"):
        name = encoding[1][:40].decode(errors="replace")
        raise refused(f"says that it is encoded as {name!r}; pfSense writes UTF-8", "save the configuration once in the web GUI")
    return declared.end()


def _prove_frame(source: bytes, opening: re.Match[bytes], tail: int) -> None:
    """See that what stands around the sections is a document: declaration, root, and nothing but space behind it."""
    if not source.startswith(b"</", tail):
        raise _no_element(source, tail)
    frame = source[: opening.end()] + source[tail:]
    fault = fault_in(frame, 0, len(frame))
    if fault:
        why = str(fault).partition(":")[0]
        raise refused(f"is not well-formed XML around its root element: {why}")


def _wrong_root(source: bytes, at: int) -> Exception:
    if source[at : at + 9].upper() == b"<!DOCTYPE":
        return refused("has a document type (DOCTYPE), which pfSense never writes", f"someone else wrote it; {LOOK}")
    opening = OPENING.match(source, at)
    if opening is None:
        return _no_element(source, at)
    name = opening[1][:40].decode(errors="replace")
    return refused(f"has the root element <{name}>, not <pfsense> or <opnsense>", f"nothing was changed{_ELSEWHERE}")


def _no_element(source: bytes, at: int) -> Exception:
    if at >= len(source):
        return _cut_off(source, at)
    line = source.count(b"\n", 0, at) + 1
    return refused(f"has something in line {line} that is no section of it")


def _cut_off(source: bytes, at: int) -> Exception:
    line = source.count(b"\n", 0, min(at, len(source))) + 1
    return refused(f"ends in the middle of what begins before line {line}: it is cut off")
