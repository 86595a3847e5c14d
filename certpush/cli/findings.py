"""What checks found, as lines for a person and as objects for a machine: every problem ends with its fix."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from certpush.cli.console import Console, indented, safe
from certpush.cli.receipts import finding_document

if TYPE_CHECKING:
    from certpush.model import Finding

_COLOUR = {"ok": "green", "info": "dim", "warning": "yellow", "error": "red"}


def show_findings(console: Console, found: Iterable[tuple[str, Finding]]) -> Counter[str]:
    """Show each finding as it comes, under the place that it belongs to, and sum up; gives how many there are of each severity."""
    seen: Counter[str] = Counter()
    documents = console.document["findings"] = []
    before = ""
    for where, finding in found:
        if where != before:
            _heading(console, where, first=not before)
            before = where
        show_finding(console, finding)
        seen[finding.severity] += 1
        documents.append({"where": where, **finding_document(finding)})
    _sum_up(console, seen)
    return seen


def _heading(console: Console, where: str, *, first: bool) -> None:
    if not first:
        console.line()
    console.line(console.paint(safe(where), "bold"))


def show_finding(console: Console, finding: Finding) -> None:
    """Show one; what is bad is shown even with -q, and ends with its fix."""
    bad = finding.severity in ("warning", "error")
    show = console.result if bad else console.line
    show(f"  {console.paint(f'{finding.severity:<7}', _COLOUR[finding.severity])}  {indented(finding.message, 11)}")
    if bad and finding.hint:
        show(f"           {console.paint('->', 'cyan')} {indented(finding.hint, 14)}")


def _sum_up(console: Console, seen: Counter[str]) -> None:
    console.line()
    if seen["error"] or seen["warning"]:
        counts = ", ".join(_counted(seen[what], what) for what in ("error", "warning") if seen[what])
        console.line(console.paint(f"{counts}; {seen['ok']} checks passed", "red" if seen["error"] else "yellow"))
    else:
        console.line(console.paint(f"all {seen['ok']} checks passed", "green"))


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
