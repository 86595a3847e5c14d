"""`certpush forget --clean`: the device as it was before certpush came, seen; or nothing changed and the reason."""

from __future__ import annotations

from dataclasses import replace

import pytest

from certpush.errors import NoWayBack, TargetRefused, TargetUnreachable
from certpush.model import Outcome, WayBack, WayBackKind
from certpush.rotation.clean import clean
from certpush.testing.device import DEFAULT
from certpush.testing.faulty import FaultyTarget, Raise
from flow.conftest import at


@pytest.fixture
def twice(bench):
    """A device with a second certificate of ours, and its own from before."""
    bench.own = bench.served
    bench.rotate()
    bench.rotate(force=True)
    return bench


def leftovers(bench) -> list[str]:
    return [id_ for id_, one in bench.device.certificates().items() if one.by == "certpush"]


@pytest.mark.parametrize("files_only", [False, True], ids=["seen", "installed"])
def test_the_devices_own_is_back_and_nothing_of_ours_is_left(twice, files_only):
    twice.files_only = files_only
    receipt = clean(twice.rotation())
    assert (receipt.outcome, receipt.error, receipt.now) == (Outcome.ROLLED_BACK, None, twice.own)
    assert (twice.served, leftovers(twice)) == (twice.own, [])
    again = clean(twice.rotation())
    assert (again.outcome, again.error, again.now) == (Outcome.UNCHANGED, None, twice.own)


def test_what_was_gone_back_to_is_ours_as_well(twice):
    twice.wrap = at("confirm", Raise(TargetRefused("no")))
    assert twice.rotate(force=True).outcome is Outcome.ROLLED_BACK
    twice.wrap = lambda target: target
    assert clean(twice.rotation()).now == twice.own
    assert (twice.served, leftovers(twice)) == (twice.own, [])


@pytest.mark.parametrize("files_only", [False, True], ids=["seen", "installed"])
def test_what_somebody_else_installed_stays_and_leftovers_go(twice, files_only):
    foreign = twice.foreign().fingerprint
    twice.files_only = files_only
    assert clean(twice.rotation()).outcome is Outcome.UNCHANGED
    assert (twice.served, leftovers(twice)) == (foreign, [])


def test_where_nothing_was_ever_deployed_nothing_is_switched(bench):
    assert clean(bench.rotation()).outcome is Outcome.UNCHANGED
    assert bench.device.selected() == DEFAULT


def test_a_kind_that_cannot_go_so_far_back_changes_nothing(twice):
    before = twice.served
    twice.wrap = at("rollback", Raise(NoWayBack("the copy is gone")))
    receipt = clean(twice.rotation())
    assert isinstance(receipt.error, NoWayBack)
    assert "without --clean" in receipt.error.hint
    assert twice.served == before
    assert twice.journal.unfinished("box") == ()
    twice.wrap = lambda target: target
    assert twice.rotate().outcome is Outcome.UNCHANGED


def test_going_back_that_fails_half_way_is_stranded(twice):
    twice.wrap = lambda target: FaultyTarget(
        FaultyTarget(target, at="rollback", fault=Raise(TargetRefused("no"))), at="inspect", fault=Raise(TargetUnreachable("gone"))
    )
    fetch = twice.rotation()
    assert clean(fetch).error is not None  # it cannot even be asked
    twice.wrap = at("rollback", Raise(TargetRefused("no")))
    foreign = twice.escrow.find(twice.served)
    twice.escrow.forget("box")
    receipt = clean(twice.rotation())
    assert receipt.outcome is Outcome.STRANDED
    assert foreign is not None


def test_without_any_way_back_none_is_tried(twice):
    (_, first) = twice.journal.history("box")
    twice.journal.enter(replace(first, way_back=WayBack(WayBackKind.NONE, "nobody knows what was there")), twice.clock())
    receipt = clean(twice.rotation())
    assert isinstance(receipt.error, NoWayBack)
    assert "nobody knows what was there" in receipt.error.message
