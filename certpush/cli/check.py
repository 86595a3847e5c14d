"""certpush check: for monitoring. One line, and an exit code that says how bad it is; changes nothing."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from certpush.cli.console import Console, safe
from certpush.cli.exits import DANGER, IDENTITY, LOCKED, NOT_ROTATED, OK, SAFETY, STRANDED, USAGE, code_of, code_of_standing, worst
from certpush.errors import CertpushError, StateError

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from certpush.model import TargetStatus

# What monitoring systems call it; docs/monitoring.md maps the words to their own codes.
_WORDS = {
    OK: "OK",
    NOT_ROTATED: "WARNING",
    SAFETY: "WARNING",
    STRANDED: "CRITICAL",
    IDENTITY: "CRITICAL",
    DANGER: "CRITICAL",
    USAGE: "UNKNOWN",
    LOCKED: "UNKNOWN",
}
_NAMED = 5  # more than these are counted: it is one line


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="a target's name, a kind, or @tag; all targets when left out")
    parser.epilog = (
        "Exit codes: 0 well (also: due, the next run replaces it), 7 in danger or expired, 5 drifted, foreign,\n"
        "or the journal is damaged, 4 untrusted, 3 stranded, 1 not reached, or not deployed yet."
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Look, print one line, and give the worst code; also where the journal is damaged."""
    from certpush.kit.tls import utc_now

    try:
        statuses, damage, nobody = _looked(arguments)
    except CertpushError as error:
        console.result(f"{_WORDS[code_of(error)]} - {_one_line(error.message)}")
        raise
    now = utc_now()
    code = worst([*(code_of_standing(one.standing) for one in statuses), *([code_of(damage)] if damage else [])])
    text = f"{_WORDS[code]} - {_summary(statuses, damage, now) or nobody}"
    console.result(f"{text} | {_measured(statuses, now)}")
    _explain(console, statuses, damage)
    console.document |= {"state": _WORDS[code].lower(), "text": text, "targets": [_document(one) for one in statuses]}
    return code


def _looked(arguments: argparse.Namespace) -> tuple[list[TargetStatus], StateError | None, str]:
    """How all stand; why the journal is left aside, where it cannot be read; and why there might be none."""
    from certpush.cli.deploy import why_nobody_is_meant
    from certpush.cli.receipts import in_order
    from certpush.fleet.fleet import Fleet

    with Fleet.load(arguments.config) as fleet:
        try:
            return in_order(fleet.status(arguments.targets), fleet), None, why_nobody_is_meant(fleet)
        except StateError as damage:
            return in_order(fleet.status(arguments.targets, remembering=False), fleet), damage, why_nobody_is_meant(fleet)


def _summary(statuses: Sequence[TargetStatus], damage: StateError | None, now: datetime) -> str:
    bad = sorted((one for one in statuses if code_of_standing(one.standing)), key=lambda one: one.standing.rank)
    told = [_one_line(damage.message)] if damage else []
    if bad:
        named = ", ".join(f"{safe(one.target)} {one.standing}" for one in bad[:_NAMED])
        more = f" and {len(bad) - _NAMED} more" if len(bad) > _NAMED else ""
        told.append(f"{len(bad)} of {_counted(statuses)}: {named}{more}")
    elif statuses:
        told.append(_counted(statuses))
    return ", ".join([*told, *_first_end(statuses, now)]).replace("|", "/")


def _counted(statuses: Sequence[TargetStatus]) -> str:
    return "1 target" if len(statuses) == 1 else f"{len(statuses)} targets"


def _first_end(statuses: Sequence[TargetStatus], now: datetime) -> list[str]:
    from certpush.cli.receipts import left

    ends = [one.not_after for one in statuses if one.not_after]
    if not ends:
        return []
    return ["the first has ended" if min(ends) <= now else f"the first ends in {left(min(ends), now)}"]


def _measured(statuses: Sequence[TargetStatus], now: datetime) -> str:
    """Figures to draw: https://www.monitoring-plugins.org/doc/guidelines.html#AEN201."""
    bad = sum(1 for one in statuses if code_of_standing(one.standing))
    ends = [one.not_after for one in statuses if one.not_after]
    first = [f"first_end={int((min(ends) - now).total_seconds())}s"] if ends else []
    return " ".join([f"targets={len(statuses)}", f"bad={bad}", *first])


def _explain(console: Console, statuses: Sequence[TargetStatus], damage: StateError | None) -> None:
    """On the side, for a person who looks why."""
    if damage and damage.hint:
        console.note(f"journal: {safe(damage.hint)}")
    for one in statuses:
        for problem in one.problems if code_of_standing(one.standing) else ():
            console.note(f"{safe(one.target)}: {_one_line(problem)}")


def _one_line(text: str) -> str:
    return safe("; ".join(text.split("\n"))).replace("|", "/")


def _document(status: TargetStatus) -> dict[str, object]:
    from certpush.cli.receipts import moment

    return {
        "target": status.target,
        "standing": status.standing.value,
        "exit": code_of_standing(status.standing),
        "not_after": moment(status.not_after),
        "due": moment(status.due),
        "problems": list(status.problems),
    }
