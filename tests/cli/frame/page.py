"""docs/output.md, read: sections, fields, types, examples; and documents held against them.

A section is a heading with a table of fields. ``list of X``, ``[part](#part)``, ``X or null``, "one of" with values in
backticks and "missing" in the meaning are what the page promises by: all of it is held against documents.
"""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

PAGE = Path(__file__).parents[3] / "docs" / "output.md"
EVERY = "Every document"
_ROW = re.compile(r"\| `(?P<path>[^`]+)` \| (?P<type>[^|]+) \| (?P<meaning>[^|]+) \|")
_CHOICES = re.compile(r"one of ((?:`[^`]+`(?: \([^)]*\))?(?:, )?)+)")
_PART = re.compile(r"\[(\w+)\]\(#\1\)")

SIMPLE: dict[str, Callable[[Any], bool]] = {
    "text": lambda value: isinstance(value, str),
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "boolean": lambda value: isinstance(value, bool),
    "moment": lambda value: isinstance(value, str) and bool(re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", value)),
    "fingerprint": lambda value: isinstance(value, str) and bool(re.fullmatch("[0-9a-f]{64}", value)),
    "anything": lambda value: value is not None,
}


@dataclass
class Field:
    """One row of a table: ``name`` is its section and its path, ``fields`` are those below it."""

    name: str
    type: str = "object"
    null: bool = False
    missing: bool = False
    choices: frozenset[str] = frozenset()
    fields: dict[str, Field] = field(default_factory=dict)

    @classmethod
    def of_row(cls, section: str, row: re.Match[str]) -> Field:
        kind, meaning = row["type"], row["meaning"]
        found = _CHOICES.search(meaning)
        choices = frozenset(re.findall(r"`([^`]+)`", re.sub(r"\([^)]*\)", "", found[1]))) if found else frozenset()
        name = f"{section}: {row['path']}"
        return cls(name, kind.removesuffix(" or null"), kind.endswith(" or null"), "missing" in meaning, choices)

    def all_below(self) -> Iterator[Field]:
        for one in self.fields.values():
            yield one
            yield from one.all_below()


@dataclass
class Page:
    """``sections`` are the headings, those of parts among them; ``examples`` are by the second-level heading they stand under."""

    sections: dict[str, Field]
    commands: list[str]
    examples: dict[str, list[str]]

    @classmethod
    def read(cls, text: str) -> Page:
        sections: dict[str, Field] = {}
        commands: list[str] = []
        examples: dict[str, list[str]] = {}
        for heading in re.finditer(r"^(##+) (.+)\n((?:(?!##).*\n)*)", text, re.MULTILINE):
            level, title, body = heading.groups()
            sections[title] = _section(title, body)
            if level == "##" and title != EVERY:
                commands.append(title)
            for example in re.findall(r"^```json\n(.*?)^```$", body, re.MULTILINE | re.DOTALL):
                examples.setdefault(commands[-1], []).append(example)
        return cls(sections, commands, examples)

    @property
    def fields(self) -> dict[str, Field]:
        """Every row of the page, by its name."""
        return {one.name: one for section in self.sections.values() for one in section.all_below()}


def _section(title: str, body: str) -> Field:
    section = Field(title)
    for row in _ROW.finditer(body):
        *above, last = row["path"].replace("[]", "").split(".")
        at = section
        for step in above:
            at = at.fields[step]
        assert last not in at.fields, f"{title} has {row['path']} twice"
        at.fields[last] = Field.of_row(title, row)
    return section


class Comparison:
    """Holds documents against the page; ``seen`` says of each field in which states it was: value, empty, null, missing."""

    def __init__(self, page: Page) -> None:
        self._page = page
        self.seen: dict[str, set[str]] = defaultdict(set)

    def document(self, title: str, document: dict[str, Any]) -> list[str]:
        """What is wrong with a document of this section. Beside an error only what was gathered before it stands."""
        fields = {**self._page.sections[EVERY].fields, **self._page.sections[title].fields}
        return [*self._object(fields, document, title, whole="error" not in document)]

    def shortened(self, title: str, document: dict[str, Any]) -> list[str]:
        """Likewise of one from which fields were left out."""
        return [one for one in self.document(title, document) if not one.endswith("is missing")]

    def _object(self, fields: dict[str, Field], value: Any, at: str, *, whole: bool = True) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{at} is no object: {value!r:.80}"
            return
        yield from (f"{at}.{key} is not in the page" for key in value if key not in fields)
        for key, one in fields.items():
            if key in value:
                yield from self._field(one, value[key], f"{at}.{key}")
            else:
                self.seen[one.name].add("missing")
                yield from (f"{at}.{key} is missing",) if whole and not one.missing else ()

    def _field(self, one: Field, value: Any, at: str) -> Iterator[str]:
        self.seen[one.name].add("null" if value is None else "empty" if value == [] else "value")
        if value is not None:
            yield from self._value(one, one.type, value, at)
        elif not one.null:
            yield f"{at} is null"

    def _value(self, one: Field, kind: str, value: Any, at: str) -> Iterator[str]:
        part = _PART.fullmatch(kind)
        if kind.startswith("list of ") and isinstance(value, list):
            for position, item in enumerate(value):
                yield from self._value(one, kind.removeprefix("list of "), item, f"{at}[{position}]")
        elif part or kind == "object":
            below = self._page.sections[part[1]].fields if part else {}
            yield from self._object({**below, **one.fields}, value, at)
        elif kind not in SIMPLE or not SIMPLE[kind](value):
            yield f"{at} is no {kind}: {value!r:.80}"
        elif one.choices and value not in one.choices:
            yield f"{at} is none of {sorted(one.choices)}: {value!r:.80}"


# --- examples ---------------------------------------------------------------------------------

# What differs each time; in an example stands something of the same form. Folders first: a path may look like a key.
_DIFFERS = (
    (r"(?<![:/+\w])/(?:[\w.-]+/)+", "/"),
    (r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", "MOMENT"),
    (r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d", "MOMENT"),
    (r"0x[0-9a-f]+", "HEX"),
    (r"\b[0-9a-f]{64}\b", "FINGERPRINT"),
    (r"\b\d{30,}\b", "SERIAL"),
    (r"\b[0-9a-f]{16}\b", "ID"),
    (r"(?<![\w+/-])[\w+/-]{43}(?![\w+/-])", "KEY"),
    (r"(?:127\.0\.0\.1|localhost|[a-z]+\.home\.example):\d+", "HOST:PORT"),
    (r"\b\d+[dhm](?:\d+[hms])?\b", "TIME"),
)


def alike(example: Any, real: Any) -> bool:
    """Whether the example is this real value, shortened: fields and items are left out, what differs each time has its form."""
    if isinstance(example, dict) and isinstance(real, dict):
        return all(key in real and (key == "certpush" or alike(value, real[key])) for key, value in example.items())
    if isinstance(example, list) and isinstance(real, list):
        rest = iter(real)  # in this order
        return bool(example or not real) and all(any(alike(one, other) for other in rest) for one in example)
    if isinstance(example, str) and isinstance(real, str):
        return _masked(example) == _masked(real)
    measured = isinstance(real, float) or (isinstance(real, int) and real > 9)  # an exit code is none, and no truth either
    return isinstance(example, int | float) if measured else bool(example == real)


def _masked(text: str) -> str:
    for pattern, name in _DIFFERS:
        text = re.sub(pattern, name, text)
    return text


def parsed(example: str) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(example)
    return document
