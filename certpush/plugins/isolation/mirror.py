"""A settings class told as data, and made again where it must not be imported: keys, types, defaults, but no code of the plugin."""

from __future__ import annotations

import keyword
import types
from collections.abc import Callable, Mapping
from typing import Annotated, Any, Literal, Union, cast, get_args, get_origin

import msgspec

from certpush.errors import ConfigError, ContractViolation
from certpush.kit.annotations import own_words, parts_of
from certpush.kit.settings import Doc, Duration, Settings, convert, fields_of
from certpush.kit.trust import Trust
from certpush.model import Endpoint, Secret
from certpush.plugins.isolation.crossing import Plain, Unreadable, converted, plain, shown

_LEAVES: dict[Any, str] = {
    str: "text",
    bool: "flag",
    int: "whole",
    float: "number",
    types.NoneType: "nothing",
    Duration: "duration",
    Endpoint: "endpoint",
    Secret: "secret",
    Trust: "trust",
}
_BOUNDS = ("ge", "gt", "le", "lt", "multiple_of", "min_length", "max_length")
"""Not a pattern: one that takes for ever is the plugin's to try."""
_DEEPEST = 8
Check = Callable[[Settings], None]


# --- in the plugin's process ---------------------------------------------------------------------


def told(settings: type[Settings]) -> list[Plain]:
    """Every field of a settings class, as data.

    Raises:
        ContractViolation: a secret stands where it would not be found to be read.

    """
    return [_field(one) for one in fields_of(settings)]


def _field(one: msgspec.structs.FieldInfo) -> Plain:
    field: Plain = {"name": one.name, "key": one.encode_name, "required": one.required, "type": _type(one.type, one.name)}
    if one.default is msgspec.NODEFAULT or isinstance(one.default, Secret):
        return field  # the plugin fills it in by itself
    try:
        return {**field, "default": plain(one.default)}
    except TypeError:  # nothing that a configuration could say
        return field


def _type(annotation: Any, where: str) -> Plain:
    bare, extras = parts_of(annotation)
    doc = next((str(one) for one in extras if isinstance(one, Doc)), "")
    metas = [one for one in extras if isinstance(one, msgspec.Meta)]
    bounds = {name: found for one in metas for name in _BOUNDS if (found := getattr(one, name)) is not None}
    return {**_shape(bare, where), **({"doc": doc} if doc else {}), **({"bounds": bounds} if bounds else {})}


def _shape(bare: Any, where: str) -> Plain:
    if bare in _LEAVES:
        return {"is": _LEAVES[bare]}
    if isinstance(bare, type) and issubclass(bare, Settings):
        return {"is": "table", "name": bare.__name__, "fields": told(bare)}
    words = own_words(bare)
    if words and (isinstance(bare, type) or all(isinstance(one, str) for one in get_args(bare))):
        return {"is": "words", "words": list(words)}
    return _shape_of_several(bare, where)


def _shape_of_several(bare: Any, where: str) -> Plain:
    origin, arguments = get_origin(bare), get_args(bare)
    if origin is list or (origin is tuple and arguments[1:] == (Ellipsis,)):
        return {"is": origin.__name__, "of": [_type(arguments[0], where)]}
    if origin is dict and arguments[0] is str:
        return {"is": "map", "of": [_type(arguments[1], where)]}
    if _is_union(bare) and sum(_is_table(one) for one in arguments) < 2:
        return {"is": "one", "of": [_type(one, where) for one in arguments]}
    if _holds_secret(bare):
        raise ContractViolation(
            f"the settings hold a secret in {where}, in a type that a plugin cannot have there",
            hint="use Secret, a list of them, or a Settings class with one",
        )
    return {"is": "anything"}


def _is_union(bare: Any) -> bool:
    return get_origin(bare) in (Union, types.UnionType)


def _is_table(annotation: Any) -> bool:
    bare, _ = parts_of(annotation)
    return isinstance(bare, type) and issubclass(bare, msgspec.Struct)


def _holds_secret(annotation: Any) -> bool:
    bare, _ = parts_of(annotation)
    if _is_table(bare):
        return any(_holds_secret(one.type) for one in msgspec.structs.fields(bare))
    return bare is Secret or any(_holds_secret(one) for one in get_args(bare))


