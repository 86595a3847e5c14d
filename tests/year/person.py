"""Who is told: remembers what they heard, and says when that is too little, too much, or the same again."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from certpush.errors import IssuerError
from certpush.model import Event, Outcome
from certpush_notify.ledger import News
from certpush_notify.message import Message

_DANGER_EVERY = timedelta(hours=24)


@dataclass
class Person:
    """Stands at the end of a ``notify`` observer's way."""

    where: str = "a person"
    counts: Counter[str] = field(default_factory=Counter)
    _unread: list[News] = field(default_factory=list)
    _troubles: dict[str, set[str]] = field(default_factory=dict)
    """Of each target that is not well: what has gone wrong since it was."""
    _waits_for_the_end: set[str] = field(default_factory=set)
    _danger_told: dict[str, datetime] = field(default_factory=dict)

    def send(self, message: Message) -> None:
        """As a way of ``certpush_notify.ways``."""
        self._unread += message.news

    def reads(self, ended: list[Event]) -> None:
        """After a run: hold what was told up to what happened."""
        news = {one.target: one for one in self._unread}
        assert len(news) == len(self._unread), "two messages of one target in one run"
        self._unread.clear()
        for event in ended:
            self._hear(event, news.pop(event.target, None))
        assert not news, f"told of what did not happen: {news}"

    def _hear(self, event: Event, news: News | None) -> None:
        receipt, name, told = event.receipt, event.target, news.occasion if news else ""
        assert receipt is not None
        self.counts[told or "nothing"] += 1
        if told == "danger":
            assert event.in_danger, f"{name}: told of a danger that is none"
            before = self._danger_told.get(name, event.at - _DANGER_EVERY)
            since = event.at - before
            assert since < timedelta(0) or since >= _DANGER_EVERY or _ended_between(event, before), (
                f"{name}: told of its danger twice within a day"
            )
            self._danger_told[name] = event.at
        if event.in_danger and told == "stranded":
            self._told_in_passing(event)
        elif event.in_danger:
            assert event.at - self._danger_told.get(name, event.at - 2 * _DANGER_EVERY) < _DANGER_EVERY, f"{name}: not told of its danger"
        if receipt.failed:
            self._hear_of_failure(event, told)
        elif not receipt.skipped and not event.in_danger:
            self._hear_of_recovery(name, told)
        else:
            assert told in ("", "danger")
        if told in ("failure", "stranded", "danger"):
            self._waits_for_the_end.add(name)

    def _told_in_passing(self, event: Event) -> None:
        """Of a danger whose day is over they hear with what is worse."""
        since = event.at - self._danger_told.get(event.target, event.at - _DANGER_EVERY)
        if since < timedelta(0) or since >= _DANGER_EVERY:
            self._danger_told[event.target] = event.at

    def _hear_of_failure(self, event: Event, told: str) -> None:
        receipt, name = event.receipt, event.target
        assert receipt is not None
        trouble = "stranded" if receipt.outcome is Outcome.STRANDED else type(receipt.error).__name__
        known = self._troubles.setdefault(name, set())
        if trouble in known:
            assert told in ("", "danger"), f"{name}: told twice of {trouble}"
        elif not isinstance(receipt.error, IssuerError):  # a CA's outage is told once for all targets
            assert told in ("failure", "stranded", "danger"), f"{name}: not told of {trouble}"
        known.add(trouble)

    def _hear_of_recovery(self, name: str, told: str) -> None:
        waited = name in self._waits_for_the_end
        assert told == ("recovery" if waited else ""), f"{name}: {told or 'nothing'} was told of its being well again"
        self._waits_for_the_end.discard(name)
        self._troubles.pop(name, None)
        self._danger_told.pop(name, None)

    def knows_that_all_is_well(self) -> bool:
        """Whether they heard of an end of each trouble that they heard of."""
        return not self._waits_for_the_end


def _ended_between(event: Event, before: datetime) -> bool:
    """Whether the certificate ended since they were told of its danger: that is news of its own."""
    return event.validity is not None and before < event.validity.not_after <= event.at
