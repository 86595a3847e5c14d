"""certpush rollback: back to the previous certificate, verified."""

from __future__ import annotations

import argparse

from certpush.cli.console import Console
from certpush.cli.exits import code_of_receipt
from certpush.cli.progress import Progress
from certpush.cli.receipts import show_receipts
from certpush.cli.stopping import stoppable
from certpush.fleet.fleet import Fleet
from certpush.kit.tls import utc_now


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("target", metavar="TARGET", help="the target's name")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Go back; 0 when the previous certificate was seen."""
    progress = Progress(console)
    with Fleet.load(arguments.config, observe=progress.observe) as fleet, stoppable(console), progress.shown():
        receipt = fleet.rollback(arguments.target)
    show_receipts(console, [receipt], utc_now())
    return code_of_receipt(receipt)
