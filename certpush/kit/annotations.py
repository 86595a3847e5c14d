"""Taking the annotation of a settings field apart: its type, what was annotated to it, the types of a union, the words allowed."""

from __future__ import annotations

import enum
import types
from typing import Annotated, Any, Literal, Union, get_args, get_origin


def parts_of(annotation: Any) -> tuple[Any, tuple[Any, ...]]:
    """The type itself, and what was annotated to it."""
    if get_origin(annotation) is Annotated:
        inner, *extras = get_args(annotation)
        plain, more = parts_of(inner)
        return plain, (*extras, *more)
    return annotation, ()


def choices_of(plain: Any) -> tuple[Any, ...]:
    """The types of a union, None left out: a key that need not be there is simply left out."""
    if get_origin(plain) in (Union, types.UnionType):
        return tuple(one for one in get_args(plain) if one is not types.NoneType)
    return ()


def own_words(plain: Any) -> tuple[str, ...]:
    """The words that are allowed, where only some are."""
    if get_origin(plain) is Literal:
        return tuple(str(one) for one in get_args(plain))
    if isinstance(plain, type) and issubclass(plain, enum.StrEnum):
        return tuple(str(one) for one in plain)
    return ()


def words_of(annotation: Any) -> tuple[str, ...]:
    """The words that a key of this type may have; none where it may have any."""
    plain, _ = parts_of(annotation)
    return own_words(plain) or tuple(word for one in choices_of(plain) for word in words_of(one))
