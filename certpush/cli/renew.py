"""certpush renew: what a timer runs. Settles what was left, pushes again what is not served, rotates what is due."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from certpush.cli.console import Console
    from certpush.cli.progress import Progress
    from certpush.fleet.fleet import Fleet
    from certpush.model import Receipt


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument(
        "targets",
        nargs="*",
        metavar="TARGET",
        help="a target's name (which is then tried at once, also after failures), a kind, or @tag; all targets when left out",
    )
    side = parser.add_mutually_exclusive_group()
    side.add_argument(
        "--here", action="store_true", help="only targets that change this machine (kind file): they have a service of their own"
    )
    side.add_argument("--elsewhere", action="store_true", help="only the others")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Renew; 0 when all that should be served is."""
    from certpush.cli.deploy import targets_meant
    from certpush.cli.exits import code_of_receipt, worst
    from certpush.cli.progress import Progress
    from certpush.cli.receipts import in_order
    from certpush.cli.stopping import stoppable
    from certpush.kit.tls import utc_now

    progress = Progress(console)
    with _fleet(arguments, progress) as fleet, stoppable(console) as stop:
        if (arguments.here or arguments.elsewhere) and not fleet.select():
            console.line("there is no target of this side: `certpush schedule install` removes a service that is not needed any more")
            console.document["targets"] = []
            return 0
        specs, receipts = targets_meant(arguments, fleet), []
        with progress.shown(len(specs)):
            for receipt in fleet.renew(arguments.targets, stop=stop):
                progress.ended(receipt.target)
                receipts.append(receipt)
        show(console, in_order(receipts, fleet), utc_now())
    return worst(code_of_receipt(one) for one in receipts)


def _fleet(arguments: argparse.Namespace, progress: Progress) -> Fleet:
    """The fleet, of one side alone where that was asked for."""
    from certpush.errors import ConfigError
    from certpush.fleet.fleet import Fleet

    fleet = Fleet.load(arguments.config, observe=progress.observe)
    if not arguments.here and not arguments.elsewhere:
        return fleet
    from certpush.fleet.needs import only
    from certpush.plugins import PluginLoader

    if arguments.targets:
        raise ConfigError("--here and --elsewhere choose the targets themselves", hint="leave the names out, or the option")
    return Fleet(only(fleet.configuration, PluginLoader(), here=arguments.here), observe=progress.observe)


def show(console: Console, receipts: Sequence[Receipt], now: datetime) -> None:
    """What happened, as after a deploy; of the targets to which nothing did, one line tells."""
    from certpush.cli.receipts import receipt_document, show_receipts
    from certpush.model import Action, Outcome

    resting = [one for one in receipts if one.outcome is Outcome.UNCHANGED and one.plan.action is Action.NOTHING]
    shown = receipts if console.verbosity else [one for one in receipts if one not in resting]
    if shown:
        show_receipts(console, shown, now)
    if resting and not console.verbosity:
        console.line(_at_rest(resting, now))
    console.document["targets"] = [receipt_document(one) for one in receipts]


def _at_rest(receipts: Sequence[Receipt], now: datetime) -> str:
    from certpush.cli.console import safe
    from certpush.cli.receipts import left

    many = f"{len(receipts)} targets serve what they should" if len(receipts) > 1 else f"{safe(receipts[0].target)} serves what it should"
    nearest = min((one for one in receipts if one.due), key=lambda one: one.due or now, default=None)
    if nearest is None:
        return many
    which = f" ({safe(nearest.target)})" if len(receipts) > 1 else ""
    return f"{many}; the next is due in {left(nearest.due, now)}{which}"
