"""certpush status: look at every endpoint now."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from certpush.cli.console import Console, indented, safe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from certpush.model import TargetStatus

# By the words of model.Standing.
_COLOUR = {
    "ok": "green",
    "new": "dim",
    "due": "yellow",
    "danger": "red",
    "expired": "red",
    "drifted": "yellow",
    "foreign": "yellow",
    "unreachable": "red",
    "stranded": "red",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="a target's name, a kind, or @tag; all targets when left out")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Look, and show; the exit code is 0 whatever is seen (`check` is for monitoring)."""
    from certpush.cli.receipts import in_order
    from certpush.fleet.fleet import Fleet
    from certpush.kit.tls import utc_now

    with Fleet.load(arguments.config) as fleet:
        statuses = in_order(fleet.status(arguments.targets), fleet)
    show_statuses(console, statuses, utc_now())
    return 0


def show_statuses(console: Console, statuses: Sequence[TargetStatus], now: datetime) -> None:
    """The table and the problems, and the same as a part of the document."""
    console.document["targets"] = [_document(one) for one in statuses]
    if not statuses:
        console.line("there is no target yet, or none that is enabled: add a [target.NAME] table; `certpush targets` lists the kinds")
        return
    headings = ("target", "kind", "served", "left", "due in", "last", "standing")
    console.table(headings, [_row(console, one, now) for one in statuses])
    for one in statuses:
        for problem in one.problems:
            console.note(f"{safe(one.target)}: {indented(problem)}")


def _row(console: Console, status: TargetStatus, now: datetime) -> list[str]:
    from certpush.cli.receipts import left, short

    return [
        console.paint(safe(status.target), "bold"),
        safe(status.kind),
        short(status.served[0].fingerprint) if status.served else _installed(status),
        left(status.not_after, now),
        _due_in(status, now),
        _last(status),
        console.paint(status.standing.value, _COLOUR[status.standing]),
    ]


def _installed(status: TargetStatus) -> str:
    from certpush.cli.receipts import short

    return f"({short(status.installed)})" if status.installed else "-"


def _due_in(status: TargetStatus, now: datetime) -> str:
    from certpush.cli.receipts import left

    text = left(status.due, now)
    return "now" if text == "expired" else text


def _last(status: TargetStatus) -> str:
    if status.last is None:
        return "never"
    when = status.last.finished or status.last.started
    return f"{status.last.outcome or status.last.phase} {when:%m-%d %H:%M}" if when else status.last.phase.value


def _document(status: TargetStatus) -> dict[str, Any]:
    from certpush.cli.receipts import deployment_document, moment, served_document

    return {
        "target": status.target,
        "kind": status.kind,
        "standing": status.standing.value,
        "not_after": moment(status.not_after),
        "due": moment(status.due),
        "served": [served_document(one) for one in status.served],
        "installed": status.installed,
        "problems": list(status.problems),
        "last": deployment_document(status.last) if status.last else None,
    }
