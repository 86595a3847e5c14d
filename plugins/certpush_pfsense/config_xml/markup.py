"""Well-formed pieces of XML: proved by expat, with nothing kept but what is asked for.

A document type never gets here (``outline`` sees it first), so there are no entities to
expand. What remains to bound is nesting, for expat keeps some 150 bytes for each open element.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple
from xml.parsers import expat

from certpush_pfsense.config_xml.refusing import refused

_CHUNK = 64 * 1024
MAX_NESTING = _CHUNK // 3
"""Elements within each other that a file may have: 3 MB for expat. More do not fit into a chunk."""
MAX_DEPTH = 256
"""The same where we look into them; pfSense's own files have less than 20."""
# No possessive group around alternatives: Python before 3.11.5 gets those wrong, and Debian 12 has 3.11.2.
OPENING = re.compile(rb"<([^\s<>/!?=\"']++)((?:[^<>\"'/]++|\"[^\"<]*+\"|'[^'<]*+'|/(?!>))*)(/?)>")
"""A start tag: its name, its attributes, and a slash where the element is empty."""

_CHILD = b"\n\t\t<"
"""Where pfSense's writer begins the line of a section's child, or of its end."""

Raw = bytes | memoryview


class Element(NamedTuple):
    """One element, told when it ends: names from the outermost down (lower case, as pfSense has them), its own text, its bytes."""

    path: tuple[str, ...]
    attributes: tuple[tuple[str, str], ...]
    text: str
    """What stands directly in it, CDATA and references resolved."""
    start: int
    """Where its start tag begins."""
    stop: int
    """Where its end tag begins; where it has none, somewhere within its only tag or at its end."""
    parent: bool
    """Whether it has elements in it."""


def prove(source: bytes, start: int, end: int) -> None:
    """See that these bytes are one well-formed element that is not nested too deeply.

    Raises:
        SafetyRefusal: they are not.

    """
    fault = fault_in(source, start, end)
    if fault:
        line = source.count(b"\n", 0, start) + fault.lineno
        raise refused(f"is not well-formed XML: {expat.ErrorString(fault.code)} in line {line}")


def fault_in(source: bytes, start: int, end: int) -> expat.ExpatError | None:
    """What is wrong with these bytes as one element; None where they are well-formed."""
    if end - start > _CHUNK and _sound_in_pieces(source, start, end):
        return None
    return _fault(source, start, end)


def elements(raw: Raw) -> Iterator[Element]:
    """Every element of one well-formed element, as it ends; only what is open is kept.

    Raises:
        SafetyRefusal: it is not well-formed, or nested too deeply.

    """
    walk = _Walk()
    view = memoryview(raw)
    try:
        for at in range(0, len(view), _CHUNK):
            walk.parser.Parse(view[at : at + _CHUNK], at + _CHUNK >= len(view))
            yield from walk.ended
            walk.ended.clear()
    except expat.ExpatError as error:
        raise refused(f"is not well-formed XML: {expat.ErrorString(error.code)}") from error


def children(raw: Raw) -> list[tuple[str, str]]:
    """Name and text of each child of one well-formed element; what is deeper is passed over. Many entries are read so."""
    found: list[tuple[str, str]] = []
    texts: list[str] = []
    depth = 0

    def begin(_name: str, _attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth == 2:
            texts.clear()
            parser.CharacterDataHandler = texts.append
        elif depth > 2:
            parser.CharacterDataHandler = None
        if depth > MAX_DEPTH:
            raise _too_deep(MAX_DEPTH)

    def end(name: str) -> None:
        nonlocal depth
        if depth == 2:
            found.append((name.lower(), "".join(texts)))
        parser.CharacterDataHandler = texts.append if depth == 3 else None
        depth -= 1

    parser = _parser()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler = begin, end
    try:
        parser.Parse(raw, True)
    except expat.ExpatError as error:
        raise refused(f"is not well-formed XML: {expat.ErrorString(error.code)}") from error
    return found


def inside(raw: Raw, element: Element) -> tuple[int, int] | None:
    """Where the content of an element stands between its tags; None where it is one empty tag."""
    opening = OPENING.match(raw, element.start)
    if opening is None or opening[3]:
        return None
    return opening.end(), element.stop


class _Walk:
    """Keeps what is open, and gives what has ended."""

    def __init__(self) -> None:
        self.ended: list[Element] = []
        self._path: list[str] = []
        self._open: list[tuple[int, tuple[tuple[str, str], ...], list[str]]] = []
        self._parents: list[bool] = [False]
        self.parser = _parser()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._begin
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._text

    def _begin(self, name: str, attributes: dict[str, str]) -> None:
        if len(self._path) >= MAX_DEPTH:
            raise _too_deep(MAX_DEPTH)
        self._path.append(name.lower())
        self._parents[-1] = True
        self._parents.append(False)
        self._open.append((self.parser.CurrentByteIndex, tuple(attributes.items()), []))

    def _text(self, text: str) -> None:
        self._open[-1][2].append(text)

    def _end(self, _name: str) -> None:
        start, attributes, texts = self._open.pop()
        parent = self._parents.pop()
        self.ended.append(Element(tuple(self._path), attributes, "".join(texts), start, self.parser.CurrentByteIndex, parent))
        self._path.pop()


def _parser() -> expat.XMLParserType:
    return expat.ParserCreate("UTF-8")


def _sound_in_pieces(source: bytes, start: int, end: int) -> bool:
    """Whether a large element is well-formed, tried piece by piece: in a small one nothing can be nested deeply.

    A piece that is well-formed between the element's tags ends where no other element is open,
    so the next one begins there. Hearing of every element instead costs three times as much.
    False means: perhaps not.
    """
    opening = OPENING.match(source, start)
    if opening is None:
        return False
    at, name = start, opening[1]
    while at < end:
        until = _end_of_piece(source, at, end)
        before, after = b"" if at == start else b"<" + name + b">", b"" if until == end else b"</" + name + b">"
        if _fault(source, at, until, before, after):
            return False
        at = until
    return True


def _end_of_piece(source: bytes, at: int, end: int) -> int:
    """A place some way ahead that seems to be between two children of a section."""
    if end - at <= _CHUNK:
        return end
    line = source.rfind(_CHILD, at + 1, at + _CHUNK)
    if line < 0:
        line = source.find(_CHILD, at + _CHUNK, end)
    if line < 0:
        return end
    if source.startswith(b"/", line + len(_CHILD)):
        return source.find(b">", line, end) + 1 or end
    return line


def _fault(source: bytes, start: int, end: int, before: bytes = b"", after: bytes = b"") -> expat.ExpatError | None:
    parser = _parser()
    if end - start > _CHUNK and source.count(b"<", start, end) > MAX_NESTING:
        _watch_depth(parser)
    try:
        parser.Parse(before)
        parser.Parse(memoryview(source)[start:end])
        parser.Parse(after, True)
    except expat.ExpatError as error:
        return error
    return None


def _watch_depth(parser: expat.XMLParserType) -> None:
    depth = 0

    def begin(_name: str, _attributes: dict[str, str]) -> None:
        nonlocal depth
        depth += 1
        if depth > MAX_NESTING:
            raise _too_deep(MAX_NESTING)

    def end(_name: str) -> None:
        nonlocal depth
        depth -= 1

    parser.StartElementHandler = begin
    parser.EndElementHandler = end


def _too_deep(bound: int) -> Exception:
    return refused(f"has more than {bound} elements within each other, so pfSense did not write it")
