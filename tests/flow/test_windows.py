"""A target with a maintenance window: what is due waits for it, unless waiting would be dangerous."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from certpush import Outcome
from certpush.cli.exits import OK, code_of_receipt
from certpush.errors import TargetRefused
from certpush.model import Action
from certpush.testing.faulty import Raise
from flow.conftest import at
from flow.unattended import Unattended


def noon(bench) -> None:
    """The next noon that comes for certain: the CA was made just now, and is not valid hours before."""
    bench.clock.now = (bench.clock() + timedelta(days=1)).replace(hour=12, minute=0, second=0, microsecond=0)


@pytest.fixture
def box(bench):
    """A target with a certificate of thirty days, made at noon, and a window every night."""
    noon(bench)
    box = Unattended(bench, {"lifetime": "30d", "window": "02:00-05:00"})
    assert box.deploy().outcome is Outcome.ROTATED  # a person is at hand: nothing is waited for
    box.opened = 0
    return box


def at_hour(box: Unattended, hour: int, *, days: int) -> datetime:
    """So many days later, at this hour."""
    box.bench.clock.now = (box.bench.clock() + timedelta(days=days)).replace(hour=hour)
    return box.bench.clock()


def test_what_is_due_waits_outside_and_says_until_when(box):
    old, now = box.bench.served, at_hour(box, 12, days=21)
    receipt = box.renew()
    assert (receipt.outcome, receipt.plan.action, code_of_receipt(receipt)) == (Outcome.UNCHANGED, Action.WAIT, OK)
    opens = now.replace(hour=2) + timedelta(days=1)
    assert receipt.plan.why == f"due: 9d left; waits for its window, 02:00-05:00, which opens on {opens:%a %Y-%m-%d} 02:00"
    assert receipt.due == opens
    assert box.opened == 0
    at_hour(box, 2, days=1)
    assert box.renew().outcome is Outcome.ROTATED
    assert box.bench.served != old


def test_a_target_without_endpoints_waits_too(box):
    box.table |= {"endpoints": [], "verify": "files"}
    at_hour(box, 12, days=21)
    assert box.renew().plan.action is Action.WAIT
    at_hour(box, 12, days=5)
    receipt = box.renew()  # four days are left, and the next window is the last before danger has begun: it has
    assert receipt.outcome is Outcome.ROTATED
    assert "its window opens on" in receipt.plan.why


def test_when_danger_begins_before_the_window_it_does_not_wait(box):
    in_danger = at_hour(box, 12, days=24) + timedelta(days=1)
    box.table["window"] = f"{in_danger + timedelta(days=1):%a} 02:00-05:00"
    receipt = box.renew()
    assert receipt.outcome is Outcome.ROTATED
    assert receipt.plan.why.startswith("due: ")
    assert receipt.plan.why.endswith("only, which would be too late")
    assert box.bench.journal.last("box").why == receipt.plan.why


def test_what_has_ended_does_not_wait(box):
    at_hour(box, 12, days=31)
    receipt = box.renew()
    assert receipt.outcome is Outcome.ROTATED
    assert receipt.plan.why.startswith("expired on")


def test_a_changed_request_waits_and_a_deploy_does_not(box):
    box.table["names"] = ["localhost", "127.0.0.1", "new.lan"]
    receipt = box.renew()
    assert receipt.plan.why.startswith("other names are configured; waits for its window")
    assert box.deploy().outcome is Outcome.ROTATED


def test_what_is_not_served_any_more_is_pushed_again_at_once(box):
    ours = box.bench.served
    box.bench.device.select("device-default")
    box.bench.device.reload()
    assert box.renew().outcome is Outcome.ROTATED
    assert box.bench.served == ours


def test_a_switch_that_failed_in_the_window_waits_for_the_next_one(box):
    old = box.bench.served
    at_hour(box, 2, days=21)
    box.wrap = at("activate", Raise(TargetRefused("no")))
    assert box.renew().outcome is Outcome.ROLLED_BACK
    box.wrap = lambda target: target
    at_hour(box, 12, days=0)
    receipt = box.renew()
    assert (receipt.outcome, receipt.plan.action) == (Outcome.UNCHANGED, Action.WAIT)
    assert receipt.plan.why.startswith("the certificate we hold is good, but not in place; waits for its window")
    assert box.bench.served == old
    at_hour(box, 2, days=1)
    assert box.renew().outcome is Outcome.ROTATED
    assert box.bench.issuer.signed == 2


def test_the_first_certificate_waits_as_nothing_of_ours_can_end(bench):
    noon(bench)
    box = Unattended(bench, {"window": "02:00-05:00"})
    receipt = box.renew()
    assert receipt.plan.why.startswith("first certificate; waits for its window")
    assert bench.issuer.signed == 0


def test_a_refusal_is_told_at_once(box):
    theirs = box.bench.foreign().fingerprint
    at_hour(box, 12, days=21)
    assert box.renew().outcome is Outcome.REFUSED
    assert box.bench.served == theirs


def test_a_short_lived_certificate_is_replaced_in_each_window_once(bench):
    """At two it has eleven hours left and is due at four in the afternoon; danger would begin before the next night."""
    noon(bench)
    box = Unattended(bench, {"lifetime": "25h", "window": "02:00-05:00"})
    box.deploy()
    at_hour(box, 2, days=1)
    receipt = box.renew()
    assert receipt.outcome is Outcome.ROTATED
    assert receipt.plan.why.startswith("due in this window: the next one opens on")
    for _ in range(3):
        box.passes(minutes=30)
        assert box.renew().plan.action is Action.NOTHING
    at_hour(box, 2, days=1)
    assert box.renew().outcome is Outcome.ROTATED


def test_a_certificate_that_lasts_until_the_next_window_is_left_alone_in_this_one(box):
    at_hour(box, 2, days=2)
    assert box.renew().plan.action is Action.NOTHING


def test_where_nothing_answers_what_we_hold_says_how_long_it_may_wait(box):
    box.bench.device.__exit__(None, None, None)
    at_hour(box, 12, days=21)
    assert box.renew().plan.action is Action.WAIT
