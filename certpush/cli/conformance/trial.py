"""One kind on trial: the suite is run, and run again for what is left when a plugin ended the process."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from certpush.cli.conformance.process import SuiteProcess
from certpush.errors import PluginBroken
from certpush.testing.conformance.events import Asked, Begun, Ended, Unusable, Verdict
from certpush.testing.conformance.order import Order

_NO_CLASS = "it has no class of TargetContract"
_DEATHS = 3  # who ends the process in every test need not show it in each


@dataclass
class Trial:
    """All that was tried, and what was to be tried."""

    folder: Path
    environment: Mapping[str, str]
    asked: Asked = field(default_factory=lambda: Asked((), (), ()))
    ended: dict[str, Ended] = field(default_factory=dict)

    def run(self, order: Order) -> Iterator[Begun | Ended]:
        """Give what happens as it comes.

        Raises:
            PluginBroken: the module with the cases cannot be run.

        """
        for _ in range(_DEATHS):
            died = yield from self._run_once(Order(order.kind, order.module, tuple(self.ended)))
            if not died:
                return
        yield from self._never_begun()

    def _run_once(self, order: Order) -> Generator[Begun | Ended, None, bool]:
        """Give what one process tells; the answer is whether it died in the middle."""
        order.write(self.folder)
        under_way: Begun | None = None
        with SuiteProcess(self.folder, self.environment) as process:
            for event in process.events():
                if isinstance(event, Unusable):
                    raise _unusable(order, event.why)
                if isinstance(event, Asked):
                    self.asked = event
                else:
                    under_way = event if isinstance(event, Begun) else None
                    yield self._noted(event)
            if not self.asked.tests:
                raise _unusable(order, _NO_CLASS if self.asked.obligations else process.last_words())
            if under_way is not None:
                yield self._noted(under_way.ended(Verdict.FAILED, process.how_it_ended()))
        return under_way is not None

    def _never_begun(self) -> Iterator[Begun | Ended]:
        for one in self.asked.tests:
            if one.id not in self.ended:
                yield self._noted(one.ended(Verdict.NOT_TRIED, f"the process was ended {_DEATHS} times before its turn came"))

    def _noted(self, event: Begun | Ended) -> Begun | Ended:
        if isinstance(event, Ended):
            self.ended[event.id] = event
        return event


def _unusable(order: Order, why: str) -> PluginBroken:
    return PluginBroken(
        f"the conformance case of {order.kind!r} ({order.module}) cannot be run: {why}",
        hint=f"see the whole error with: python -m pytest --pyargs {order.module}",
    )
