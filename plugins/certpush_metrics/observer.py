"""Hears a run, and writes one file for the whole fleet: a target that the run did not touch keeps what is known of it."""

from __future__ import annotations

import msgspec

from certpush import Event, Observer, Run
from certpush.errors import ObserverFailed
from certpush.kit.boundary import translate
from certpush.kit.files import write_file
from certpush_metrics.exposition import exposition
from certpush_metrics.settings import MetricsSettings
from certpush_metrics.tally import Ran, Tally


class Metrics(Observer):
    """Keeps the latest of each target that it hears of, and brings all of it into the file at the end."""

    def __init__(self, settings: MetricsSettings, run: Run) -> None:
        self._settings = settings
        self._run = run
        self._begun = run.clock()
        self._heard: dict[str, Event] = {}

    def hear(self, event: Event) -> None:
        """Keep how a target ended."""
        self._heard[event.target] = event

    def close(self) -> str:
        """Add the run to what is known, remember that, and put it into the file."""
        tally = self._run.memory.read_as(Tally)
        for name, event in self._heard.items():
            tally.count(event, self._kind_of(name, tally))
        tally.forget(self._run, self._heard)
        tally.runs[self._run.command] = self._ran()
        self._run.memory.write(msgspec.to_builtins(tally))
        return self._write(tally)

    def test(self) -> str:
        """Write what is known anew."""
        return self._write(self._run.memory.read_as(Tally))

    def _kind_of(self, name: str, tally: Tally) -> str:
        """A target that is not enabled may be named nevertheless; what was known of it stands."""
        known = tally.targets.get(name)
        return self._run.targets.get(name.partition("/")[0], known.kind if known else "")

    def _ran(self) -> Ran:
        now = self._run.clock()
        receipts = [one.receipt for one in self._heard.values() if one.receipt is not None]
        return Ran(now.timestamp(), (now - self._begun).total_seconds(), len(receipts), sum(one.failed for one in receipts))

    def _write(self, tally: Tally) -> str:
        file = self._settings.file
        with translate({OSError: lambda why: ObserverFailed(why, hint="check the directory, its disk and who runs certpush")}, where=file):
            write_file(file, exposition(tally), mode=int(self._settings.mode, 8))
        count = len(tally.targets)
        return f"{count} {'target' if count == 1 else 'targets'} in {file}"
