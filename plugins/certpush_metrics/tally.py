"""What is known of every target after many runs, and what the latest run adds to it."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

import msgspec

from certpush import Event, Outcome, Run
from certpush.errors import ContractViolation

GOOD = (Outcome.ROTATED, Outcome.UNCHANGED)
_OF_WHOLE_TARGETS = ("deploy", "renew")
"""Others may mean one member of a cluster."""


class Known(msgspec.Struct, omit_defaults=True):
    """One target, or one member of it. Moments are seconds since 1970."""

    kind: str = ""
    outcome: str = ""
    attempt: float | None = None
    success: float | None = None
    rotations: int = 0
    failures: int = 0
    not_before: float | None = None
    not_after: float | None = None
    due: float | None = None
    danger: float | None = None


class Ran(msgspec.Struct):
    """The latest run of one command."""

    at: float
    seconds: float
    targets: int
    failures: int


class Tally(msgspec.Struct):
    """All that is known: what the text file is made from, and what is remembered."""

    targets: dict[str, Known] = msgspec.field(default_factory=dict)
    runs: dict[str, Ran] = msgspec.field(default_factory=dict)

    def count(self, event: Event, kind: str) -> None:
        """Take note of how one target ended."""
        receipt = event.receipt
        if receipt is None:
            raise ContractViolation("an event `ended` came without its receipt")
        known = self.targets.setdefault(receipt.target, Known())
        known.kind = kind
        if not receipt.skipped:
            known.outcome, known.attempt = receipt.outcome.value, event.at.timestamp()
        if receipt.outcome in GOOD:
            known.success = event.at.timestamp()
        known.rotations += receipt.outcome is Outcome.ROTATED
        known.failures += receipt.failed
        if event.validity is not None:
            life = event.validity
            known.not_before, known.not_after = life.not_before.timestamp(), life.not_after.timestamp()
            known.danger, known.due = life.danger_from.timestamp(), life.due_from.timestamp() if life.due_from else None

    def forget(self, run: Run, heard: Mapping[str, Event]) -> None:
        """Drop targets that are not configured any more, and members that their cluster does not have any more."""
        told: defaultdict[str, set[str]] = defaultdict(set)
        for name in heard:
            told[_whole(name)].add(name)
        listed = {whole for whole, names in told.items() if run.command in _OF_WHOLE_TARGETS and _all_are_told(whole, names, heard)}
        for name in list(self.targets):
            whole = _whole(name)
            if name not in heard and (whole in listed or (whole not in told and whole not in run.targets)):
                del self.targets[name]
        for whole in told:
            if whole in self.targets and whole not in heard and any("/" in name for name in told[whole]):
                del self.targets[whole]  # what was told of it while its members could not be listed


def _all_are_told(whole: str, names: set[str], heard: Mapping[str, Event]) -> bool:
    """Whether this is all of a target: where its members could not be listed it failed as a whole, and they are still there."""
    alone = heard[whole].receipt if names == {whole} else None
    return alone is None or not (alone.failed or alone.skipped)


def _whole(name: str) -> str:
    return name.partition("/")[0]
