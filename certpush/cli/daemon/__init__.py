"""certpush daemon: what a timer would start again and again, as one process, for containers."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from certpush.cli.console import Console


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument(
        "--health-file",
        metavar="FILE",
        help="where to say how it is, and what --healthcheck reads (default: health.json in the state directory)",
    )
    parser.add_argument(
        "--healthcheck", action="store_true", help="look at the health file of a running daemon: exit code 0 when it is alive, else 1"
    )
    parser.add_argument(
        "--every",
        metavar="TIME",
        help="the longest time between two looks: 1h (5s to 1d; default: derived from the shortest lifetime, as schedule does it)",
    )
    parser.epilog = (
        "Stops at SIGTERM, once a switch that is under way came to its end; exit code 0. At SIGHUP it reads the configuration\n"
        "again; a broken one is told, and the old one stays. It tells systemd how it is where $NOTIFY_SOCKET is set, watchdog\n"
        "included. Another run beside it, of a timer or of a person, does no harm: each target has a lock."
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Run until asked to stop; or look how another one is."""
    from certpush.cli.daemon.healthcheck import check

    if arguments.healthcheck:
        return check(arguments, console)
    from certpush.cli.daemon.running import run_until_stopped

    return run_until_stopped(arguments, console)
