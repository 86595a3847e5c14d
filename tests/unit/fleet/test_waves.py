"""Canaries first, and enough is enough."""

from __future__ import annotations

import threading

import pytest

from certpush import Outcome, Receipt
from certpush.config import FleetKeys
from certpush.errors import Interrupted
from certpush.fleet.waves import in_waves
from certpush.fleet.workers import Slots
from certpush.model import Action, Plan
from unit.fleet.conftest import configured

PLAN = Plan(Action.NOTHING, "")
SPECS = tuple(configured("a", "b", "c", "d", "e").targets.values())


@pytest.fixture(autouse=True)
def one_thread_a_slot(monkeypatch):
    """So that with one slot the order is certain."""
    monkeypatch.setattr("certpush.fleet.workers._THREADS_PER_SLOT", 1)


def run(*bad: str, slots: int = 1, outcome: Outcome = Outcome.FAILED, specs=SPECS, **keys: int) -> tuple[list[str], dict[str, Receipt]]:
    """What was begun, in its order, and every receipt."""
    begun: list[str] = []

    def deed(one):
        begun.append(one.name)
        return [Receipt(one.name, outcome if one.name in bad else Outcome.ROTATED, PLAN)]

    receipts = {one.target: one for one in in_waves(specs, deed, FleetKeys(**keys), Slots(slots), threading.Event())}
    return begun, receipts


def not_begun(receipts: dict[str, Receipt]) -> list[str]:
    return [name for name, one in receipts.items() if one.error]


def test_without_limits_a_failure_stops_nobody():
    begun, receipts = run("a", "b")
    assert sorted(begun) == sorted(receipts) == ["a", "b", "c", "d", "e"]
    assert not_begun(receipts) == []


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.REFUSED, Outcome.ROLLED_BACK, Outcome.STRANDED])
def test_after_so_many_failures_no_further_target_is_begun(outcome):
    begun, receipts = run("a", "c", outcome=outcome, stop_after=2)
    assert begun == ["a", "b", "c"]
    assert not_begun(receipts) == ["d", "e"]
    one = receipts["d"]
    assert (one.outcome, one.now) == (Outcome.FAILED, None)
    assert isinstance(one.error, Interrupted)
    assert one.error.message == "d: not begun, because 2 targets failed before it"
    assert "stop_after in [fleet]" in one.error.hint


def test_one_failure_is_named():
    _, receipts = run("b", stop_after=1)
    assert receipts["c"].error.message == "c: not begun, because b failed before it"


def test_what_did_not_change_or_was_rotated_is_no_failure():
    begun, _ = run("a", "b", outcome=Outcome.UNCHANGED, stop_after=1)
    assert len(begun) == 5


def test_canaries_go_first_and_alone():
    together, most, lock = 0, {}, threading.Condition()

    def deed(one):
        nonlocal together
        with lock:
            together += 1
            most[one.name] = together
            lock.wait(0.02)
            together -= 1
        return [Receipt(one.name, Outcome.ROTATED, PLAN)]

    told = [one.target for one in in_waves(SPECS, deed, FleetKeys(canary=1), Slots(4), threading.Event())]
    assert told[0] == "a"
    assert sorted(told) == ["a", "b", "c", "d", "e"]
    assert most["a"] == 1


def test_a_canary_that_fails_spares_the_others():
    begun, receipts = run("b", canary=2)
    assert begun == ["a", "b"]
    assert not_begun(receipts) == ["c", "d", "e"]
    assert "b failed before it" in receipts["c"].error.message


def test_a_target_that_fails_after_good_canaries_spares_nobody():
    begun, _ = run("c", canary=2)
    assert begun == ["a", "b", "c", "d", "e"]


def test_more_canaries_than_targets_are_all_of_them():
    begun, receipts = run("a", canary=9)
    assert len(begun) == 5
    assert not_begun(receipts) == []


def test_nobody_is_begun_who_was_not_asked_for():
    assert list(in_waves((), lambda _: [], FleetKeys(canary=1), Slots(1), threading.Event())) == []
