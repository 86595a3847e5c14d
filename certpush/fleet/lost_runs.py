"""Runs that failed as a whole, told to who is there to tell: what is opened with the state cannot say that the state cannot be opened."""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, MutableMapping, Sequence
from contextlib import nullcontext
from dataclasses import replace
from datetime import datetime
from typing import TYPE_CHECKING

from certpush.config import Configuration
from certpush.errors import CertpushError
from certpush.fleet.observing import enabled, hearing_of, run_for
from certpush.kit.boundary import place_of
from certpush.kit.memory import PassingMemory
from certpush.kit.tls import utc_now
from certpush.model import Action, Event, Plan, Receipt
from certpush.observer import ENDED
from certpush.plugins import PluginLoader
from certpush.references import References
from certpush.rotation.receipts import receipt_for

if TYPE_CHECKING:
    from certpush.fleet.hearing import Hearing

_log = logging.getLogger(__name__)
_RAN = Plan(Action.NOTHING, "the run came to its end")  # also where something waits for its window: what was told was not about that


class LostRuns:
    """Tells them, and remembers for as long as the process lives what was told: each trouble is told once, and so is its end."""

    def __init__(self, environ: MutableMapping[str, str], *, clock: Callable[[], datetime] = utc_now) -> None:
        self._environ = environ
        self._clock = clock
        self._memories: defaultdict[str, PassingMemory] = defaultdict(PassingMemory)

    def tell(self, configuration: Configuration, error: CertpushError, ended: Iterable[Receipt] = ()) -> None:
        """A run failed: of each target whose turn did not come, that it failed by this."""
        seen = {one.target.partition("/")[0] for one in ended}
        names = [one.name for one in configuration.targets.values() if one.enabled and one.name not in seen]
        self._hear(configuration, [receipt_for(name, error) for name in names])

    def over(self, configuration: Configuration, receipts: Iterable[Receipt]) -> None:
        """A run came to its end: for those targets that are well, what was told of them is over."""
        if self._memories:
            self._hear(configuration, _well(receipts))
            self._memories.clear()

    def _hear(self, configuration: Configuration, receipts: Sequence[Receipt]) -> None:
        loader = PluginLoader()
        try:
            hearings = list(self._hearings(configuration, loader))
            for one in hearings:
                one.start()
                for receipt in receipts:
                    one.tell(Event(ENDED, receipt.target, self._clock(), receipt=receipt))
            for one, until in [(one, one.end()) for one in hearings]:
                one.wait(until)
        except Exception as error:  # noqa: BLE001 - the next run is more important than who hears of this one
            _log.warning("observers are not told of the run: %s", place_of(error))
        finally:
            loader.close()

    def _hearings(self, configuration: Configuration, loader: PluginLoader) -> Iterator[Hearing]:
        read_secret = References(self._environ).read
        for spec in enabled(configuration):
            try:
                kind = loader.load_observer(spec.kind)
            except CertpushError as error:  # perhaps that is what the run failed by
                _log.debug("observer %s is not told of it: %s", spec.name, error.message)
                continue
            if kind.hears_lost_runs:
                run = run_for(spec, "renew", configuration, self._clock, self._memories[spec.name])
                yield hearing_of(spec, kind, read_secret, run, alone=nullcontext)


def _well(receipts: Iterable[Receipt]) -> list[Receipt]:
    """One of each target all of which is well: it was told as a whole, and a cluster comes back member by member."""
    targets: defaultdict[str, list[Receipt]] = defaultdict(list)
    for one in receipts:
        targets[one.target.partition("/")[0]].append(one)
    return [replace(members[0], target=name, plan=_RAN) for name, members in targets.items() if all(one.error is None for one in members)]
