"""The life of a certificate as a picture: "now" stands at the same place in each, and a whole lifetime has the same width in each.

So what is left can be compared at a glance, be it of a day or of a year: the further a bar
reaches to the right, the better.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from xml.etree.ElementTree import Element

from certpush.cli.status.markup import node
from certpush.model import Deployment, Outcome, TargetStatus
from certpush.records import record

NOW = 60.0
"""Where "now" stands, in per cent of the width."""
_AHEAD = 36.0  # the width of one lifetime: what was just issued ends shortly before the edge
_HEIGHT, _MIDDLE = 30, 15
_LEAST = 0.6  # per cent: what lasts shorter is drawn so wide, to be seen


@record(frozen=True, slots=True)
class Life:
    """What is drawn: the certificate that is there, or (``seen`` False) the last one that is known of."""

    begins: datetime
    ends: datetime
    due: datetime | None = None
    danger: datetime | None = None
    seen: bool = True

    @classmethod
    def of(cls, status: TargetStatus, past: Sequence[Deployment]) -> Life | None:
        """The life of what was seen; else of what was deployed last, as far as that is known."""
        if status.not_before and status.not_after and status.not_after > status.not_before:
            return cls(status.not_before, status.not_after, status.due, status.danger)
        for one in past:
            began = one.finished or one.started
            if one.outcome is Outcome.ROTATED and began and one.not_after and one.not_after > began:
                return cls(began, one.not_after, seen=False)
        return None


@record(frozen=True, slots=True)
class _Scale:
    now: datetime
    lifetime: timedelta

    def at(self, when: datetime) -> float:
        """Where a moment stands, in per cent; what is beyond an edge stands at it."""
        return min(100.0, max(0.0, NOW + _AHEAD * ((when - self.now) / self.lifetime)))


def timeline(status: TargetStatus, past: Sequence[Deployment], now: datetime, number: int) -> Element | None:
    """The picture, with its title and its description; None where nothing is known. ``number`` keeps it apart from the others."""
    life = Life.of(status, past)
    if life is None:
        return None
    scale = _Scale(now, life.ends - life.begins)
    former = list(_former(past, life))
    failed = [one for one in past if one.outcome in (Outcome.ROLLED_BACK, Outcome.STRANDED) and one.error and one.finished]
    drawn = [
        *(_bar(scale, begins, ends, "former", 8) for begins, ends in former),
        *_current(scale, life),
        *(_cross(scale.at(one.finished)) for one in failed if one.finished and scale.at(one.finished) > 0),
    ]
    title, description = f"t{number}", f"d{number}"
    return node(
        "svg",
        node("title", f"Lifetime of {status.target}", id=title),
        node("desc", _in_words(life, now, len(former), len(failed)), id=description),
        *drawn,
        class_="life", width="100%", height=_HEIGHT, role="img", aria_labelledby=f"{title} {description}",
    )  # fmt: skip


def _former(past: Sequence[Deployment], life: Life) -> Iterator[tuple[datetime, datetime]]:
    """When each earlier certificate was there, the newest first."""
    until = life.begins
    for one in past:
        began = one.finished or one.started
        if one.outcome is Outcome.ROTATED and began and began < until - timedelta(minutes=5):  # certificates are dated back a little
            yield began, min(until, one.not_after or until)
            until = began


def _current(scale: _Scale, life: Life) -> Iterator[Element]:
    """What is spent, what is left until it is due, until it is dangerous, and until the end; then the marks."""
    if not life.seen:
        yield _bar(scale, life.begins, life.ends, "remembered", 10)
        return
    due = life.due or life.ends
    danger = life.danger or life.ends
    yield _bar(scale, life.begins, min(scale.now, life.ends), "spent" if life.due else "former", 10)
    yield _bar(scale, max(life.begins, scale.now), due, "fresh" if life.due else "theirs", 10)
    yield _bar(scale, max(due, scale.now), danger, "time", 10)
    yield _bar(scale, max(danger, scale.now), life.ends, "danger", 10)
    if life.due:
        yield _stroke(scale.at(due), 5, 25, "due")
    yield _stroke(scale.at(life.ends), 7, 23, "end")


def _bar(scale: _Scale, begins: datetime, ends: datetime, kind: str, height: int) -> Element:
    left, right = scale.at(begins), scale.at(ends)
    if ends <= begins or right <= 0 or left >= 100:
        return node("g")
    width = max(right - left, _LEAST)
    return node("rect", class_=kind, x=_percent(left), width=_percent(width), y=_MIDDLE - height // 2, height=height)


def _stroke(at: float, top: int, bottom: int, kind: str) -> Element:
    return node("line", class_=kind, x1=_percent(at), x2=_percent(at), y1=top, y2=bottom)


def _cross(at: float) -> Element:
    """An attempt that failed."""
    return node("svg", node("path", d="M-3.5 -3.5 3.5 3.5M3.5 -3.5 -3.5 3.5"), class_="failed", x=_percent(at), y=4, overflow="visible")


def _percent(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".") + "%"


def _in_words(life: Life, now: datetime, former: int, failed: int) -> str:
    parts = [
        f"issued {_utc(life.begins)}" if life.seen else f"deployed {_utc(life.begins)}, not seen now",
        f"now {_utc(now)}",
        f"due {_utc(life.due)}" if life.due else "",
        f"in danger from {_utc(life.danger)}" if life.danger else "",
        f"ends {_utc(life.ends)}",
        f"earlier certificates shown: {former}" if former else "",
        f"attempts that failed: {failed}" if failed else "",
    ]
    return "; ".join(part for part in parts if part)


def _utc(when: datetime) -> str:
    return f"{when.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
