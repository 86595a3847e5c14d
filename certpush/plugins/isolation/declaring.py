"""A kind told as data, for the side that must not import it."""

from __future__ import annotations

from typing import Any

import msgspec

from certpush.model import KeySpec
from certpush.observer import ObserverKind
from certpush.plugins.checks import knows_where
from certpush.plugins.isolation import mirror
from certpush.plugins.isolation.crossing import Plain
from certpush.target import KeyOrigin, Reversible, TargetKind


class Declared(msgspec.Struct, kw_only=True):
    """What a kind of target says of itself, without its functions: of those, only whether they are there."""

    summary: str
    settings: list[dict[str, Any]]
    accepted_keys: frozenset[KeySpec]
    reversible: Reversible
    fallback: str
    self_rescue: bool
    disruption: str
    settle: float
    steady: float
    deadline: float
    switches_again: bool
    key_origin: KeyOrigin
    api: int
    has: frozenset[str]
    """Which of ``members``, ``identify``, ``footprint`` and ``variant`` there are, and ``endpoints`` where its targets know them."""
    overhears: bool
    catalogue: tuple[tuple[str, str], ...] | None = None


class DeclaredObserver(msgspec.Struct, kw_only=True):
    """What a kind of observer says of itself."""

    summary: str
    settings: list[dict[str, Any]]
    phases: frozenset[str] | None
    api: int
    has: frozenset[str]


def target_out(kind: TargetKind[Any], *, overhears: bool) -> Plain:
    """A kind of target, as plain data."""
    has = {name for name in ("members", "identify", "footprint", "variant") if getattr(kind, name) is not None}
    told = Declared(
        summary=kind.summary,
        settings=mirror.told(kind.settings),
        accepted_keys=kind.accepted_keys,
        reversible=kind.reversible,
        fallback=kind.fallback,
        self_rescue=kind.self_rescue,
        disruption=kind.disruption,
        settle=kind.settle.total_seconds(),
        steady=kind.steady.total_seconds(),
        deadline=kind.deadline.total_seconds(),
        switches_again=kind.switches_again,
        key_origin=kind.key_origin,
        api=kind.api,
        has=frozenset(has | ({"endpoints"} if knows_where(kind) else set())),
        overhears=overhears,
        catalogue=kind.catalogue() if kind.catalogue is not None else None,
    )
    plain: Plain = msgspec.to_builtins(told)
    return plain


def observer_out(kind: ObserverKind[Any]) -> Plain:
    """A kind of observer, as plain data."""
    has = frozenset(name for name in ("preflight", "writes") if getattr(kind, name) is not None)
    told = DeclaredObserver(summary=kind.summary, settings=mirror.told(kind.settings), phases=kind.phases, api=kind.api, has=has)
    plain: Plain = msgspec.to_builtins(told)
    return plain
