"""The report card: how each obligation stands, over all cases of a kind."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from certpush.cli.console import Console, safe
from certpush.records import record
from certpush.testing.conformance.events import Asked, Ended, Verdict

_COLOUR = {Verdict.PASSED: "green", Verdict.FAILED: "red", Verdict.NOT_TRIED: "yellow", Verdict.NOT_CLAIMED: "dim"}
_TELLING_FIRST = (Verdict.FAILED, Verdict.PASSED, Verdict.NOT_TRIED, Verdict.NOT_CLAIMED)
_NO_CASE = "no case of this kind tries it"


@record(frozen=True)
class Line:
    """One obligation."""

    test: str
    title: str
    reason: str
    tried: tuple[Ended, ...]

    @property
    def verdict(self) -> Verdict:
        """Failed in one case is failed; what one case shows need not be shown by the others."""
        found = {one.verdict for one in self.tried}
        return next((one for one in _TELLING_FIRST if one in found), Verdict.NOT_TRIED)

    @property
    def kept(self) -> bool:
        """Whether nothing is open."""
        return self.verdict in (Verdict.PASSED, Verdict.NOT_CLAIMED)

    @property
    def why(self) -> str:
        """The first reason for the verdict."""
        return self._telling.why if self.tried else _NO_CASE

    @property
    def where(self) -> str:
        """Where it was broken, where it was."""
        if self.verdict is not Verdict.FAILED:
            return ""
        return f"{self._telling.case}, {self._telling.variant}" if self._telling.variant else self._telling.case

    @property
    def _telling(self) -> Ended:
        return next(one for one in self.tried if one.verdict is self.verdict)


def lines_of(asked: Asked, ended: Sequence[Ended]) -> tuple[Line, ...]:
    """Every obligation that there is, with what was tried of it."""
    return tuple(Line(test, title, why, tuple(one for one in ended if one.test == test)) for test, title, why in asked.obligations)


def show(console: Console, asked: Asked, lines: Sequence[Line]) -> None:
    """Print the card; with -q only what is not kept."""
    shown = [one for one in lines if not console.quiet or not one.kept]
    console.line()
    first = first_of_each_cause(lines)
    console.table(("obligation", "verdict", "why"), [_row(console, one, first) for one in shown])
    console.line()
    if not console.quiet:
        console.table(("tried on", ""), [[console.paint(safe(one.name), "bold"), safe(one.about)] for one in asked.cases])
    console.line()


def first_of_each_cause(lines: Sequence[Line]) -> dict[str, Line]:
    """The first obligation that failed for each reason: one mistake may break them all, and is told once."""
    return {one.why: one for one in reversed(lines) if one.verdict is Verdict.FAILED}


def _row(console: Console, line: Line, first: Mapping[str, Line]) -> list[str]:
    why = f"{line.where}: {line.why}" if line.where else line.why
    known = first.get(line.why, line) if line.verdict is Verdict.FAILED else line
    if known is not line:
        why = f'as "{known.title}"'
    return [line.title, console.paint(line.verdict, _COLOUR[line.verdict]), safe(why)]


def commonest_cause(lines: Sequence[Line]) -> str:
    """In words, where several obligations failed for one reason; empty where each has its own."""
    failed = [one for one in lines if one.verdict is Verdict.FAILED]
    why, number = Counter(one.why for one in failed).most_common(1)[0] if failed else ("", 0)
    if number < 2:
        return ""
    return f'{number} of the {len(failed)} that failed have one cause, that of "{first_of_each_cause(lines)[why].title}": mend it first'


def summary(lines: Sequence[Line]) -> str:
    """How many of each."""
    counts = ((sum(1 for one in lines if one.verdict == word), word) for word in _COLOUR)
    return f"{len(lines)} obligations: " + ", ".join(f"{number} {word}" for number, word in counts if number)


def conforms(lines: Sequence[Line]) -> bool:
    """Whether each is kept, or not claimed."""
    return all(one.kept for one in lines)


def document(asked: Asked, lines: Sequence[Line]) -> dict[str, Any]:
    """The card for a machine."""
    return {
        "conforms": conforms(lines),
        "cases": [{"case": one.name, "about": one.about} for one in asked.cases],
        "obligations": [
            {
                "obligation": one.test.removeprefix("test_"),
                "reason": one.reason,
                "verdict": str(one.verdict),
                "why": one.why,
                "tried": [*_tried(one.tried)],
            }
            for one in lines
        ],
    }


def _tried(ended: Sequence[Ended]) -> Iterator[dict[str, Any]]:
    for one in ended:
        yield {
            "case": one.case,
            "variant": one.variant or None,
            "verdict": str(one.verdict),
            "why": one.why,
            "seconds": one.seconds,
        }
