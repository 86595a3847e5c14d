"""Parameters of a call: read from query, form or JSON as PVE reads them, and checked against what the call takes."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias
from urllib.parse import unquote_plus

from certpush.model import JsonValue
from certpush.testing.lab.proxmox.http import Head
from certpush.testing.lab.proxmox.pems import is_certificate_chain, is_one_block
from certpush.testing.lab.proxmox.refusals import bad_parameters

Parameters: TypeAlias = Mapping[str, JsonValue]
_NO_PEM = "invalid format - not a valid PEM-formatted string.\n"
_NODE_NAME = re.compile(r"[a-zA-Z0-9]([a-zA-Z0-9-]*[a-zA-Z0-9])?")


class Unreadable(Exception):
    """A body that ends the call with 500, in plain text."""


@dataclass(frozen=True)
class Parameter:
    """What one parameter must be; ``wrong`` says in PVE's words what is wrong with a value, or nothing."""

    wrong: Callable[[JsonValue], str]
    optional: bool = False


def read_parameters(head: Head, body: bytes) -> dict[str, JsonValue]:
    """All parameters of a request; those of the query win.

    Raises:
        Unreadable: the body is no JSON object, though it says so.

    """
    given = _read_body(head, body) if head.method in ("PUT", "POST") else {}
    given.update(_read_form(head.query))
    given.pop("_dc", None)
    return given


def _read_body(head: Head, body: bytes) -> dict[str, JsonValue]:
    if head.content_type != "application/json":
        return _read_form(body.decode("latin-1"))
    try:
        value = json.loads(body)
    except ValueError as error:
        raise Unreadable(f"malformed JSON string, {error} at AnyEvent.pm\n") from None
    if not isinstance(value, dict):
        raise Unreadable("Not a HASH reference at AnyEvent.pm\n")
    return value


def _read_form(text: str) -> dict[str, JsonValue]:
    given: dict[str, JsonValue] = {}
    for pair in filter(None, re.split("[&;]", text)):
        # As Perl splits: what follows a second "=" is lost, and nothing after the first is no value.
        name, _, rest = pair.partition("=")
        value = unquote_plus(rest.partition("=")[0]) if rest else None
        _add(given, unquote_plus(name), value)
    return given


def _add(given: dict[str, JsonValue], name: str, value: str | None) -> None:
    before = given.get(name)
    if before is None or value is None:
        given[name] = value
    else:
        given[name] = [*before, value] if isinstance(before, list) else [before, value]


def check(given: Parameters, schema: Mapping[str, Parameter]) -> None:
    """Check a call's parameters.

    Raises:
        Refused: 400, with what is wrong with each.

    """
    errors = {name: wrong for name, one in schema.items() if (wrong := _wrong(given.get(name), one))}
    unknown = "property is not defined in schema and the schema does not allow additional properties"
    errors.update({name: unknown for name in given if name not in schema})
    if errors:
        raise bad_parameters(errors)


def _wrong(value: JsonValue, parameter: Parameter) -> str:
    if value is None:
        return "" if parameter.optional else "property is missing and it is not optional"
    return parameter.wrong(value)


def switch(given: Parameters, name: str) -> bool:
    """Whether a boolean, which was checked, is on."""
    return given.get(name) in (True, 1, "1")


def text(given: Parameters, name: str) -> str | None:
    """A text, which was checked; None where it was not given."""
    value = given.get(name)
    return None if value is None else str(value)


def _reference(value: JsonValue) -> str:
    return "ARRAY" if isinstance(value, list) else "HASH" if isinstance(value, dict) else "JSON::PP::Boolean"


def _wrong_text(value: JsonValue) -> str:
    return f"type check ('string') failed - got {_reference(value)}" if isinstance(value, bool | list | dict) else ""


def _wrong_switch(value: JsonValue) -> str:
    if isinstance(value, list | dict):
        return f"type check ('boolean') failed - got {_reference(value)}"
    return "" if isinstance(value, bool) or str(value) in ("0", "1") else f"type check ('boolean') failed - got '{value}'"


def _formatted(fits: Callable[[str], bool], otherwise: str) -> Callable[[JsonValue], str]:
    return lambda value: _wrong_text(value) or ("" if fits(str(value)) else otherwise)


def a_text(*, optional: bool = False, longest: int | None = None) -> Parameter:
    """Any text up to that length."""
    too_long = f"value may only be {longest} characters long"
    return Parameter(_formatted(lambda value: longest is None or len(value) <= longest, too_long), optional)


def one_of(*words: str) -> Parameter:
    """One of these words."""
    return Parameter(lambda value: _wrong_text(value) or _not_listed(str(value), words))


def _not_listed(value: str, words: Sequence[str]) -> str:
    return "" if value in words else f"value '{value}' does not have a value in the enumeration '{', '.join(words)}'"


NODE = Parameter(
    _formatted(lambda value: _NODE_NAME.fullmatch(value) is not None, "invalid format - value does not look like a valid node name\n")
)
SWITCH = Parameter(_wrong_switch, optional=True)
CERTIFICATES = Parameter(_formatted(is_certificate_chain, _NO_PEM))
KEY = Parameter(_formatted(is_one_block, _NO_PEM), optional=True)
NEEDED_KEY = Parameter(_formatted(is_one_block, _NO_PEM))
