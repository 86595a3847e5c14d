"""One target on the page: how it stands, in words and a picture, and what happened last."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from xml.etree.ElementTree import Element

from certpush.cli.receipts import left, short
from certpush.cli.status.markup import moment, node, several_lines
from certpush.cli.status.timeline import timeline
from certpush.model import Deployment, Outcome, Standing, TargetStatus

_WORDS = {
    Standing.STRANDED: ("bad", "!", "Stranded"),
    Standing.EXPIRED: ("bad", "\N{MULTIPLICATION SIGN}", "Expired"),
    Standing.UNTRUSTED: ("bad", "!", "Untrusted"),
    Standing.DANGER: ("bad", "!", "In danger"),
    Standing.DRIFTED: ("warn", "\N{NOT EQUAL TO}", "Drifted"),
    Standing.FOREIGN: ("warn", "\N{NOT EQUAL TO}", "Foreign"),
    Standing.UNREACHABLE: ("warn", "?", "Unreachable"),
    Standing.LOGIN_REFUSED: ("warn", "?", "Login refused"),
    Standing.UNKNOWN: ("warn", "?", "Unknown"),
    Standing.NEW: ("warn", "+", "New"),
    Standing.DUE: ("good", "\N{CLOCKWISE OPEN CIRCLE ARROW}", "Due"),
    Standing.OK: ("good", "\N{CHECK MARK}", "OK"),
}
_MEANS = {
    Standing.STRANDED: "A switch went wrong and could not be taken back: a person is needed.",
    Standing.EXPIRED: "What is served has expired.",
    Standing.DANGER: "Too little of its lifetime is left: it should have been replaced.",
    Standing.DRIFTED: "Not what was deployed last is served.",
    Standing.FOREIGN: "Somebody else's certificate is there, and certpush never deployed here.",
    Standing.NEW: "Nothing was deployed here yet.",
}
_OUTCOMES = {Outcome.ROTATED: "Rotated", Outcome.ROLLED_BACK: "Rolled back", Outcome.STRANDED: "Stranded"}
_LONGEST = 300  # letters of a problem: a page of a server's answer helps nobody


def entry(status: TargetStatus, past: Sequence[Deployment], now: datetime, number: int) -> Element:
    """The row of one target."""
    kind, sign, word = _WORDS[status.standing]
    cells = (
        node("th", node("span", status.target, class_="name"), _about(status), scope="row", role="rowheader", class_="target"),
        _cell("standing", node("span", node("i", sign, aria_hidden="true"), word, class_=f"badge {kind}")),
        _cell("lifetime", *_lifetime(status, past, now, number)),
        _cell("left", *_left(status, now)),
        _cell("last", *_last(status, now)),
        _cell("wrong", *_wrong(status, now)),
    )
    return node("tr", *cells, role="row", class_=kind)


def _cell(name: str, *content: Element | str) -> Element:
    return node("td", *content, class_=name, role="cell")


def _about(status: TargetStatus) -> Element:
    fingerprint = status.served[0].fingerprint if status.served else status.installed
    shown = node("code", short(fingerprint), title=fingerprint) if fingerprint else None
    return node("span", f"{status.kind} " if shown is not None else status.kind, shown, class_="about")


def _lifetime(status: TargetStatus, past: Sequence[Deployment], now: datetime, number: int) -> Iterator[Element | str]:
    drawn = timeline(status, past, now, number)
    if drawn is None:
        yield node("span", "nothing known yet", class_="dim nothing")
        return
    yield drawn
    if status.not_before and status.not_after:
        begins, ends = moment(status.not_before, now), moment(status.not_after, now)
        yield node("span", begins, " \N{RIGHTWARDS ARROW} ", ends, class_="span")
    else:
        yield node("span", "not seen now; drawn as the journal knows it", class_="span")


def _left(status: TargetStatus, now: datetime) -> Iterator[Element]:
    if status.not_after is None:
        yield node("span", "\N{EN DASH}", class_="dim", aria_label="not known")
        return
    little = status.standing in (Standing.DANGER, Standing.EXPIRED)
    yield node("span", left(status.not_after, now), class_="much little" if little else "much")
    if status.due is not None:
        when = left(status.due, now)
        yield node("span", "due now" if when == "expired" else f"due in {when}", class_="about")


def _last(status: TargetStatus, now: datetime) -> Iterator[Element]:
    last = status.last
    if last is None:
        yield node("span", "never", class_="dim")
        return
    when = last.finished or last.started
    word = _OUTCOMES.get(last.outcome, last.outcome.value) if last.outcome else f"Unfinished ({last.phase})"
    yield node("span", f"{word} ", moment(when, now, class_="dim") if when else None, class_="outcome")
    reason = last.error or last.why
    if reason:
        yield node("span", _cut(reason.split("\n", 1)[0]), class_="about")


def _wrong(status: TargetStatus, now: datetime) -> Iterator[Element]:
    means = _MEANS.get(status.standing)
    if means:
        yield node("p", means)
    for problem in status.problems:
        yield several_lines("p", _cut(problem))
    if status.waiting:
        failed = f", because it failed {status.waiting.often}; the last time: "
        last = _cut(status.waiting.error.split("\n", 1)[0])
        yield node("p", "Waiting until ", moment(status.waiting.until, now), failed, last)


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}\N{HORIZONTAL ELLIPSIS}"
