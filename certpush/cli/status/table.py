"""How targets stand, as a table for people and as objects for machines."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from certpush.cli.console import Console, indented, safe

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from certpush.model import TargetStatus, Waiting

# By the words of model.Standing.
_COLOUR = {
    "stranded": "red",
    "expired": "red",
    "untrusted": "red",
    "danger": "red",
    "drifted": "yellow",
    "foreign": "yellow",
    "unreachable": "red",
    "login-refused": "red",
    "unknown": "red",
    "due": "yellow",
    "new": "dim",
    "ok": "green",
}
HEADINGS = ("target", "kind", "served", "left", "due in", "last", "standing")


def show_statuses(console: Console, statuses: Sequence[TargetStatus], now: datetime) -> None:
    """The table and the problems, and the same as a part of the document."""
    console.document["targets"] = [status_document(one) for one in statuses]
    if not statuses:
        console.line("there is no target yet, or none that is enabled: add a [target.NAME] table; `certpush targets` lists the kinds")
        return
    console.table(HEADINGS, [row(console, one, now) for one in statuses])
    for one in statuses:
        for problem in (*one.problems, *waits(one)):
            console.note(f"{safe(one.target)}: {indented(problem)}")


def row(console: Console, status: TargetStatus, now: datetime) -> list[str]:
    """One line of the table."""
    from certpush.cli.receipts import left, short

    return [
        console.paint(safe(status.target), "bold"),
        safe(status.kind),
        short(status.served[0].fingerprint) if status.served else _installed(status),
        left(status.not_after, now),
        due_in(status, now),
        _last(status),
        console.paint(status.standing.value, _COLOUR[status.standing]),
    ]


def _installed(status: TargetStatus) -> str:
    from certpush.cli.receipts import short

    return f"({short(status.installed)})" if status.installed else "-"


def due_in(status: TargetStatus, now: datetime) -> str:
    """How long until it will be replaced."""
    from certpush.cli.receipts import left

    text = left(status.due, now)
    return "now" if text == "expired" else text


def waits(status: TargetStatus) -> tuple[str, ...]:
    """Until when nothing is tried on it after failures, for a person; nothing where it does not wait."""
    waiting = status.waiting
    if waiting is None:
        return ()
    last = safe(waiting.error.split("\n", 1)[0])
    return (f"waiting until {waiting.until:%m-%d %H:%M} UTC, because it failed {waiting.often}; the last time: {last}",)


def _last(status: TargetStatus) -> str:
    if status.last is None:
        return "never"
    when = status.last.finished or status.last.started
    return f"{status.last.outcome or status.last.phase} {when:%m-%d %H:%M}" if when else status.last.phase.value


def status_document(status: TargetStatus) -> dict[str, Any]:
    """How one target stands, for a machine; docs/output.md explains each field."""
    from certpush.cli.receipts import deployment_document, moment, served_document

    return {
        "target": status.target,
        "kind": status.kind,
        "standing": status.standing.value,
        "not_before": moment(status.not_before),
        "not_after": moment(status.not_after),
        "due": moment(status.due),
        "danger": moment(status.danger),
        "served": [served_document(one) for one in status.served],
        "installed": status.installed,
        "problems": list(status.problems),
        "last": deployment_document(status.last) if status.last else None,
        "waiting": _waiting_document(status.waiting) if status.waiting else None,
    }


def _waiting_document(waiting: Waiting) -> dict[str, Any]:
    from certpush.cli.receipts import moment

    return {"tries": waiting.tries, "until": moment(waiting.until), "error": waiting.error}
