"""What was told and what is still to be told: pure, and small enough to be remembered from run to run.

A target is well, or has troubles. Each trouble is told once, until the target is well again;
that is told once, too, and only to who heard of the trouble. What could not be sent waits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from datetime import timedelta

import msgspec

from certpush import Event, Outcome, Receipt
from certpush.errors import IssuerError
from certpush_notify.settings import OCCASIONS, Occasion

_SAME_OUTAGE = timedelta(days=1)
_LONGEST = 600  # letters of an error; more would be no message any more


class News(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a person is to hear of one target. ``ends`` is when its certificate does; moments are seconds since 1970."""

    occasion: Occasion
    target: str
    at: float
    text: str = ""
    hint: str = ""
    ends: float | None = None
    danger: bool = False


class Standing(msgspec.Struct, omit_defaults=True):
    """What was told of one target since it was well."""

    troubles: list[str] = msgspec.field(default_factory=list)
    danger_told: float | None = None
    heard: bool = False
    """Whether a person heard of it, so that its end is news."""


class Ledger(msgspec.Struct):
    """Of every target that is not well: what was told. And the news that nobody has got yet."""

    targets: dict[str, Standing] = msgspec.field(default_factory=dict)
    unsent: dict[str, News] = msgspec.field(default_factory=dict)
    outages: dict[str, float] = msgspec.field(default_factory=dict)
    """What the CA said to the first targets that could not be renewed, and when: to the others it says the same."""

    def take(self, events: Iterable[Event], *, danger_every: timedelta, on: Collection[Occasion]) -> None:
        """Take note of how the targets of one run ended, and put what is news to ``unsent``."""
        told_before = dict(self.outages)  # of one run all targets are told, together
        for event in events:
            if event.receipt is not None:
                happened = self._happened(event, event.receipt, danger_every, told_before)
                occasion = next((one for one in OCCASIONS if one in happened and one in on), None)
                if occasion is not None:
                    self.unsent[event.target] = _news(occasion, event, event.receipt)

    def forget(self, configured: Collection[str]) -> None:
        """Drop what is not configured any more."""
        for known in (self.targets, self.unsent):
            for name in [one for one in known if one.partition("/")[0] not in configured]:
                known.pop(name)

    def sent(self) -> None:
        """Everything unsent has been heard now."""
        for name, news in self.unsent.items():
            if news.occasion != "recovery":
                self.targets.setdefault(name, Standing()).heard = True
        self.unsent.clear()

    def _happened(self, event: Event, receipt: Receipt, danger_every: timedelta, told_before: Mapping[str, float]) -> set[Occasion]:
        standing = self.targets.setdefault(event.target, Standing())
        happened: set[Occasion] = set()
        if receipt.failed:
            happened |= self._failed(standing, receipt, event, told_before)
        if _danger_is_news(standing, event, danger_every):
            happened.add("danger")
        if not receipt.failed and not receipt.skipped and not event.in_danger:
            happened |= self._well(event.target, receipt)
        if self.targets.get(event.target) == Standing():
            del self.targets[event.target]
        return happened

    def _failed(self, standing: Standing, receipt: Receipt, event: Event, told_before: Mapping[str, float]) -> set[Occasion]:
        trouble = "stranded" if receipt.outcome is Outcome.STRANDED else type(receipt.error).__name__
        if trouble in standing.troubles:
            return set()
        standing.troubles.append(trouble)
        if trouble == "stranded":
            return {"stranded"}
        return set() if self._is_the_same_outage(receipt, event.at.timestamp(), told_before) else {"failure"}

    def _is_the_same_outage(self, receipt: Receipt, now: float, told_before: Mapping[str, float]) -> bool:
        """Whether the CA's answer was told today already: with a thousand targets coming due by and by, once is enough."""
        if not isinstance(receipt.error, IssuerError):
            return False
        said = f"{type(receipt.error).__name__}: {receipt.error.message[:_LONGEST]}"
        if _is_within(told_before.get(said), now, _SAME_OUTAGE):
            return True
        self.outages[said] = now
        return False

    def _well(self, name: str, receipt: Receipt) -> set[Occasion]:
        if receipt.outcome is Outcome.ROTATED:
            self.outages.clear()  # the CA answers again
        self.unsent.pop(name, None)
        return {"recovery"} if self.targets.pop(name).heard else set()


def _danger_is_news(standing: Standing, event: Event, every: timedelta) -> bool:
    if not event.in_danger:
        if event.validity is not None:
            standing.danger_told = None
        return False
    now = event.at.timestamp()
    if _is_within(standing.danger_told, now, every):
        return False
    standing.danger_told = now
    return True


def _is_within(told: float | None, now: float, length: timedelta) -> bool:
    """Whether it was told so short a time ago; a clock that was ahead then counts for nothing."""
    return told is not None and 0 <= now - told < length.total_seconds()


def _news(occasion: Occasion, event: Event, receipt: Receipt) -> News:
    error, life = receipt.error, event.validity
    said = error.message.removeprefix("STRANDED: ").removeprefix(f"{event.target}: ") if error else ""
    return News(
        occasion=occasion,
        target=event.target,
        at=event.at.timestamp(),
        text=said[:_LONGEST],
        hint=error.hint[:_LONGEST] if error else "",
        ends=life.not_after.timestamp() if life else None,
        danger=event.in_danger,
    )
