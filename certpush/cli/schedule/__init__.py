"""certpush schedule: have the system's timer run `certpush renew`. One module a subcommand, loaded when it is called."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from certpush.cli.subcommands import add_subcommands, run_subcommand

if TYPE_CHECKING:
    from certpush.cli.console import Console

SUBCOMMANDS = {
    "install": "write a service and a timer, and start the timer; where there is no systemd, say which cron line does it",
    "status": "whether it is installed, when it runs next, how it ended last, and whether it still fits the configuration",
    "remove": "stop the timer, and remove what install wrote",
}
_HOW_OFTEN = """\
How often is derived from the configuration: a certificate is due at renew_at (2/3) of its lifetime, and in danger when danger_at
(1/6) of it is left; between the two it is looked at four times, and once a day at least. So certificates of 24 hours are looked at
every hour, those of 395 days once a day, and a target with a window four times while that is open. A lifetime that is left to the
CA counts as 24 hours."""


def configure(parser: argparse.ArgumentParser) -> None:
    """The subcommands with their options."""
    added = add_subcommands(parser, SUBCOMMANDS, title="what to do")
    for one in added.values():
        _configure_scope(one)
    _configure_install(added["install"])
    added["status"].epilog = "Exit code 0 whatever is found; `certpush check` is for monitoring."
    added["remove"].epilog = "Units that certpush did not write are left alone. A run that is at work is not interrupted."


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Run the subcommand."""
    return run_subcommand(__name__, arguments, console)


def _configure_scope(parser: argparse.ArgumentParser) -> None:
    whose = parser.add_mutually_exclusive_group()
    whose.add_argument(
        "--system", action="store_const", dest="scope", const="system", help="the system's timer (when root calls, the default)"
    )
    whose.add_argument("--user", action="store_const", dest="scope", const="user", help="a timer of the user who calls (else the default)")


def _configure_install(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--print", action="store_true", dest="only_print", help="show what would be written, and write nothing")
    parser.add_argument(
        "--as", dest="account", metavar="USER", help="whom the system's service runs as (default: who owns the state directory, else root)"
    )
    parser.add_argument(
        "--credential",
        action="append",
        default=[],
        dest="credentials",
        metavar="NAME=FILE",
        help='where the credential of a "cred:NAME" is; looked for beside the configuration and in /etc/credstore when left out',
    )
    parser.add_argument(
        "--by",
        choices=("systemd", "cron"),
        help="whose timer (default: systemd's where it runs, else cron's, whose line is only shown)",
    )
    parser.add_argument("--force", action="store_true", help="write over changes that were made by hand to a unit of ours")
    parser.epilog = _HOW_OFTEN
