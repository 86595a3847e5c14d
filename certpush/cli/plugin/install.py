"""certpush plugin install: a plugin into the environment that certpush runs in, by the program that looks after it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from certpush.cli.plugin.ordering import Offered, carry_out, offered_now, show
from certpush.cli.plugin.package import Package, normalised
from certpush.cli.plugin.surroundings import Surroundings
from certpush.errors import PluginConflict, PluginError

if TYPE_CHECKING:
    import argparse

    from certpush.cli.console import Console


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Install it and say what it offers, or only show how."""
    package = Package.parse(arguments.package)
    surroundings = Surroundings.here()
    keeper = surroundings.keeper()
    order = keeper.adding(package)
    show(order, keeper.name, console)
    console.document["plugins"] = []
    if arguments.print:
        console.result(str(order))
        return 0
    before = {_identity(one) for one in offered_now(surroundings.python)}
    carry_out(order, keeper.name, console)
    after = offered_now(surroundings.python)
    _tell([one for one in after if _identity(one) not in before] or _of(package, after), package, console)
    return 0


def _identity(offered: Offered) -> tuple[str, ...]:
    """Without ``conflict``: a newcomer may bring one to those that were there."""
    return tuple(offered[key] for key in ("kind", "distribution", "version", "module"))


def _of(package: Package, offers: list[Offered]) -> list[Offered]:
    """What the package offers that was there before, as where it is installed again."""
    return [one for one in offers if package.distribution and normalised(one["distribution"]) == normalised(package.distribution)]


def _tell(offers: list[Offered], package: Package, console: Console) -> None:
    console.document["plugins"] = offers
    if not offers:
        raise PluginError(
            f"{package.text} is installed, and offers nothing to certpush",
            hint="is it the right one? a plugin of certpush has an entry point in the group certpush",
        )
    for one in offers:
        console.result(f"{one['distribution']} {one['version']} offers {console.paint(one['kind'], 'bold')}")
    conflict = next((one["conflict"] for one in offers if one["conflict"]), None)
    if conflict:
        raise PluginConflict(f"it cannot be used: {conflict}", hint=f"certpush plugin remove {offers[0]['distribution']}")
    console.line(f"`certpush targets {offers[0]['kind']}` shows its keys; nothing of it runs before a configuration names it.")
