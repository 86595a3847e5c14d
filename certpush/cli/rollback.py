"""certpush rollback: back to the previous certificate, verified."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from certpush.cli.console import Console


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("target", metavar="TARGET", help="the target's name; of a cluster one member, TARGET/MEMBER")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Go back; 0 when the previous certificate was seen."""
    from certpush.cli.exits import code_of_receipt
    from certpush.cli.progress import Progress
    from certpush.cli.receipts import show_receipts
    from certpush.cli.stopping import stoppable
    from certpush.fleet.fleet import Fleet
    from certpush.kit.tls import utc_now

    progress = Progress(console, asked_to_go_back=True)
    with Fleet.load(arguments.config, observe=progress.observe) as fleet, stoppable(console):
        with progress.shown():
            receipt = fleet.rollback(arguments.target)
        show_receipts(console, [receipt], utc_now())
    return code_of_receipt(receipt)
