"""certpush doctor: every check of the CA and of each target; each finding ends with its fix."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from certpush.cli.console import Console


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="a target's name, a kind, or @tag; all targets when left out")
    parser.epilog = "Changes nothing. Exit code 1 when a check found an error, 0 when there are warnings at most."


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Check, and show each finding as it comes."""
    from certpush.cli.exits import NOT_ROTATED, OK
    from certpush.cli.findings import show_findings
    from certpush.fleet.fleet import Fleet

    with Fleet.load(arguments.config) as fleet:
        seen = show_findings(console, fleet.doctor(arguments.targets))
    return NOT_ROTATED if seen["error"] else OK
