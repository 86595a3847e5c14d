"""A plugin of pytest that tells how each obligation goes, in words for a person."""

from __future__ import annotations

import inspect
from collections.abc import Generator, Iterable
from typing import TextIO

import msgspec
import pytest

from certpush.testing.conformance.events import Asked, Begun, Case, Event, Unusable, Verdict
from certpush.testing.conformance.order import Order
from certpush.testing.conformance.words import verdict_of, words_of, words_of_collecting
from certpush.testing.contract import TargetCase
from certpush.testing.contract.obligations import obligations

_WORST_FIRST = list(Verdict)


class Reporter:
    """Leaves out what is no obligation, and tells of the others."""

    def __init__(self, order: Order, heard: TextIO) -> None:
        self._order = order
        self._heard = heard
        self._asked = {one.test: one for one in obligations()}
        self._verdict: tuple[Verdict, str] | None = None
        self._seconds = 0.0

    def pytest_exception_interact(self, call: pytest.CallInfo[object], report: pytest.CollectReport | pytest.TestReport) -> None:
        """A module that cannot be imported has no cases."""
        if isinstance(report, pytest.CollectReport) and call.excinfo is not None:
            self._tell(Unusable(words_of_collecting(call.excinfo.value)))

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keep what the contract asks, and was not answered before the process died."""
        asked = [one for one in items if isinstance(one, pytest.Function) and one.cls and one.originalname in self._asked]
        kept = [one for one in asked if one.nodeid not in self._order.done]
        config.hook.pytest_deselected(items=[one for one in items if one not in kept])
        items[:] = kept
        listed = tuple((one.test, one.title, one.reason) for one in self._asked.values())
        self._tell(Asked(listed, tuple(_cases_of(asked)), tuple(_begun(one) for one in asked)))

    def pytest_runtest_logstart(self, nodeid: str) -> None:
        """Nothing is known of it yet."""
        del nodeid
        self._verdict, self._seconds = None, 0.0

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Should the process die in it, this is what it died in."""
        assert isinstance(item, pytest.Function)
        self._tell(_begun(item))

    @pytest.hookimpl(wrapper=True)
    def pytest_pyfunc_call(self, pyfuncitem: pytest.Function) -> Generator[None, object, object]:
        """A case for another kind says nothing of this one."""
        case = pyfuncitem.funcargs.get("target_case")
        if isinstance(case, TargetCase) and case.kind.name != self._order.kind:
            pytest.fail(f"the case is one for the kind {case.kind.name!r}, not for {self._order.kind!r}", pytrace=False)
        return (yield)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Function, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Of setup, call and teardown the worst counts; told once, after the last."""
        report = yield
        self._seconds += report.duration
        if call.excinfo is not None:
            self._worsen(verdict_of(call.excinfo), words_of(call.excinfo.value, report.when, item))
        elif report.when == "call":
            self._worsen(Verdict.PASSED, "")
        if report.when == "teardown":
            verdict, why = self._verdict or (Verdict.NOT_TRIED, "")
            self._tell(_begun(item).ended(verdict, why, round(self._seconds, 3)))
        return report

    def _worsen(self, verdict: Verdict, why: str) -> None:
        if self._verdict is None or _WORST_FIRST.index(verdict) < _WORST_FIRST.index(self._verdict[0]):
            self._verdict = verdict, why

    def _tell(self, event: Event) -> None:
        self._heard.write(msgspec.json.encode(event).decode() + "\n")


def _begun(item: pytest.Function) -> Begun:
    _, _, variant = item.name.partition("[")
    assert item.cls is not None
    return Begun(item.nodeid, item.cls.__name__, item.originalname, variant.removesuffix("]"))


def _cases_of(items: Iterable[pytest.Function]) -> list[Case]:
    classes = dict.fromkeys(one.cls for one in items if one.cls)
    return [Case(one.__name__, (inspect.getdoc(one) or "").partition("\n")[0]) for one in classes]
