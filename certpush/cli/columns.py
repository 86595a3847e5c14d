"""Tables for people: columns of equal width, the last one wrapped to the terminal's. Colours take no room."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Sequence
from itertools import zip_longest

_COLOUR = re.compile(r"\x1b\[[0-9;]*m")
_RESET = "\x1b[0m"
_GAP = "  "
_NARROWEST = 20  # a last column that is narrower than this is read worse than one that the terminal breaks


def columns(rows: Sequence[Sequence[str]], room: int | None = None, also: Collection[int] = ()) -> str:
    """Lay out the rows, all of one length.

    ``room`` is how wide a line may be, and None is any. The last column is wrapped to it, and
    those whose numbers are in ``also`` where that is not enough.
    """
    widths = [max(width_of(cell) for cell in column) for column in zip(*rows, strict=True)]
    if room is not None:
        widths = _fitted(rows, widths, room, also)
    return "\n".join(line for row in rows for line in _lines(row, widths))


def _fitted(rows: Sequence[Sequence[str]], widths: Sequence[int], room: int, also: Collection[int]) -> list[int]:
    """Narrower widths that fit, as few as possible; the same again where nothing helps."""
    fitted, last, gaps = list(widths), len(widths) - 1, len(_GAP) * (len(widths) - 1)
    for column in (last, *also):
        too_wide = sum(fitted) + gaps - room
        least = _NARROWEST if column == last else max(width_of(word) for row in rows for word in row[column].split(" "))
        fitted[column] = min(fitted[column], max(least, fitted[column] - max(too_wide, 0)))
    return fitted if sum(fitted) + gaps <= room else list(widths)


def _lines(row: Sequence[str], widths: Sequence[int]) -> Iterator[str]:
    """The row, in as many lines as its longest cell needs."""
    for parts in zip_longest(*(_wrapped(cell, width) for cell, width in zip(row, widths, strict=True)), fillvalue=""):
        padded = [part + " " * (width - width_of(part)) for part, width in zip(parts, widths, strict=True)]
        yield _GAP.join(padded).rstrip()


def _wrapped(text: str, room: int) -> Iterator[str]:
    """Break between words; one that is too long stays whole, so that a path can be copied."""
    line = ""
    for word in text.split(" "):
        if line and width_of(line) + 1 + width_of(word) > room:
            colour = _left_open(line)
            yield line + (_RESET if colour else "")
            line = colour + word
        else:
            line = f"{line} {word}" if line else word
    yield line


def _left_open(line: str) -> str:
    """The colour that the line ends in."""
    last = _COLOUR.findall(line)[-1:]
    return last[0] if last and last[0] != _RESET else ""


def width_of(text: str) -> int:
    """How many columns of a terminal the text takes."""
    if "\x1b" in text:
        text = _COLOUR.sub("", text)
    if text.isascii():
        return len(text)
    import unicodedata  # the table of all letters takes longer to load than a look at an endpoint

    marks = ("Mn", "Me")  # they stand on the letter before
    return sum(0 if unicodedata.category(letter) in marks else 2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in text)
