"""certpush doctor: every check of the CA and of each target; each finding ends with its fix."""

from __future__ import annotations

import argparse
from collections import Counter
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from certpush.cli.console import Console
    from certpush.model import Finding

_COLOUR = {"ok": "green", "info": "dim", "warning": "yellow", "error": "red"}


def configure(parser: argparse.ArgumentParser) -> None:
    """The options of this command."""
    parser.add_argument("targets", nargs="*", metavar="TARGET", help="a target's name, a kind, or @tag; all targets when left out")
    parser.epilog = "Changes nothing. Exit code 1 when a check found an error, 0 when there are warnings at most."


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Check, and show each finding as it comes."""
    from certpush.cli.exits import NOT_ROTATED, OK
    from certpush.cli.receipts import finding_document
    from certpush.fleet.fleet import Fleet

    seen: Counter[str] = Counter()
    findings = console.document["findings"] = []
    before = ""
    with Fleet.load(arguments.config) as fleet:
        for where, finding in fleet.doctor(arguments.targets):
            if where != before:
                _heading(console, where, first=not before)
                before = where
            _show(console, finding)
            seen[finding.severity] += 1
            findings.append({"where": where, **finding_document(finding)})
    _sum_up(console, seen)
    return NOT_ROTATED if seen["error"] else OK


def _heading(console: Console, where: str, *, first: bool) -> None:
    from certpush.cli.console import safe

    if not first:
        console.line()
    console.line(console.paint(safe(where), "bold"))


def _show(console: Console, finding: Finding) -> None:
    from certpush.cli.console import safe

    bad = finding.severity in ("warning", "error")
    show = console.result if bad else console.line
    show(f"  {console.paint(f'{finding.severity:<7}', _COLOUR[finding.severity])}  {safe(finding.message)}")
    if bad and finding.hint:
        show(f"           {console.paint('->', 'cyan')} {safe(finding.hint)}")


def _sum_up(console: Console, seen: Counter[str]) -> None:
    console.line()
    if seen["error"] or seen["warning"]:
        counts = ", ".join(_counted(seen[what], what) for what in ("error", "warning") if seen[what])
        console.line(console.paint(f"{counts}; {seen['ok']} checks passed", "red" if seen["error"] else "yellow"))
    else:
        console.line(console.paint(f"all {seen['ok']} checks passed", "green"))


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
