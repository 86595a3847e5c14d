"""certpush targets: the kinds of target that can be configured, with their settings."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from certpush.cli.console import Console
    from certpush.kit.description import Field
    from certpush.plugins import Offer, PluginLoader
    from certpush.target import TargetKind


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("kind", nargs="?", metavar="KIND", help="show this kind with all its keys")
    parser.epilog = (
        "Without KIND nothing of a third party is imported: what it is for shows when it is named.\n"
        "Keys that every target has (names, lifetime, endpoints, tags ...) are in docs/configuration.md."
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    """List the kinds, or show one."""
    from certpush.plugins import PluginLoader, available

    loader = PluginLoader()
    if arguments.kind is not None:
        _show_kind(console, loader.load_kind(arguments.kind))
    else:
        _list(console, loader, tuple(one for one in available() if not one.own_observer))
    return 0


def _list(console: Console, loader: PluginLoader, offers: tuple[Offer, ...]) -> None:
    rows = [(offer, _summary(loader, offer)) for offer in offers]
    console.table(("kind", "for", "from"), [[console.paint(one.name, "bold"), text, one.author] for one, text in rows])
    console.line("\n`certpush targets KIND` shows a kind's keys.")
    console.document["kinds"] = [
        {"kind": one.name, "summary": text, "distribution": one.distribution, "version": one.version, "built_in": one.built_in}
        for one, text in rows
    ]


def _summary(loader: PluginLoader, offer: Offer) -> str:
    """What a kind is for; asked of our own only, because installed is not executed."""
    if offer.conflict:
        return "cannot be used: see `certpush plugins`"
    return loader.load_kind(offer.name).summary if offer.built_in else f"`certpush targets {offer.name}` tells"


def _show_kind(console: Console, kind: TargetKind[Any]) -> None:
    from certpush.cli.console import safe
    from certpush.config import TargetKeys
    from certpush.kit.description import describe
    from certpush.kit.trust import takes_trust

    core = {one.key: one for one in describe(TargetKeys) if one.key == "trust" and takes_trust(kind.settings)}
    fields = [core.get(one.key, one) for one in describe(kind.settings)]
    console.line(f"{console.paint(safe(kind.name), 'bold')}  {safe(kind.summary)}\n")
    for label, text in _facts(kind):
        console.line(f"  {label:<10}  {safe(text)}")
    console.line()
    show_keys(console, fields)
    offered = kind.catalogue() if kind.catalogue is not None else ()
    if offered:
        console.line()
        console.table((kind.name, "for"), [[console.paint(safe(name), "bold"), safe(text)] for name, text in offered])
    console.document["kind"] = {
        "kind": kind.name,
        "summary": kind.summary,
        **{label.replace(" ", "_"): text for label, text in _facts(kind)},
        "key_types": sorted(str(one) for one in kind.accepted_keys),
        "keys": [key_document(one) for one in fields],
        "catalogue": [{"name": name, "for": text} for name, text in offered],
    }


def _facts(kind: TargetKind[Any]) -> list[tuple[str, str]]:
    from certpush.target import Reversible

    ways = {
        Reversible.KEEPS_PREVIOUS: "the target keeps the previous certificate",
        Reversible.NEEDS_PREVIOUS: f"the pair that certpush keeps; else {kind.fallback or 'none'}",
        Reversible.NEVER: "none",
    }
    alone = "; by itself, when nobody confirms the switch" if kind.self_rescue else ""
    return [
        ("key types", ", ".join(sorted(kind.accepted_keys))),
        ("way back", ways[kind.reversible] + alone),
        ("disruption", kind.disruption or "none beyond the reload that is configured"),
    ]


def show_keys(console: Console, fields: Iterable[Field]) -> None:
    """Every key that a table may have."""
    console.table(("key", "type", "default", "for"), [_row(one, console) for one in fields], wrap=("type",))


def key_document(field: Field) -> dict[str, object]:
    """A key, for a machine."""
    return {"key": field.key, "type": field.type, "default": field.default, "for": field.text, "required": field.required}


def _row(field: Field, console: Console) -> list[str]:
    from certpush.cli.console import safe

    default = "required" if field.required else field.default or "-"
    return [console.paint(field.key, "bold"), field.type, default, safe(field.text)]
