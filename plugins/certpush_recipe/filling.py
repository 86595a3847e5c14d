"""Placeholders: ``{name}`` in a recipe's texts, read once, checked against what there is, and filled in where they stand.

A value is put in its place as it is: what has to be encoded (a path, JSON, a form) is encoded afterwards as a
whole, so nothing that stands in a value can become part of the recipe.
"""

from __future__ import annotations

import base64
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from certpush.errors import ConfigError

Value = str | int | bool | tuple[str, ...]
Values = Mapping[str, Value]

_PIECE = re.compile(r"\{\{|\}\}|\{(?P<name>[A-Za-z][A-Za-z0-9_.-]*)(?P<base64>\|base64)?\}|[{}]")


@dataclass(frozen=True, slots=True)
class Hole:
    """Where a value goes."""

    name: str
    in_base64: bool = False


Piece = str | Hole


def pieces(text: str) -> tuple[Piece, ...]:
    """Take a text apart; ``{{`` and ``}}`` stand for braces.

    Raises:
        ConfigError: a brace stands alone.

    """
    found: list[Piece] = []
    at = 0
    for match in _PIECE.finditer(text):
        found.append(text[at : match.start()])
        at = match.end()
        if match["name"]:
            found.append(Hole(match["name"], bool(match["base64"])))
        elif match[0] in ("{{", "}}"):
            found.append(match[0][0])
        else:
            raise ConfigError(
                f"there is a brace alone in {text[:60]!a}", hint="write {name} for a value, and {{ and }} for braces themselves"
            )
    return tuple(one for one in (*found, text[at:]) if one)


def holes(text: str) -> tuple[Hole, ...]:
    """The placeholders of a text."""
    return tuple(one for one in pieces(text) if isinstance(one, Hole))


def check_names(text: str, known: Iterable[str]) -> None:
    """Refuse a placeholder that nothing fills.

    Raises:
        ConfigError: with the nearest that there is.

    """
    there = sorted(known)
    for hole in holes(text):
        if hole.name not in there:
            import difflib  # only for a mistyped name

            near = difflib.get_close_matches(hole.name, there, n=1)
            hint = f"did you mean {{{near[0]}}}?" if near else f"here there are {', '.join(f'{{{one}}}' for one in there) or 'none'}"
            raise ConfigError(f"nothing is called {{{hole.name}}} here", hint=hint)


def filled(text: str, values: Values) -> str:
    """The text with the values in their places."""
    return "".join(one if isinstance(one, str) else _shown(one, values[one.name]) for one in pieces(text))


def filled_words(words: Iterable[str], values: Values) -> tuple[str, ...]:
    """An argument list; a placeholder of a list that stands alone becomes that many arguments."""
    return tuple(word for one in words for word in _words(one, values))


def filled_json(template: Any, values: Values) -> Any:
    """A JSON value; a placeholder that stands alone keeps its type, so that ``"{port}"`` becomes a number."""
    if isinstance(template, dict):
        return {key: filled_json(value, values) for key, value in template.items()}
    if isinstance(template, list):
        return [filled_json(one, values) for one in template]
    if not isinstance(template, str):
        return template
    alone = _alone(template)
    if alone is not None and not alone.in_base64:
        value = values[alone.name]
        return list(value) if isinstance(value, tuple) else value
    return filled(template, values)


def texts_in(template: Any) -> Iterator[str]:
    """Every text of a JSON value that may hold placeholders."""
    if isinstance(template, str):
        yield template
    elif isinstance(template, dict):
        for value in template.values():
            yield from texts_in(value)
    elif isinstance(template, list):
        for value in template:
            yield from texts_in(value)


def each_named(names: Iterable[str], value: Callable[[str], Value]) -> dict[str, Value]:
    """A value for each name."""
    return {one: value(one) for one in names}


def _alone(text: str) -> Hole | None:
    found = pieces(text)
    return found[0] if len(found) == 1 and isinstance(found[0], Hole) else None


def _words(word: str, values: Values) -> tuple[str, ...]:
    alone = _alone(word)
    value = values[alone.name] if alone is not None else None
    return value if isinstance(value, tuple) else (filled(word, values),)


def _shown(hole: Hole, value: Value) -> str:
    text = _plain(value)
    return base64.b64encode(text.encode()).decode("ascii") if hole.in_base64 else text


def _plain(value: Value) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return " ".join(value) if isinstance(value, tuple) else str(value)
