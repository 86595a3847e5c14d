"""Edit a config.xml by cutting bytes out and putting bytes in; all others stay as they are, and that is proved.

The parts that an edit touches are read again, element by element, and must be the parts of
before with the wanted difference and no other. What is not touched is the same bytes, and so
means the same: a section means what it means wherever it stands.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import pairwise, zip_longest
from typing import NamedTuple

from certpush_pfsense.config_xml.changes import Change, planned
from certpush_pfsense.config_xml.edit import Edit
from certpush_pfsense.config_xml.markup import Element, elements
from certpush_pfsense.config_xml.new_entry import Record
from certpush_pfsense.config_xml.outline import MAX_BYTES, Section, sections
from certpush_pfsense.config_xml.reading import Config, read
from certpush_pfsense.config_xml.refusing import refused

__all__ = ["Edit", "Edited", "apply"]


class Edited(NamedTuple):
    """The file after an edit: pieces to be written one after the other, most of them the old file's own bytes."""

    pieces: tuple[memoryview, ...]
    changes: tuple[Change, ...]

    def __repr__(self) -> str:
        return f"<edited config.xml, {self.size} bytes, {len(self.changes)} changes>"

    @property
    def size(self) -> int:
        """Its length in bytes."""
        return sum(len(one) for one in self.pieces)

    @property
    def sha256(self) -> str:
        """Its fingerprint, lower-case hex."""
        from hashlib import sha256

        digest = sha256()
        for one in self.pieces:
            digest.update(one)
        return digest.hexdigest()

    @property
    def config(self) -> Config:
        """The same, read; this makes the second copy of the file that ``pieces`` avoid."""
        return read(self.to_bytes())

    def to_bytes(self) -> bytes:
        """The whole file."""
        return b"".join(self.pieces)


def apply(config: Config, edit: Edit) -> Edited:
    """Make the edit, and prove that it is what was asked for and nothing else.

    Raises:
        SafetyRefusal: it cannot be made in this file, or is not safe.

    """
    changes = tuple(sorted(planned(config, edit), key=lambda one: (one.start, one.end)))
    _refuse_overlaps(changes)
    _prove(config, changes)
    edited = Edited(tuple(_pieces(memoryview(config.source), changes)), changes)
    if edited.size > MAX_BYTES:
        raise refused("would become too large", "remove old certificates under System > Certificates")
    return edited


def _pieces(source: memoryview, changes: Iterable[Change]) -> Iterator[memoryview]:
    at = 0
    for one in changes:
        yield source[at : one.start]
        if one.new:
            yield memoryview(one.new)
        at = one.end
    yield source[at:]


def _refuse_overlaps(changes: tuple[Change, ...]) -> None:
    for one, following in pairwise(changes):
        if one.end > following.start:
            raise refused(f"cannot be edited: {one.where} and {following.where} are one place", "plan them one after the other")


def _prove(config: Config, changes: tuple[Change, ...]) -> None:
    for section, inner in _by_section(config, changes):
        if section is None:
            _prove_around(config, inner[0])
        else:
            _prove_within(config, section, inner)


def _by_section(config: Config, changes: tuple[Change, ...]) -> Iterator[tuple[Section | None, list[Change]]]:
    """The changes within each section together; each change around sections by itself, with None."""
    found = iter(config.outline.sections)
    section = next(found, None)
    within: dict[Section, list[Change]] = {}
    for one in changes:
        while section is not None and section.end <= one.start:
            section = next(found, None)
        if section is not None and section.start < one.start and one.end < section.end:
            within.setdefault(section, []).append(one)
        else:
            yield None, [one]
    yield from within.items()


def _prove_around(config: Config, change: Change) -> None:
    """Whole sections go, whole sections come, and around them is space."""
    old = [one for one in config.outline.sections if change.start <= one.start < change.end]
    whole = all(one.end <= change.end for one in old) and (not old or old[-1].end == change.end)
    between = config.source[change.start : old[0].start if old else change.end]
    if not whole or between.strip() or not _boundary(config, change.start):
        raise _broken(change.where)
    _same(_records(change.new), iter(change.records), change.where)


def _boundary(config: Config, at: int) -> bool:
    """Whether this is between two sections, and not within a comment there."""
    sections = config.outline.sections
    ends = (config.outline.head, *(one.end for one in sections))
    starts = (*(one.start for one in sections), config.outline.tail)
    return any(end <= at <= start and (at == end or not config.source[at:start].strip()) for end, start in zip(ends, starts, strict=True))


def _prove_within(config: Config, section: Section, changes: list[Change]) -> None:
    """The section of before, with these texts replaced and these elements added, is the section of after."""
    moved = [one._replace(start=one.start - section.start, end=one.end - section.start) for one in changes]
    raw = config.slice(section)
    after = b"".join(_pieces(raw, moved))
    found, end = sections(after, 0)
    if [one.name for one in found] != [section.name] or end != len(after):
        raise _broken(changes[0].where)
    _same((_record(one) for one in elements(after)), _expected(elements(raw), changes), changes[0].where)


def _expected(before: Iterable[Element], changes: list[Change]) -> Iterator[Record]:
    texts = {one.element: one.text for one in changes if not one.records}
    added = {one.element: [record for other in changes if other.element == one.element for record in other.records] for one in changes}
    for one in before:
        yield from added.get(one.start, ())
        yield _record(one._replace(text=texts.get(one.start, one.text)))


def _records(fragment: bytes) -> Iterator[Record]:
    found, end = sections(fragment, 0)
    if end != len(fragment):
        raise _broken("a new section")
    for one in found:
        yield from (_record(element) for element in elements(fragment[one.start : one.end]))


def _record(one: Element) -> Record:
    """An element with what it means; the space between its children means nothing."""
    return one.path, one.attributes, " ".join(one.text.split()) if one.parent else one.text


def _same(after: Iterator[Record], expected: Iterator[Record], where: str) -> None:
    if any(one != other for one, other in zip_longest(after, expected)):
        raise _broken(where)


def _broken(where: str) -> Exception:
    return refused(
        f"cannot be edited safely: the edit of {where} would change something else as well", "please report this; nothing was changed"
    )
