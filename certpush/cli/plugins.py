"""certpush plugins: where each kind comes from, whether its contract test came with it, and conflicts. No plugin is imported."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from certpush.cli.console import Console
    from certpush.plugins import Offer


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.epilog = "Reads what installed distributions say about themselves; imports none of them."


def run(arguments: argparse.Namespace, console: Console) -> int:
    """List what is installed."""
    from certpush.cli.conformance.shipped import shipped
    from certpush.plugins import available

    del arguments
    offers, tests = available(), shipped()
    console.table(
        ("kind", "from", "version", "module", "contract test", ""), [_row(one, console, tested=one.name in tests) for one in offers]
    )
    if any(one.name in tests for one in offers):
        console.line("\n`certpush conformance KIND` runs a contract test.")
    for message in dict.fromkeys(one.conflict for one in offers if one.conflict):
        console.note(f"conflict: {message}")
    console.document["plugins"] = [
        {
            "kind": one.name,
            "distribution": one.distribution,
            "version": one.version,
            "module": one.module,
            "built_in": one.built_in,
            "conformance": tests.get(one.name),
            "conflict": one.conflict or None,
        }
        for one in offers
    ]
    return 0


def _row(offer: Offer, console: Console, *, tested: bool) -> list[str]:
    standing = console.paint("conflict", "red") if offer.conflict else "built in" if offer.built_in else ""
    return [console.paint(offer.name, "bold"), offer.distribution, offer.version, offer.module, "ships one" if tested else "-", standing]
