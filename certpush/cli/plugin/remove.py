"""certpush plugin remove: a plugin out of the environment again; certpush itself and what it needs are not touched."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from certpush.cli.plugin.ordering import carry_out, offered_now, show
from certpush.cli.plugin.package import normalised
from certpush.cli.plugin.surroundings import Surroundings
from certpush.errors import PluginError, PluginNotFound

if TYPE_CHECKING:
    import argparse

    from certpush.cli.console import Console


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Remove it, or only show how."""
    surroundings = Surroundings.here()
    distribution = _installed(arguments.package)
    keeper = surroundings.keeper()
    order = keeper.removing(distribution)
    show(order, keeper.name, console)
    if arguments.print:
        console.result(str(order))
        return 0
    _refuse_what_is_configured(distribution, arguments.config)
    carry_out(order, keeper.name, console)
    if any(normalised(one["distribution"]) == normalised(distribution) for one in offered_now(surroundings.python)):
        raise PluginError(f"{distribution} is still there", hint=f"run it by hand: {order}")
    console.result(f"{distribution} is removed")
    return 0


def _installed(named: str) -> str:
    """The plugin's distribution by its name, or by a kind that it offers."""
    from certpush.plugins import available

    others = [one for one in available() if not one.built_in]
    found = {one.distribution for one in others if normalised(one.distribution) == normalised(named)}
    found = found or {one.distribution for one in others if one.name == named}
    if len(found) != 1:
        known = ", ".join(sorted({one.distribution for one in others})) or "none"
        raise PluginNotFound(f"{named[:80]!a} is no plugin that is installed beside certpush", hint=f"there are: {known}")
    return found.pop()


def _refuse_what_is_configured(distribution: str, configuration: str | None) -> None:
    """A timer that meets a kind which is gone rotates nothing of it, and somebody hears of it at night."""
    from certpush.cli.completing import configuration_tables
    from certpush.plugins import available

    kinds = {one.name for one in available() if one.distribution == distribution}
    tables = configuration_tables(configuration, os.environ)
    used = [
        f"{section}.{name}"
        for section in ("target", "observer")
        for name, table in tables.get(section, {}).items()
        if isinstance(table, dict) and table.get("kind") in kinds
    ]
    if used:
        raise PluginError(
            f"{distribution} is needed: {', '.join(used)} in the configuration",
            hint="take that out first (`certpush forget NAME` ends the care of a target); --print shows how to remove it nevertheless",
        )
