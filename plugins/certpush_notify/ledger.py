"""What was told and what is still to be told: pure, and small enough to be remembered from run to run.

A target is well, or has troubles. Each trouble is told once, until the target is well again;
that is told once, too, and only to who heard of the trouble. What could not be sent waits.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

import msgspec

from certpush import Event, Outcome, Receipt
from certpush.errors import IssuerError
from certpush_notify.recovery import Proof, proof_given, proof_needed
from certpush_notify.settings import OCCASIONS, Occasion

_SAME_OUTAGE = timedelta(days=1)
_LONGEST = 600  # letters of an error; more would be no message any more


@dataclass(frozen=True, slots=True)
class Heard:
    """One run: what was asked for, from when until when, and what was heard of it."""

    command: str
    begun: datetime
    ended: datetime
    events: tuple[Event, ...]

    def is_older(self, event: Event, told: float | None) -> bool:
        """Whether another run told what it saw of this target later.

        A look is as old as its run. What a clock told that was ahead counts for nothing.
        """
        changed = event.receipt is not None and event.receipt.deployment is not None
        since = event.at if changed else self.begun
        return told is not None and since.timestamp() < told <= self.ended.timestamp()


class News(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a person is to hear of one target. ``ends`` is when its certificate does; moments are seconds since 1970."""

    occasion: Occasion
    target: str
    at: float
    text: str = ""
    hint: str = ""
    ends: float | None = None
    danger: bool = False

    @property
    def expired(self) -> bool:
        """Whether the certificate had ended: what was a danger is an outage now."""
        return self.ends is not None and self.at >= self.ends


class Standing(msgspec.Struct, omit_defaults=True):
    """What was told of one target since it was well."""

    troubles: list[str] = msgspec.field(default_factory=list)
    danger_told: float | None = None
    heard: bool = False
    """Whether a person heard of it, so that its end is news."""
    ends_with: Proof = Proof.LOOK
    """What has to be seen to work, for what failed last to be over."""
    expiry_told: bool = False


class Ledger(msgspec.Struct):
    """Of every target that is not well: what was told. And the news that nobody has got yet."""

    targets: dict[str, Standing] = msgspec.field(default_factory=dict)
    unsent: dict[str, News] = msgspec.field(default_factory=dict)
    outages: dict[str, float] = msgspec.field(default_factory=dict)
    """What the CA said to the first targets that could not be renewed, and when: to the others it says the same."""
    told: dict[str, float] = msgspec.field(default_factory=dict)
    """From when the news are that were told last of each target."""

    def take(self, heard: Heard, *, danger_every: timedelta, on: Collection[Occasion]) -> None:
        """Take note of how the targets of one run ended, and put what is news to ``unsent``."""
        told_before = dict(self.outages)  # of one run all targets are told, together
        for event in heard.events:
            if event.receipt is not None and not heard.is_older(event, self.told.get(event.target)):
                happened = self._happened(event, event.receipt, heard.command, danger_every, told_before)
                occasion = next((one for one in OCCASIONS if one in happened and one in on), None)
                if occasion is not None:
                    self.unsent[event.target] = _news(occasion, event, event.receipt)

    def forget(self, configured: Collection[str]) -> None:
        """Drop what is not configured any more."""
        for known in (self.targets, self.unsent, self.told):
            for name in [one for one in known if one.partition("/")[0] not in configured]:
                known.pop(name)

    def sent(self) -> None:
        """Everything unsent has been heard now."""
        for name, news in self.unsent.items():
            self.told[name] = news.at
            if news.occasion != "recovery":
                self.targets.setdefault(name, Standing()).heard = True
        self.unsent.clear()

    def _happened(
        self, event: Event, receipt: Receipt, command: str, danger_every: timedelta, told_before: Mapping[str, float]
    ) -> set[Occasion]:
        standing = self.targets.setdefault(event.target, Standing())
        happened: set[Occasion] = set()
        if receipt.failed:
            standing.ends_with = proof_needed(receipt, command)
            happened |= self._failed(standing, receipt, event, told_before)
        if _danger_is_news(standing, event, danger_every):
            happened.add("danger")
        if not receipt.failed and not receipt.skipped and not event.in_danger:
            happened |= self._no_failure(standing, event.target, receipt, command)
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

    def _no_failure(self, standing: Standing, name: str, receipt: Receipt, command: str) -> set[Occasion]:
        """Recovery, if what failed is seen to work. Else nobody hears of it again before it fails anew."""
        proof = proof_given(receipt, command)
        if proof is None:
            return set()
        if proof >= standing.ends_with:
            return self._well(name, receipt)
        standing.troubles.clear()
        return set()

    def _well(self, name: str, receipt: Receipt) -> set[Occasion]:
        if receipt.outcome is Outcome.ROTATED:
            self.outages.clear()  # the CA answers again
        self.unsent.pop(name, None)
        return {"recovery"} if self.targets.pop(name).heard else set()


def _danger_is_news(standing: Standing, event: Event, every: timedelta) -> bool:
    if not event.in_danger:
        if event.validity is not None:
            standing.danger_told, standing.expiry_told = None, False
        return False
    now = event.at.timestamp()
    if _has_just_ended(standing, event):
        standing.danger_told = now
        return True
    if _is_within(standing.danger_told, now, every):
        return False
    standing.danger_told = now
    return True


def _has_just_ended(standing: Standing, event: Event) -> bool:
    """Whether the certificate's end is not told yet: that visitors see it waits for no day to be over."""
    told, standing.expiry_told = standing.expiry_told, event.validity is not None and event.at >= event.validity.not_after
    return standing.expiry_told and not told


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
