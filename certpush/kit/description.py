"""What a settings class takes, told by the class itself: for the reference, ``certpush targets`` and the JSON Schema."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any, get_args, get_origin

import msgspec

from certpush.kit.annotations import choices_of, own_words, parts_of
from certpush.kit.settings import Doc, Duration, Settings, fields_of, format_duration
from certpush.model import Endpoint, JsonValue, Secret
from certpush.records import record

_PLAIN: Mapping[type, tuple[str, str]] = {
    str: ("text", "string"),
    bool: ("true or false", "boolean"),
    int: ("whole number", "integer"),
    float: ("number", "number"),
}
_WRITTEN: Mapping[type, tuple[str, str]] = {
    Duration: ("length of time", r"^([0-9]+[dhms])+$"),
    Secret: ("secret reference", r"^(file|cred|env|cmd|keyring):.+"),
    Endpoint: ("endpoint", r"^.+:[0-9]{1,5}(#.+)?$"),
}
"""Types that stand as a text in the configuration: what a person calls them, and what the text looks like."""


@record(frozen=True, slots=True)
class Field:
    """One key of a table: its name, its type and default in words, and what it is for."""

    key: str
    type: str
    default: str
    text: str
    required: bool


def describe(settings: type[Settings]) -> tuple[Field, ...]:
    """Every key that a table of this class may have, the required ones first, else in the order of the class."""
    found = [
        Field(one.encode_name, _in_words(one.type), _default(one), _text(one.type), required=one.required) for one in fields_of(settings)
    ]
    return tuple(sorted(found, key=lambda one: not one.required))


def schema_of(settings: type[Settings]) -> dict[str, JsonValue]:
    """The JSON Schema of a table of this class; keys that it does not know are refused."""
    properties: dict[str, JsonValue] = {one.encode_name: _documented(one) for one in fields_of(settings)}
    required: list[JsonValue] = [one.encode_name for one in fields_of(settings) if one.required]
    table: dict[str, JsonValue] = {"type": "object", "properties": properties, "additionalProperties": False}
    return {**table, "required": required} if required else table


def _documented(one: msgspec.structs.FieldInfo) -> dict[str, JsonValue]:
    schema, text = _schema(one.type), _text(one.type)
    return {**schema, "description": text} if text else schema


def _text(annotation: Any) -> str:
    plain, extras = parts_of(annotation)
    own = next((str(one) for one in extras if isinstance(one, Doc)), "")
    return own or next((text for one in choices_of(plain) if (text := _text(one))), "")


def _is_list(plain: Any) -> bool:
    return get_origin(plain) in (list, tuple)


def _is_mapping(plain: Any) -> bool:
    return get_origin(plain) is dict


def _is_table(plain: Any) -> bool:
    return isinstance(plain, type) and issubclass(plain, msgspec.Struct)


# --- in words --------------------------------------------------------------------------------


def _in_words(annotation: Any) -> str:
    plain, _ = parts_of(annotation)
    if choices := choices_of(plain):
        return " or ".join(dict.fromkeys(_in_words(one) for one in choices))
    if _is_list(plain):
        return f"list of {_in_words(get_args(plain)[0])}"
    if _is_mapping(plain):
        return f"table, each a {_in_words(get_args(plain)[1])}"
    if allowed := own_words(plain):
        return " | ".join(f'"{one}"' for one in allowed)
    if plain in _PLAIN or plain in _WRITTEN:
        return (_PLAIN.get(plain) or _WRITTEN[plain])[0]
    return "table" if _is_table(plain) else getattr(plain, "__name__", str(plain))


def _default(one: msgspec.structs.FieldInfo) -> str:
    """As a person would write it; empty where leaving the key out means something that no value says."""
    value = one.default
    if one.required or value is msgspec.NODEFAULT or value is None or value in ((), "") or isinstance(value, msgspec.Struct):
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, tuple | list):
        return f"[{', '.join(map(_in_toml, value))}]"
    return _in_toml(value)


def _in_toml(value: Any) -> str:
    if isinstance(value, timedelta):
        return f'"{format_duration(value)}"'
    return f'"{value}"' if isinstance(value, str) else str(value)


# --- for editors -----------------------------------------------------------------------------


def _schema(annotation: Any) -> dict[str, JsonValue]:
    plain, extras = parts_of(annotation)
    if choices := choices_of(plain):
        several: list[JsonValue] = [_schema(one) for one in choices]
        return _schema(choices[0]) if len(several) == 1 else {"anyOf": several}
    if _is_list(plain) or _is_mapping(plain):
        return _schema_of_several(plain)
    if allowed := own_words(plain):
        return {"enum": list(allowed)}
    if plain in _WRITTEN:
        return {"type": "string", "pattern": _WRITTEN[plain][1]}
    if _is_table(plain):
        return schema_of(plain)
    return {**({"type": _PLAIN[plain][1]} if plain in _PLAIN else {}), **dict(_bounds(extras))}


def _schema_of_several(plain: Any) -> dict[str, JsonValue]:
    if _is_mapping(plain):
        return {"type": "object", "additionalProperties": _schema(get_args(plain)[1])}
    return {"type": "array", "items": _schema(get_args(plain)[0])}


def _bounds(extras: tuple[Any, ...]) -> Iterator[tuple[str, JsonValue]]:
    for one in extras:
        if isinstance(one, msgspec.Meta):
            yield from (("minimum", one.ge),) if one.ge is not None else ()
            yield from (("maximum", one.le),) if one.le is not None else ()
