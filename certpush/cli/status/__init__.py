"""certpush status: look at every endpoint now, once or again and again, on the terminal or as a page."""

from __future__ import annotations

import argparse
from datetime import timedelta
from typing import TYPE_CHECKING

from certpush.cli.console import Console, safe
from certpush.errors import ConfigError

if TYPE_CHECKING:
    from certpush.cli.status.looking import Sight

_LEAST, _USUAL = timedelta(seconds=5), timedelta(seconds=30)


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="a target's name, a kind, or @tag; all targets when left out")
    parser.add_argument("--watch", action="store_true", help="look again and again until Ctrl-C; into a pipe, a line for each change")
    parser.add_argument(
        "--interval",
        metavar="TIME",
        help=f"how long --watch waits between two looks (default {_USUAL.seconds}s, at least {_LEAST.seconds}s)",
    )
    parser.add_argument("--html", metavar="FILE", help="also write a page for a browser; with --watch again at each look")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Look, and show; the exit code is 0 whatever is seen (`check` is for monitoring)."""
    interval = _interval(arguments)
    from certpush.cli.status.table import show_statuses

    if interval is not None:
        from certpush.cli.status.watch import watch

        return watch(lambda: _looked(arguments, interval), console, interval)
    sight = _looked(arguments, None)
    show_statuses(console, sight.statuses, sight.at)
    if arguments.html:
        console.document["page"] = arguments.html
        console.note(f"page: {safe(arguments.html)}")
    return 0


def _looked(arguments: argparse.Namespace, interval: timedelta | None) -> Sight:
    """One look, and the page that was asked for."""
    from certpush.cli.status.looking import look

    sight = look(arguments.config, arguments.targets, past=bool(arguments.html))
    if arguments.html:
        from certpush.cli.status.page import write_page

        write_page(arguments.html, sight, again_after=interval)
    return sight


def _interval(arguments: argparse.Namespace) -> timedelta | None:
    """How long to wait between two looks; None for a single one."""
    if not arguments.watch:
        if arguments.interval is not None:
            raise ConfigError("--interval says how long --watch waits", hint="certpush status --watch --interval 1m")
        return None
    if arguments.output == "json":
        raise ConfigError(
            "--watch has no end, and --output json prints one document", hint="call `certpush status --output json` as often as you like"
        )
    from certpush.kit.settings import Duration

    interval = _USUAL if arguments.interval is None else Duration.parse(arguments.interval)
    if interval < _LEAST:
        raise ConfigError(
            f"--interval: {arguments.interval} is too short, for targets may be logged in to at each look",
            hint=f"{_LEAST.seconds}s is the least",
        )
    return interval
