"""A year lived through: the timer's hours, what goes wrong between them, and what must be true at each."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from certpush import Outcome, Receipt
from certpush.cli.exits import OK, code_of_receipt
from certpush.model import DEFAULT_RENEW_AT, issued_by
from certpush.schedule import due_at
from year.troubles import SNAPSHOT, YEAR, Trouble, troubles_of
from year.world import BEGIN, DAY, HOUR, Box, World

GOOD = (Outcome.ROTATED, Outcome.UNCHANGED)
_IDLE = 100 * HOUR
"""The timer comes each hour. Where nothing can have changed since it came last, only some of its calls are made."""
_SKEW = timedelta(seconds=30)


def patience(box: Box) -> timedelta:
    """How long all may be well before certpush must have set it right: its longest wait after failures, two calls of the timer, its window."""
    return min(DAY, box.lifetime / 6) + 2 * HOUR + box.waits


@dataclass
class Year:
    """Runs it. ``told`` is what happened, for whom a year goes wrong."""

    world: World
    seed: int
    counts: Counter[str] = field(default_factory=Counter)
    told: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._dice = random.Random(self.seed + 1)
        self._troubles = troubles_of(self.seed, self.world.boxes.values())
        self._lasting: list[Trouble] = []
        self._well_since = dict.fromkeys(self.world.boxes, BEGIN)
        self._receipts: dict[str, Receipt] = {}
        self._at_rest = False

    def live(self) -> None:
        """From the first call of the timer to the last one, after which all must be well."""
        self._run()
        for moment, begins, trouble in self._changes():
            while (hour := self._next_call()) < moment:
                self._come_to(hour)
            self.world.now = moment
            self._begin(trouble) if begins else self._end(trouble)
        while self.world.now < BEGIN + YEAR:
            self._come_to(self._next_call())
        self._all_is_well()

    def _changes(self) -> Iterator[tuple[datetime, bool, Trouble]]:
        both = [(one.begins, True, one) for one in self._troubles] + [(one.ends, False, one) for one in self._troubles]
        return iter(sorted(both, key=lambda one: one[:2]))

    def _begin(self, trouble: Trouble) -> None:
        self._tell(f"from now on: {trouble}")
        self.counts[trouble.what] += 1
        self._lasting.append(trouble)
        trouble.begin(self.world)
        self._at_rest = False

    def _end(self, trouble: Trouble) -> None:
        self._tell(f"no more: {trouble}")
        self._lasting.remove(trouble)
        trouble.end(self.world)
        for name in self.world.boxes:
            if trouble.concerns(name) or trouble.what == SNAPSHOT:
                self._well_since[name] = self.world.now
        self._at_rest = False

    def _tell(self, what: str) -> None:
        self.told.append(f"{self.world.now:%Y-%m-%d %H:%M} {what}")

    def _lasts(self, what: str) -> bool:
        return any(one.what == what for one in self._lasting)

    # --- the timer --------------------------------------------------------------------------

    def _next_call(self) -> datetime:
        """The next full hour; where all rests, the one at which something may change."""
        after = self.world.now + timedelta(seconds=1)
        return _full_hour(max(after, min(self._awaited(), default=after)) if self._at_rest else after)

    def _awaited(self) -> Iterator[datetime]:
        yield self.world.now + _IDLE * self._dice.random()
        for name, receipt in self._receipts.items():
            setback = self.world.journal.setbacks.of(name)
            yield setback.until if setback else receipt.due or self.world.now

    def _come_to(self, hour: datetime) -> None:
        self.world.now = hour
        if not self._lasts("no timer"):
            for box in self.world.boxes.values():
                self._look_at(box)
            self._run()

    def _run(self) -> None:
        if self._dice.random() < 0.05:  # a timer's process is a new one each time, a daemon stays
            self.world.end_process()
        before = {name: box.served for name, box in self.world.boxes.items()}
        asked = len(self.world.ca.exchanges)
        receipts = self.world.renew()
        self._at_rest = receipts is not None and not self.world.ahead
        if receipts is None:
            self._tell("killed")
            self.counts["runs killed"] += 1
        else:
            self._receipts = receipts
            for name, receipt in receipts.items():
                self._judge(self.world.boxes[name], receipt)
        if abs(self.world.ahead) > _SKEW:
            self._nothing_was_done_by_a_wrong_clock(before, asked)

    # --- what must be true ------------------------------------------------------------------

    def _look_at(self, box: Box) -> None:
        """Before the timer does anything: what have clients seen until now?"""
        now = self.world.now
        if box.name in self.world.replaced:
            assert box.served == self.world.theirs_on[box.name], f"{box.name}: a certificate of somebody else was overwritten"
        if not box.chain or any(one.concerns(box.name) for one in self._lasting):
            self.counts["expired in trouble"] += bool(box.chain) and box.chain[0].not_valid_after_utc < now
            return
        if now - self._well_since[box.name] > patience(box):
            leaf = box.chain[0]
            assert box.served in self.world.journal.ours(box.name), f"{box.name}: what is served is not ours"
            assert now < leaf.not_valid_after_utc, f"{box.name}: expired, although all was well since {self._well_since[box.name]}"
            late = now - due_at(leaf.not_valid_before_utc, leaf.not_valid_after_utc, DEFAULT_RENEW_AT, box.name)
            assert late < patience(box), f"{box.name}: due since {late}, although all was well since {self._well_since[box.name]}"

    def _judge(self, box: Box, receipt: Receipt) -> None:
        """A receipt, the journal and the exit code tell what is so."""
        self.counts[receipt.outcome.value] += 1
        if receipt.outcome is not Outcome.UNCHANGED:
            self._tell(f"{box.name}: {receipt.outcome} ({receipt.plan.why}) {receipt.error or ''}")
        last = self.world.journal.last(box.name)
        if receipt.outcome in (*GOOD, Outcome.ROLLED_BACK):
            assert receipt.now == box.served, f"{box.name}: {receipt.outcome}, and something else is served"
            assert not self.world.journal.unfinished(box.name)
        if receipt.outcome is Outcome.ROTATED:
            assert last is not None
            assert (last.wanted, last.outcome) == (box.served, Outcome.ROTATED)
        if code_of_receipt(receipt) == OK:
            assert receipt.outcome in GOOD
            assert box.chain[0].not_valid_after_utc > self.world.local(), f"{box.name}: exit code 0, and expired"

    def _nothing_was_done_by_a_wrong_clock(self, before: dict[str, str | None], asked: int) -> None:
        assert not any(one.response.chain for one in self.world.ca.exchanges[asked:]), "a certificate was signed although the clocks differ"
        for name, box in self.world.boxes.items():
            if not any(one.box == name for one in self._lasting):
                assert box.served == before[name], f"{name}: touched although the clocks differ"

    def _all_is_well(self) -> None:
        journal = self.world.journal
        for name, box in self.world.boxes.items():
            assert self._receipts[name].outcome in GOOD, f"{name}: {self._receipts[name].error}"
            assert code_of_receipt(self._receipts[name]) == OK
            assert journal.setbacks.of(name) is None
            assert journal.unfinished(name) == ()
            assert box.served in journal.deployed(name)
            assert issued_by(box.chain[-1], self.world.next_pki.root), f"{name}: still below the root that the CA has no more"
        assert self.world.person.knows_that_all_is_well()
        known = {one.wanted for one in journal.history(limit=10**6)}
        orphans = set(self.world.signed()) - known - self.world.lost
        assert len(orphans) <= self.counts["runs killed"], "a certificate was signed, and is in no record"
        assert known <= set(self.world.signed())


def _full_hour(when: datetime) -> datetime:
    return when.replace(minute=0, second=0, microsecond=0) + (
        HOUR if (when.minute, when.second, when.microsecond) != (0, 0, 0) else 0 * HOUR
    )
