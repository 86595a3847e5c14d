"""From words on a command line to values of a table: each key's own type says how its text is read."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Mapping
from typing import Any

from certpush.cli.asking import yes_or_no
from certpush.cli.init.reference import full_reference
from certpush.cli.init.text import Value
from certpush.errors import ConfigError
from certpush.kit.description import schema_of
from certpush.kit.settings import Settings

_OF_REFERENCES = "|cmd|"  # in the pattern of references, and of nothing else


def read_value(name: str, text: str, settings: type[Settings]) -> Value:
    """The value of the key ``name`` of a settings class; words stand between spaces in a list.

    Raises:
        ConfigError: there is no such key, or its value cannot be written on one line.

    """
    keys: Mapping[str, Any] = _properties(settings)
    if name not in keys:
        import difflib

        near = difflib.get_close_matches(name, list(keys), n=1)
        raise ConfigError(f"there is no key {name[:80]!a}", hint=f"did you mean {near[0]!r}?" if near else f"keys: {', '.join(keys)}")
    schema = keys[name]
    read = _READERS.get(str(_first(schema).get("type")), _text)
    return read(text, _first(schema))


def holds_words(command: str) -> list[str]:
    """A command as a list of words, as a shell would split it; what only a shell can do is refused.

    Raises:
        ConfigError: it cannot be split, or it needs a shell.

    """
    words = _split(command)
    shell = [word for word in words if word in _SHELL]
    if shell:
        raise ConfigError(
            f"{shell[0]} is for a shell, and none is used: a command is a program and its words",
            hint="put the commands into a script and name that, or write: sh -c '...'",
        )
    return words


_SHELL = ("&&", "||", ";", "|", ">", ">>", "<", "&")


def _properties(settings: type[Settings]) -> Mapping[str, Any]:
    found: Any = schema_of(settings)["properties"]
    return dict(found)


def _first(schema: Mapping[str, Any]) -> Mapping[str, Any]:
    """Of several types the one that a single word can be."""
    choices: list[Mapping[str, Any]] = schema.get("anyOf", [schema])
    return choices[0]


def _text(text: str, schema: Mapping[str, Any]) -> Value:
    return full_reference(text) if _OF_REFERENCES in str(schema.get("pattern")) else text


def _truth(text: str, _: Mapping[str, Any]) -> Value:
    if text in ("true", "false"):
        return text == "true"
    return yes_or_no(text)


def _number(text: str, schema: Mapping[str, Any]) -> Value:
    try:
        return int(text) if schema["type"] == "integer" else float(text)
    except ValueError:
        raise ConfigError(f"{text[:40]!a} is not a number", hint="write it in digits") from None


def _words(text: str, _: Mapping[str, Any]) -> Value:
    return holds_words(text)


def _table(*_: object) -> Value:
    raise ConfigError("that is a table, which cannot be written on one line", hint="add it to the file afterwards")


def _split(text: str) -> list[str]:
    try:
        return shlex.split(text)
    except ValueError:
        raise ConfigError(f"{text[:80]!a} has a quotation mark without its partner", hint="close it, or remove it") from None


_READERS: Mapping[str, Callable[[str, Mapping[str, Any]], Value]] = {
    "boolean": _truth,
    "integer": _number,
    "number": _number,
    "array": _words,
    "object": _table,
}
