"""A cluster's members, one after the other: which are begun, and what the receipts of the others say."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from certpush import Deployment, Installed, Outcome, Phase, Receipt, WayBack, WayBackKind
from certpush.errors import Interrupted, LockHeld, Stranded, TargetRefused, TargetUnreachable
from certpush.fleet.cluster import members_foreseen, members_of
from certpush.fleet.wishes import Wishes
from certpush.model import Action, Plan
from unit.fleet.conftest import Box, BoxSettings, kind, spec, with_members

PLAN = Plan(Action.NOTHING, "")


def cluster():
    return spec(endpoints=None, verify="files")


class Deed:
    """Remembers whom it was done to; fails on some."""

    def __init__(self, *bad: str, outcome: Outcome = Outcome.FAILED, then=lambda name: None) -> None:
        self.done: list[str] = []
        self.forced: list[bool] = []
        self._bad, self._outcome, self._then = bad, outcome, then

    def __call__(self, rotation) -> Receipt:
        self.done.append(rotation.name.rpartition("/")[2])
        self.forced.append(rotation.force)
        self._then(rotation.name)
        return Receipt(rotation.name, self._outcome if self.done[-1] in self._bad else Outcome.ROTATED, PLAN)


@pytest.fixture
def three(bench):
    """An opener of a cluster with three members."""
    bench.kinds["box"] = kind(members=with_members("one", "two", "three"))
    return bench.opener()


def errors(receipts) -> dict[str, str]:
    return {one.target: one.error.message for one in receipts if one.error}


def unfinished(bench, target: str, phase: Phase) -> Deployment:
    """A run was killed."""
    one = Deployment(
        id=f"id of {target}",
        target=target,
        certificate="box",
        before=Installed(None),
        wanted="ab" * 32,
        phase=phase,
        way_back=WayBack(WayBackKind.EXACT, "kept"),
        started=datetime.now(UTC),
    )
    bench.journal.begin(one)
    return one


# --- the first that fails stops the rest ------------------------------------------------------


@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.REFUSED, Outcome.ROLLED_BACK, Outcome.STRANDED])
def test_members_are_done_in_their_order_and_the_first_that_fails_stops_the_rest(three, outcome):
    deed = Deed("two", outcome=outcome)
    receipts = members_of(cluster(), three, deed, Wishes())
    assert deed.done == ["one", "two"]
    assert [(one.target, one.outcome) for one in receipts] == [
        ("box/one", Outcome.ROTATED),
        ("box/two", outcome),
        ("box/three", Outcome.FAILED),
    ]
    last = receipts[2].error
    assert isinstance(last, Interrupted)
    assert last.message == "box/three: not begun, because box/two failed; done before it: box/one"
    assert last.hint == "mend box/two first; what is done stays as it is"
    assert receipts[1].error is None  # its own receipt is as it was given


def test_when_the_canary_fails_nobody_was_done(three):
    receipts = members_of(cluster(), three, Deed("one"), Wishes())
    assert errors(receipts) == {
        "box/two": "box/two: not begun, because box/one failed; none was done before it",
        "box/three": "box/three: not begun, because box/one failed; none was done before it",
    }


def test_all_that_are_done_are_named(three):
    deed = Deed("three")
    assert errors(members_of(cluster(), three, deed, Wishes())) == {}
    assert deed.done == ["one", "two", "three"]


def test_a_member_that_cannot_be_opened_has_a_receipt_of_its_own(bench):
    def make(settings: BoxSettings) -> Box:
        if settings.host == "two.lan":
            raise TargetRefused("locked")
        return Box(settings)

    bench.kinds["box"] = kind(open=make, members=with_members("one", "two", "three"))
    deed = Deed()
    receipts = members_of(cluster(), bench.opener(), deed, Wishes())
    assert deed.done == ["one"]
    assert errors(receipts)["box/two"] == "locked"
    assert "because box/two failed" in errors(receipts)["box/three"]


def test_what_cannot_be_opened_is_a_receipt(bench):
    def refuse(settings: BoxSettings):
        raise TargetRefused("locked")

    bench.kinds["box"] = kind(open=refuse)
    (receipt,) = members_of(spec(), bench.opener(), lambda _: pytest.fail("was begun"), Wishes())
    assert (receipt.target, receipt.outcome, receipt.error.message) == ("box", Outcome.FAILED, "locked")


def test_members_that_cannot_be_listed_are_one_receipt_of_the_target(bench):
    def members(settings, request):
        raise TargetUnreachable("entry.lan: no answer")

    bench.kinds["box"] = kind(members=members)
    (receipt,) = members_of(cluster(), bench.opener(), lambda _: pytest.fail("was begun"), Wishes())
    assert (receipt.target, receipt.outcome, receipt.error.message) == ("box", Outcome.FAILED, "entry.lan: no answer")


def test_who_watches_hears_that_the_members_are_asked_for_and_cannot_hinder_it(bench):
    heard: list[tuple[str, str]] = []

    def observe(event) -> None:
        heard.append((event.target, event.phase))
        raise OSError("the terminal is gone")

    bench.kinds["box"] = kind(members=with_members("one"))
    assert len(members_of(cluster(), replace(bench.opener(), observe=observe), Deed(), Wishes())) == 1
    bench.kinds["box"] = kind()
    assert len(members_of(spec(), replace(bench.opener(), observe=observe), Deed(), Wishes())) == 1
    assert heard == [("box", "members")]


# --- a stop -----------------------------------------------------------------------------------


def test_after_a_stop_nothing_is_begun_and_no_device_is_asked(bench):
    bench.kinds["box"] = kind(members=lambda settings, request: pytest.fail("was asked"))
    wishes = Wishes()
    wishes.stop.set()
    (receipt,) = members_of(cluster(), bench.opener(), lambda _: pytest.fail("was begun"), wishes)
    assert isinstance(receipt.error, Interrupted)
    assert (receipt.target, receipt.outcome) == ("box", Outcome.FAILED)


@pytest.mark.parametrize("bad", [(), ("one",)], ids=["after a member was done", "within a member"])
def test_a_stop_in_between_is_no_failure_of_the_member_before(three, bad):
    stop = threading.Event()
    receipts = members_of(cluster(), three, Deed(*bad, then=lambda _: stop.set()), Wishes(stop=stop))
    before = "none was done before it" if bad else "done before it: box/one"
    assert errors(receipts) == {f"box/{one}": f"box/{one}: stopped before it was begun; {before}" for one in ("two", "three")}
    assert receipts[1].error.hint == "run it again when you like"


# --- a plan -----------------------------------------------------------------------------------


def test_in_a_plan_every_member_is_shown_and_none_stops_another(three):
    deed = Deed("one", "two")
    receipts = members_foreseen(cluster(), three, deed, Wishes(force=True))
    assert [(one.target, one.error) for one in receipts] == [("box/one", None), ("box/two", None), ("box/three", None)]
    assert deed.forced == [True, True, True]


def test_a_plan_for_members_that_cannot_be_listed_is_one_receipt(bench):
    bench.kinds["box"] = kind(members=lambda settings, request: 1 // 0)
    (receipt,) = members_foreseen(cluster(), bench.opener(), lambda _: pytest.fail("was asked"), Wishes())
    assert (receipt.target, receipt.error.phase) == ("box", "members")


def test_a_plan_waits_for_nobody(three):
    with three.locks.hold("box"):
        assert len(members_foreseen(cluster(), three, Deed(), Wishes())) == 3


# --- what is forced ---------------------------------------------------------------------------


def test_a_shared_certificate_is_forced_once_and_an_own_one_for_each(bench):
    bench.kinds["box"] = kind(members=with_members("one", "two", three=("box.lan",), four=("box.lan",)))
    deed = Deed()
    members_of(cluster(), bench.opener(), deed, Wishes(force=True))
    assert dict(zip(deed.done, deed.forced, strict=True)) == {"one": True, "two": False, "three": True, "four": True}


# --- two runs, and runs that were killed ------------------------------------------------------


def test_one_run_at_a_time_works_on_a_cluster(three):
    with three.locks.hold("box"):
        (receipt,) = members_of(cluster(), three, lambda _: pytest.fail("was begun"), Wishes())
    assert receipt.target == "box"
    assert isinstance(receipt.error, LockHeld)


def test_a_target_alone_holds_no_lock_twice(bench):
    opener = bench.opener()

    def deed(rotation) -> Receipt:
        with rotation.locks.hold(rotation.name):
            return Receipt(rotation.name, Outcome.ROTATED, PLAN)

    (receipt,) = members_of(spec(), opener, deed, Wishes())
    assert (receipt.target, receipt.outcome) == ("box", Outcome.ROTATED)


def test_what_was_left_half_way_is_settled_although_its_turn_does_not_come(bench, three):
    unfinished(bench, "box/three", Phase.STAGED)
    receipts = members_of(cluster(), three, Deed("one"), Wishes())
    assert bench.journal.last("box/three").phase is Phase.ROLLED_BACK
    assert "not begun, because box/one failed" in receipts[2].error.message


def test_what_cannot_be_settled_is_told_and_not_called_unchanged(bench):
    class Lost(Box):
        def inspect(self):
            raise TargetUnreachable(f"{self.settings.host}: no answer", retryable=False)

    bench.kinds["box"] = kind(
        open=lambda settings: (Lost if settings.host == "three.lan" else Box)(settings), members=with_members("one", "two", "three")
    )
    unfinished(bench, "box/three", Phase.ACTIVATING)
    receipts = members_of(cluster(), bench.opener(), Deed("one"), Wishes())
    assert [one.outcome for one in receipts] == [Outcome.FAILED, Outcome.FAILED, Outcome.STRANDED]
    assert "three.lan: no answer" in receipts[2].error.message


@pytest.mark.parametrize(("phase", "outcome"), [(Phase.ACTIVATING, Outcome.STRANDED), (Phase.STAGED, Outcome.FAILED)])
def test_members_that_cannot_be_listed_while_one_is_in_the_middle_of_a_switch_are_not_called_unchanged(bench, phase, outcome):
    def members(settings, request):
        raise TargetUnreachable("entry.lan: no answer", hint="switch it on")

    bench.kinds["box"] = kind(members=members)
    unfinished(bench, "box/two", phase)
    unfinished(bench, "boxes", Phase.ACTIVATING)  # another target
    (receipt,) = members_of(cluster(), bench.opener(), lambda _: pytest.fail("was begun"), Wishes())
    assert (receipt.target, receipt.outcome) == ("box", outcome)
    if phase is Phase.ACTIVATING:
        assert isinstance(receipt.error, Stranded)
        assert receipt.error.message == (
            "STRANDED: an earlier run stopped on box/two in the phase activating, and its turn cannot come: entry.lan: no answer"
        )
        assert receipt.error.hint == "switch it on"


def test_another_run_that_is_at_it_leaves_nobody_stranded(bench):
    def members(settings, request):
        raise TargetUnreachable("entry.lan: no answer")

    bench.kinds["box"] = kind(members=members)
    unfinished(bench, "box/two", Phase.ACTIVATING)
    opener = bench.opener()
    with opener.locks.hold("box"):
        (receipt,) = members_of(cluster(), opener, lambda _: pytest.fail("was begun"), Wishes())
    assert isinstance(receipt.error, LockHeld)
