"""News as a message for a person: what, where, until when the old certificate lasts, what to do next. Pure."""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from certpush.kit.command import escaped
from certpush.kit.settings import format_duration
from certpush_notify.ledger import News

_WORDS = {"stranded": "STRANDED", "expired": "EXPIRED", "danger": "in danger", "failure": "failed", "recovery": "recovered"}
_SEVERITY = {"stranded": "critical", "danger": "critical", "failure": "warning", "recovery": "info"}
_NAMES_SHOWN = 5
_LONGEST = 1700
"""Letters of a message, with some room: Discord takes 2,000. What is left out is counted."""


@dataclass(frozen=True, slots=True)
class Message:
    """What is sent; ``severity`` is critical, warning or info."""

    title: str
    text: str
    severity: str
    news: tuple[News, ...] = ()

    @property
    def key(self) -> str:
        """The same for the same news, however often they are sent; empty where there are none."""
        told = "\n".join(f"{one.target} {one.occasion} {one.at}" for one in self.news)
        return hashlib.sha256(told.encode()).hexdigest()[:32] if told else ""


def message_of(news: Iterable[News], *, host: str, now: datetime) -> Message:
    """One message for all that is news; targets that say the same are told together."""
    order = list(_WORDS)
    ordered = sorted(news, key=lambda one: (order.index(_state(one)), one.target))
    counts = Counter(map(_state, ordered))
    title = ", ".join(f"{counts[one]} {word}" for one, word in _WORDS.items() if counts[one])
    severity = next((_SEVERITY[one.occasion] for one in ordered), "info")
    if severity == "warning" and any(one.danger for one in ordered):
        severity = "critical"
    return Message(f"certpush on {escaped(host)}: {title}", _text(_groups(ordered), now), severity, tuple(ordered))


def test_message(*, host: str) -> Message:
    """What somebody gets who only tries the way to them."""
    return Message(
        f"certpush on {escaped(host)}: test",
        "This is a test: messages of certpush arrive here. Nothing is wrong, and nothing is to be done.",
        "info",
    )


def _state(news: News) -> str:
    """The word for it: a danger whose certificate has ended is no mere danger any more."""
    return "expired" if news.occasion == "danger" and news.expired else news.occasion


def _groups(news: Sequence[News]) -> list[list[News]]:
    """Those that say the same, the worst first."""
    alike: defaultdict[tuple[str, str, str], list[News]] = defaultdict(list)
    for one in news:
        alike[_state(one), one.text, one.hint].append(one)
    return [*alike.values()]


def _text(groups: Sequence[Sequence[News]], now: datetime) -> str:
    parts: list[str] = []
    room = _LONGEST
    for number, group in enumerate(groups):
        part = _part(group, now)
        if len(part) > room:
            left = sum(len(one) for one in groups[number:])
            parts.append(f"... and {left} more: `certpush status` and `certpush history` tell all of it")
            break
        parts.append(part)
        room -= len(part) + 2
    return "\n\n".join(parts)


def _part(group: Sequence[News], now: datetime) -> str:
    first = group[0]
    lines = [f"{_WORDS[_state(first)]}: {_names(group)}"]
    if first.text:
        lines.append(f"  {_indented(first.text)}")
    if first.hint:
        lines.append(f"  next: {_indented(first.hint)}")
    elif first.occasion in ("danger", "stranded"):
        lines.append("  next: `certpush doctor` says what keeps it from being renewed; then `certpush deploy`")
    soonest = min((one for one in group if one.ends is not None), key=lambda one: one.ends or 0.0, default=None)
    if soonest is not None and soonest.ends is not None:
        lines.append(f"  {_lasts(soonest, datetime.fromtimestamp(soonest.ends, UTC), now, several=len(group) > 1)}")
    return "\n".join(lines)


def _names(group: Sequence[News]) -> str:
    names = [escaped(one.target) for one in group]
    if len(names) == 1:
        return names[0]
    more = f" and {len(names) - _NAMES_SHOWN} more" if len(names) > _NAMES_SHOWN else ""
    return f"{len(names)} targets ({', '.join(names[:_NAMES_SHOWN])}{more})"


def _lasts(news: News, ends: datetime, now: datetime, *, several: bool) -> str:
    whose = f"the first of their certificates ({escaped(news.target)})" if several else "the certificate there"
    when = f"{ends:%Y-%m-%d %H:%M} UTC"
    if now >= ends:
        return f"{whose} ended {when}"
    return f"{whose} lasts until {when}, {_roughly(ends - now)} from now"


def _roughly(length: timedelta) -> str:
    """Two days and more in days, two hours and more in hours, else in minutes."""
    seconds = int(length.total_seconds())
    unit = 86400 if seconds >= 2 * 86400 else 3600 if seconds >= 2 * 3600 else 60
    return format_duration(timedelta(seconds=max(unit, seconds - seconds % unit)))


def _indented(text: str) -> str:
    return "\n    ".join(escaped(line) for line in text.split("\n"))
