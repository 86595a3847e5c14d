"""The order that limits harm: a few targets go first, and after too many failures no further one is begun."""

from __future__ import annotations

import threading
from collections.abc import Callable, Generator, Sequence
from functools import partial

from certpush.config import FleetKeys, TargetSpec
from certpush.errors import Interrupted
from certpush.fleet.cluster import GOOD
from certpush.fleet.workers import Slots, all_of
from certpush.model import Receipt

Deed = Callable[[TargetSpec], list[Receipt]]
"""Does something to one target and all its members; gives their receipts."""


def in_waves(
    specs: Sequence[TargetSpec],
    deed: Deed,
    keys: FleetKeys,
    slots: Slots,
    stop: threading.Event,
    *,
    ended: Callable[[Receipt], None] = lambda _: None,
) -> Generator[Receipt, None, None]:
    """Do it to each target, many at once; ``keys`` says how many go first, and when it is enough.

    A target that is not begun any more gets a receipt that says so. ``ended`` hears of each
    receipt, also of those that come after the caller went away.
    """
    failures = _Failures(keys.stop_after)
    for wave in (specs[: keys.canary], specs[keys.canary :]):
        jobs = (partial(_told, partial(failures.unless_enough, spec, deed), ended) for spec in wave)
        for several in all_of(jobs, slots, stop):
            yield from several
        failures.end_of_wave()


def _told(job: Callable[[], list[Receipt]], ended: Callable[[Receipt], None]) -> list[Receipt]:
    receipts = job()
    for one in receipts:
        ended(one)
    return receipts


class _Failures:
    """Counts the targets that failed, and says when it is enough."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._failed: list[str] = []
        self._lock = threading.Lock()

    def unless_enough(self, spec: TargetSpec, deed: Deed) -> list[Receipt]:
        """Do it, unless too many failed already."""
        if self._most and len(self._failed) >= self._most:
            return [self._not_begun(spec.name)]
        receipts = deed(spec)
        if any(one.outcome not in GOOD for one in receipts):
            with self._lock:
                self._failed.append(spec.name)
        return receipts

    def end_of_wave(self) -> None:
        """When one failed that went first to show whether all is well, the others are spared."""
        if self._failed:
            self._most = 1

    def _not_begun(self, name: str) -> Receipt:
        from certpush.rotation.receipts import receipt_for

        count = len(self._failed)
        before = f"{self._failed[0]} failed" if count == 1 else f"{count} targets failed"
        error = Interrupted(
            f"{name}: not begun, because {before} before it", hint="mend that first; canary and stop_after in [fleet] say when it is enough"
        )
        return receipt_for(name, error)
