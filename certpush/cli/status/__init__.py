"""certpush status: look at every endpoint now."""

from __future__ import annotations

import argparse

from certpush.cli.console import Console


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="a target's name, a kind, or @tag; all targets when left out")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Look, and show; the exit code is 0 whatever is seen (`check` is for monitoring)."""
    from certpush.cli.receipts import in_order
    from certpush.cli.status.table import show_statuses
    from certpush.fleet.fleet import Fleet
    from certpush.kit.tls import utc_now

    with Fleet.load(arguments.config) as fleet:
        statuses = in_order(fleet.status(arguments.targets), fleet)
    show_statuses(console, statuses, utc_now())
    return 0
