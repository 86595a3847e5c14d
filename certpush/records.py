"""Frozen dataclasses that are made at a tenth of the cost.

Python writes most methods of a dataclass as text and compiles it, anew in each process: half a
millisecond for each class, and a command loads thirty of them. Here they are functions that
were compiled with this file, and look at the fields when they are called. All else is the
work of ``dataclasses``: fields, slots, ``replace``, ``asdict``, ``match``.
"""

from __future__ import annotations

import dataclasses
import operator
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:  # to type checkers it is what it behaves like
    from dataclasses import dataclass as record
    from inspect import Signature

__all__ = ["record"]

T = TypeVar("T")
_put = object.__setattr__


def _record(*, frozen: bool, slots: bool = False, kw_only: bool = False, order: bool = False) -> Callable[[type[T]], type[T]]:
    """Make a frozen dataclass, with the arguments of ``dataclasses.dataclass``; what the class defines itself stays."""
    if not frozen:
        raise TypeError("a record is frozen; for what changes there is dataclasses.dataclass")

    def made(cls: type[T]) -> type[T]:
        own = frozenset(vars(cls))
        new = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)(cls)
        fields = dataclasses.fields(new)  # type: ignore[arg-type] # it has become a dataclass just now
        methods = {**_showing(fields), **_comparing(fields, order=order), **_refusing(new, fields), **(_STATE if slots else {})}
        for name, method in {**methods, "__init__": _initialising(new, fields), "__signature__": _LazySignature()}.items():
            if name not in own:
                setattr(new, name, method)
        return new

    return made


if not TYPE_CHECKING:
    record = _record

_Fields = tuple["dataclasses.Field[Any]", ...]
_Methods = Mapping[str, Callable[..., Any]]


def _initialising(new: type, fields: _Fields) -> Callable[..., None]:
    positional = tuple(one.name for one in fields if not one.kw_only)
    usual = tuple((one.name, one.default, one.default_factory) for one in sorted(fields, key=_kw_only))
    after = tuple(usual[count:] for count in range(len(positional) + 1))
    then = hasattr(new, "__post_init__")

    def __init__(self: Any, /, *given: Any, **named: Any) -> None:  # noqa: N807 - it becomes one
        for name, value in zip(positional, given):  # noqa: B905 - counted below
            _put(self, name, value)
        left = len(named)
        for name, default, factory in after[min(len(given), len(positional))]:
            if name in named:
                _put(self, name, named[name])
                left -= 1
            elif default is not dataclasses.MISSING:
                _put(self, name, default)
            elif factory is not dataclasses.MISSING:
                _put(self, name, factory())
            else:
                _refuse(self, given, named)
        if left or len(given) > len(positional):
            _refuse(self, given, named)
        if then:
            self.__post_init__()

    return __init__


def _kw_only(field: dataclasses.Field[Any]) -> bool:
    return bool(field.kw_only)


def _refuse(record: object, given: tuple[object, ...], named: Mapping[str, object]) -> None:
    """Raise the TypeError that Python itself would for arguments that do not fit."""
    import inspect

    inspect.signature(type(record)).bind(*given, **named)


class _LazySignature:
    """What ``inspect.signature`` and ``help`` show; made when they ask."""

    def __get__(self, _: object, cls: type) -> Signature:
        from inspect import Parameter, Signature

        def parameter(one: dataclasses.Field[Any]) -> Parameter:
            default = one.default if one.default_factory is dataclasses.MISSING else _Factory()
            kind = Parameter.KEYWORD_ONLY if one.kw_only else Parameter.POSITIONAL_OR_KEYWORD
            absent = default is dataclasses.MISSING
            return Parameter(one.name, kind, default=Parameter.empty if absent else default, annotation=one.type)

        fields = sorted(dataclasses.fields(cls), key=_kw_only)
        return Signature([parameter(one) for one in fields], return_annotation=None)


class _Factory:
    def __repr__(self) -> str:
        return "<factory>"


def _showing(fields: _Fields) -> _Methods:
    shown = tuple(one.name for one in fields if one.repr)

    def __repr__(self: Any) -> str:  # noqa: N807
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"

    return {"__repr__": __repr__}


def _comparing(fields: _Fields, *, order: bool) -> _Methods:
    compared = operator.attrgetter(*(one.name for one in fields if one.compare))

    def by(compare: Callable[[Any, Any], Any]) -> Callable[[Any, Any], Any]:
        return lambda self, other: compare(compared(self), compared(other)) if type(other) is type(self) else NotImplemented

    ordering = {f"__{name}__": by(getattr(operator, name)) for name in ("lt", "le", "gt", "ge")} if order else {}
    return {"__eq__": by(operator.eq), "__hash__": lambda self: hash(compared(self)), **ordering}


def _refusing(cls: type, fields: _Fields) -> _Methods:
    names = frozenset(one.name for one in fields)

    def __setattr__(self: Any, name: str, value: object) -> None:  # noqa: N807
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
        _put(self, name, value)

    def __delattr__(self: Any, name: str) -> None:  # noqa: N807
        if type(self) is cls or name in names:
            raise dataclasses.FrozenInstanceError(f"cannot delete field {name!r}")
        object.__delattr__(self, name)

    return {"__setattr__": __setattr__, "__delattr__": __delattr__}


def _state(self: Any) -> list[Any]:
    return [getattr(self, one.name) for one in dataclasses.fields(self)]


def _take_state(self: Any, state: list[Any]) -> None:
    for one, value in zip(dataclasses.fields(self), state, strict=True):
        _put(self, one.name, value)


_STATE: _Methods = {"__getstate__": _state, "__setstate__": _take_state}
"""For copies and pickles of what has no ``__dict__``."""
