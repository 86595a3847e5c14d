"""certpush history: the journal, readable."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from certpush.cli.console import Console, safe
from certpush.errors import ConfigError

if TYPE_CHECKING:
    from collections.abc import Sequence

    from certpush.fleet.fleet import Fleet
    from certpush.model import Deployment

_COLOUR = {"rotated": "green", "rolled-back": "yellow", "stranded": "red"}  # by the words of model.Outcome


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("target", nargs="?", metavar="TARGET", help="only this target and its members, or only TARGET/MEMBER")
    parser.add_argument("--limit", type=_positive, default=20, metavar="N", help="how many records, newest first (default 20)")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Show what the journal holds."""
    from certpush.fleet.fleet import Fleet

    with Fleet.load(arguments.config) as fleet:
        records = fleet.history(arguments.target, limit=arguments.limit)
        if not records and arguments.target is not None:
            _known(fleet, arguments.target)
    show_history(console, records)
    return 0


def show_history(console: Console, records: Sequence[Deployment]) -> None:
    """The records as a table, and as a part of the document."""
    from certpush.cli.receipts import deployment_document

    if not records:
        console.line("nothing was deployed yet")
    else:
        console.table(("when", "target", "was", "wanted", "why", "outcome"), [_row(one, console) for one in records])
    console.document["deployments"] = [deployment_document(one) for one in records]


def _known(fleet: Fleet, target: str) -> None:
    """A target that is gone may have a history; a mistyped one has none, and silence would look like an answer."""
    if target.split("/", 1)[0] not in fleet.configuration.targets:
        raise ConfigError(f"there is no target {target[:80]!a}, and there never was one", hint="certpush history shows all targets")


def _row(record: Deployment, console: Console) -> list[str]:
    from certpush.cli.receipts import short

    outcome = record.outcome.value if record.outcome else f"unfinished ({record.phase})"
    return [
        f"{record.started:%Y-%m-%d %H:%M:%S}" if record.started else "-",
        console.paint(safe(record.target), "bold"),
        short(record.before.fingerprint),
        short(record.wanted),
        safe(record.why),
        console.paint(outcome, _COLOUR.get(record.outcome, "yellow") if record.outcome else "yellow")
        + (f": {_one_line(record.error)}" if record.error else ""),
    ]


def _one_line(text: str) -> str:
    return safe("; ".join(text.split("\n")))[:100]


def _positive(text: str) -> int:
    number = int(text) if text.isdecimal() and len(text) <= 6 else 0  # isdigit() takes a superscript two, and int() does not
    if not 0 < number <= 100_000:
        raise ConfigError(f"--limit: {text[:40]!a} is not a number from 1 to 100000", hint="certpush history --limit 50")
    return number
