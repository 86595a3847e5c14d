"""Which class a table inside a table is read into, for errors that know its keys."""

from __future__ import annotations

import re
from typing import Any, get_args

import msgspec
from msgspec.structs import fields

from certpush.kit.annotations import choices_of, parts_of


def keys_at(settings: type[Any], trail: str) -> list[str]:
    """The keys of the table that ``trail`` (``endpoints[0].at``) leads to from a table of this class; none where it is no such table."""
    found: Any = settings
    for step in re.findall(r"[^.\[\]]+|\[[^\]]*\]", trail):
        found = _table_in(_step(found, step))
    return [field.encode_name for field in fields(found)] if _is_table(found) else []


def _step(found: Any, step: str) -> Any:
    if step.startswith("["):
        return next((one for one in reversed(get_args(found)) if one is not Ellipsis), None)
    return next((one.type for one in fields(found) if one.encode_name == step), None) if _is_table(found) else None


def _table_in(annotation: Any) -> Any:
    """The type itself; of several, the first that can hold keys."""
    plain, _ = parts_of(annotation)
    return next((one for one in choices_of(plain) if _is_table(one) or get_args(one)), plain)


def _is_table(plain: Any) -> bool:
    return isinstance(plain, type) and issubclass(plain, msgspec.Struct)
