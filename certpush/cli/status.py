"""certpush status: look at every endpoint now."""

from __future__ import annotations

import argparse
from typing import Any

from certpush.cli.console import Console, safe
from certpush.cli.receipts import deployment_document, left, moment, served_document, short
from certpush.fleet.fleet import Fleet
from certpush.kit.tls import utc_now
from certpush.model import Standing, TargetStatus

_COLOUR = {
    Standing.OK: "green",
    Standing.NEW: "dim",
    Standing.DUE: "yellow",
    Standing.DANGER: "red",
    Standing.EXPIRED: "red",
    Standing.DRIFTED: "yellow",
    Standing.FOREIGN: "yellow",
    Standing.UNREACHABLE: "red",
    Standing.STRANDED: "red",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="a target's name, a kind, or @tag; all targets when left out")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Look, and show; the exit code is 0 whatever is seen (`check` is for monitoring)."""
    with Fleet.load(arguments.config) as fleet:
        statuses = sorted(fleet.status(arguments.targets), key=lambda one: one.target)
    now = utc_now()
    console.table(
        ("target", "kind", "served", "left", "due in", "last", "standing"),
        [
            [
                console.paint(safe(one.target), "bold"),
                safe(one.kind),
                short(one.served[0].fingerprint) if one.served else "-",
                left(one.not_after, now),
                _due_in(one, now),
                _last(one),
                console.paint(one.standing.value, _COLOUR[one.standing]),
            ]
            for one in statuses
        ],
    )
    for one in statuses:
        for problem in one.problems:
            console.note(f"{safe(one.target)}: {safe(problem)}")
    console.document["targets"] = [_document(one) for one in statuses]
    return 0


def _due_in(status: TargetStatus, now: Any) -> str:
    text = left(status.due, now)
    return "now" if text == "expired" else text


def _last(status: TargetStatus) -> str:
    if status.last is None:
        return "never"
    when = status.last.finished or status.last.started
    return f"{status.last.outcome or status.last.phase} {when:%m-%d %H:%M}" if when else status.last.phase.value


def _document(status: TargetStatus) -> dict[str, Any]:
    return {
        "target": status.target,
        "kind": status.kind,
        "standing": status.standing.value,
        "not_after": moment(status.not_after),
        "due": moment(status.due),
        "served": [served_document(one) for one in status.served],
        "problems": list(status.problems),
        "last": deployment_document(status.last) if status.last else None,
    }
