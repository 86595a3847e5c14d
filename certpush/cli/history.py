"""certpush history: the journal, readable."""

from __future__ import annotations

import argparse

from certpush.cli.console import Console, safe
from certpush.cli.receipts import deployment_document, short
from certpush.errors import ConfigError
from certpush.fleet.fleet import Fleet
from certpush.model import Deployment, Outcome

_COLOUR = {Outcome.ROTATED: "green", Outcome.ROLLED_BACK: "yellow", Outcome.STRANDED: "red"}


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("target", nargs="?", metavar="TARGET", help="only this target")
    parser.add_argument("--limit", type=_positive, default=20, metavar="N", help="how many records, newest first (default 20)")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Show what the journal holds."""
    with Fleet.load(arguments.config) as fleet:
        records = fleet.history(arguments.target, limit=arguments.limit)
    if not records:
        console.line("nothing was deployed yet")
    else:
        console.table(("when", "target", "was", "wanted", "why", "outcome"), [_row(one, console) for one in records])
    console.document["deployments"] = [deployment_document(one) for one in records]
    return 0


def _row(record: Deployment, console: Console) -> list[str]:
    outcome = record.outcome.value if record.outcome else f"unfinished ({record.phase})"
    return [
        f"{record.started:%Y-%m-%d %H:%M:%S}" if record.started else "-",
        console.paint(safe(record.target), "bold"),
        short(record.before.fingerprint),
        short(record.wanted),
        safe(record.why),
        console.paint(outcome, _COLOUR.get(record.outcome, "yellow") if record.outcome else "yellow")
        + (f": {safe(record.error)[:100]}" if record.error else ""),
    ]


def _positive(text: str) -> int:
    number = int(text) if text.isdigit() else 0
    if not 0 < number <= 100_000:
        raise ConfigError(f"--limit: {text[:40]!a} is not a number from 1 to 100000", hint="certpush history --limit 50")
    return number