# --- on our side ---------------------------------------------------------------------------------


class _Field(msgspec.Struct):
    name: str
    key: str
    required: bool
    type: dict[str, Any]
    default: Any = msgspec.UNSET


class _Node(msgspec.Struct, rename={"kind": "is"}):
    kind: str
    of: tuple[dict[str, Any], ...] = ()
    words: tuple[str, ...] = ()
    name: str = ""
    fields: tuple[_Field, ...] = ()
    doc: str = ""
    bounds: dict[str, int | float] = {}


def made(name: str, fields: object, check: Check) -> type[Settings]:
    """The class again, as far as the configuration needs it; ``check`` asks the plugin about every instance.

    Raises:
        Unreadable: what was told is no settings class.

    """
    try:
        return _class(name, converted(fields, tuple[_Field, ...]), 0, check)
    except (TypeError, ValueError, ConfigError, RecursionError) as error:
        raise Unreadable(f"its settings cannot be made: {type(error).__name__}") from error


def _class(name: str, fields: tuple[_Field, ...], depth: int, check: Check | None = None) -> type[Settings]:
    namespace: dict[str, Any] = {"__annotations__": {}, "__module__": __name__}
    for one in fields:
        if not one.name.isidentifier() or keyword.iskeyword(one.name) or one.name.startswith("__"):
            raise Unreadable(f"{shown(one.name[:80])!r} is no name of a setting")
        annotation = _annotation(one.type, depth)
        namespace["__annotations__"][one.name] = annotation
        namespace[one.name] = _default(one, annotation)
    if check is not None:
        namespace["__post_init__"] = check
    return _new(name if name.isidentifier() else "Table", namespace)


def _new(name: str, namespace: dict[str, Any]) -> type[Settings]:
    return types.new_class(name, (Settings,), exec_body=lambda own: own.update(namespace))


def _default(one: _Field, annotation: Any) -> Any:
    if one.required:
        return msgspec.field(name=one.key)
    value = msgspec.UNSET if one.default is msgspec.UNSET else _value(one.default, annotation)
    if value is msgspec.UNSET:  # the plugin fills it in by itself
        return msgspec.field(name=one.key, default_factory=lambda: msgspec.UNSET)
    return msgspec.field(name=one.key, default=value)


def _value(default: Any, annotation: Any) -> Any:
    """A default as it would be read, for a person to see; where it cannot be, it is the plugin's own affair."""
    if default is None:
        return None
    holder = _new("Holder", {"__annotations__": {"value": annotation}, "__module__": __name__})
    try:
        read: Any = convert({"value": default}, holder, path="default", read_secret=Secret)
    except ConfigError:
        return msgspec.UNSET
    value: Any = read.value
    return msgspec.UNSET if isinstance(value, list | dict) else value


def _annotation(data: dict[str, Any], depth: int) -> Any:
    node = converted(data, _Node)
    if depth > _DEEPEST:
        raise Unreadable("its settings are too deep")
    extras: list[Any] = [Doc(shown(node.doc))] if node.doc else []
    if node.bounds:
        extras.append(msgspec.Meta(**cast("Any", {key: value for key, value in node.bounds.items() if key in _BOUNDS})))
    bare = _bare(node, depth + 1)
    return Annotated[bare, *extras] if extras else bare


def _bare(node: _Node, depth: int) -> Any:
    if node.kind in _OF_SOME:
        parts = [_annotation(one, depth) for one in node.of]
        return _OF_SOME[node.kind](parts) if parts else Any
    if node.kind == "words" and node.words:
        return Literal[node.words]
    if node.kind == "table":
        return _class(node.name, node.fields, depth)
    return next((leaf for leaf, name in _LEAVES.items() if name == node.kind), Any)


_OF_SOME: Mapping[str, Callable[[list[Any]], Any]] = {
    "list": lambda parts: list[parts[0]],  # type: ignore[valid-type]
    "tuple": lambda parts: tuple[parts[0], ...],  # type: ignore[valid-type]
    "map": lambda parts: dict[str, parts[0]],  # type: ignore[valid-type]
    "one": lambda parts: Union[tuple(parts)],  # noqa: UP007 - of what was told
}
