"""What a timer does: nothing where all is well, what is due where it is, and less and less often what fails."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from certpush import Outcome
from certpush.cli.exits import LOCKED, NOT_ROTATED, OK, SAFETY, USAGE, code_of_receipt
from certpush.errors import (
    BackingOff,
    ClockSkew,
    ConfigError,
    ForeignCertificate,
    Interrupted,
    IssuerUnreachable,
    LockHeld,
    StateError,
    TargetAuthFailed,
    TargetRefused,
    TargetUnreachable,
)
from certpush.model import Action
from certpush.state.lock import Locks
from certpush.state.setbacks import Setbacks
from certpush.testing.faulty import Raise
from certpush.testing.memory import memory_kind
from flow.conftest import at
from flow.unattended import Unattended


@pytest.fixture
def box(bench):
    return Unattended(bench)


@pytest.fixture
def fresh(box):
    """A target with its first certificate, an hour old."""
    assert box.deploy().outcome is Outcome.ROTATED
    box.passes(hours=1)
    box.opened = 0
    return box


# --- nothing is due -----------------------------------------------------------------------------


def test_where_all_is_well_nobody_logs_in_and_nothing_is_written(fresh):
    before = {path: path.read_bytes() for path in sorted(fresh.bench.directory.rglob("*")) if path.is_file()}
    fresh.bench.issuer.down = True
    receipt = fresh.renew()
    assert (receipt.outcome, receipt.plan.action, code_of_receipt(receipt)) == (Outcome.UNCHANGED, Action.NOTHING, OK)
    assert receipt.now == fresh.bench.served
    assert receipt.plan.why.startswith("22h59m left, due in 1")
    assert receipt.due == fresh.renew().due
    assert fresh.opened == 0
    assert {path: path.read_bytes() for path in sorted(fresh.bench.directory.rglob("*")) if path.is_file()} == before


def test_a_target_that_knows_its_endpoints_itself_is_not_asked_what_is_installed(fresh):
    fresh.table["endpoints"] = []
    fresh.wrap = at("inspect", Raise(TargetAuthFailed("no")))
    assert fresh.renew().outcome is Outcome.UNCHANGED


def test_where_nothing_serves_it_the_target_is_asked(fresh):
    fresh.table |= {"endpoints": [], "verify": "files"}
    receipt = fresh.renew()
    assert (receipt.outcome, receipt.seen, code_of_receipt(receipt)) == (Outcome.UNCHANGED, False, OK)
    assert receipt.due is not None
    assert fresh.opened == 1


def test_after_a_way_back_by_hand_the_old_one_is_what_should_be_there(fresh):
    old = fresh.bench.served
    fresh.deploy(force=True)
    from certpush.fleet.going_back import go_back

    assert go_back(fresh.spec, "box", fresh.opener(), [fresh.spec]).outcome is Outcome.ROLLED_BACK
    fresh.opened = 0
    assert fresh.renew().now == old
    assert fresh.opened == 0


# --- what is due, or not served -----------------------------------------------------------------


def test_what_is_due_is_rotated(fresh):
    old = fresh.bench.served
    fresh.passes(hours=15.1)
    receipt = fresh.renew()
    assert (receipt.outcome, code_of_receipt(receipt)) == (Outcome.ROTATED, OK)
    assert receipt.was == old
    assert fresh.bench.served == receipt.now != old
    assert receipt.due > fresh.bench.clock() + timedelta(hours=14)


@pytest.mark.parametrize("change", [{"names": ["localhost", "127.0.0.1", "new.lan"]}, {"lifetime": "12h"}, {"key": "ec-p384"}])
def test_a_changed_request_is_due(fresh, change):
    fresh.table |= change
    assert fresh.renew().outcome is Outcome.ROTATED


def test_what_is_not_served_any_more_is_pushed_again_without_a_new_certificate(fresh):
    ours = fresh.bench.served
    fresh.bench.device.select("device-default")
    fresh.bench.device.reload()
    receipt = fresh.renew()
    assert (receipt.outcome, receipt.plan.action) == (Outcome.ROTATED, Action.PUSH)
    assert fresh.bench.served == ours
    assert fresh.bench.issuer.signed == 1


def test_a_certificate_of_somebody_else_is_never_taken_over(fresh):
    theirs = fresh.bench.foreign().fingerprint
    receipt = fresh.renew()
    assert isinstance(receipt.error, ForeignCertificate)
    assert code_of_receipt(receipt) == SAFETY
    assert fresh.bench.served == theirs


def test_what_an_earlier_run_left_is_settled_first_also_while_failures_are_waited_for(fresh):
    fresh.wrap = at("confirm", Raise(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        fresh.deploy(force=True)
    new, fresh.wrap = fresh.bench.served, lambda target: target
    fresh.bench.journal.setbacks.record(_setback(fresh))
    assert fresh.renew().outcome is Outcome.FAILED
    assert fresh.bench.journal.unfinished("box") == ()
    assert fresh.renew().now == new  # and now all is well, so nothing holds it back any more
    assert fresh.setback is None


def _setback(box: Unattended):
    from certpush.state.setbacks import Setback

    now = box.bench.clock()
    return Setback("box", 3, now + timedelta(minutes=20), now, "it did not work")


def test_an_endpoint_that_is_silent_is_told_and_not_switched_again(fresh):
    fresh.bench.device.__exit__(None, None, None)
    switched = len([one for one in fresh.bench.phases if one == "activate"])
    receipt = fresh.renew()
    assert isinstance(receipt.error, TargetUnreachable)
    assert "what should be served is installed, but 127.0.0.1:" in receipt.error.message
    assert (receipt.outcome, code_of_receipt(receipt)) == (Outcome.FAILED, NOT_ROTATED)
    assert len([one for one in fresh.bench.phases if one == "activate"]) == switched


# --- what fails waits ---------------------------------------------------------------------------


@pytest.fixture
def failing(fresh):
    """Due since a minute, at a CA that is down."""
    due = fresh.renew().due
    fresh.bench.clock.now = due + timedelta(minutes=1)
    fresh.bench.issuer.down = True
    receipt = fresh.renew()
    assert isinstance(receipt.error, IssuerUnreachable)
    fresh.opened = 0
    return fresh


def test_what_failed_is_not_tried_again_at_once_and_says_until_when(failing):
    failing.bench.issuer.down = False
    receipt = failing.renew()
    assert isinstance(receipt.error, BackingOff)
    assert (receipt.outcome, code_of_receipt(receipt)) == (Outcome.FAILED, NOT_ROTATED)
    assert receipt.plan.why.startswith("due: ")
    assert receipt.now == failing.bench.served
    assert receipt.not_after is not None
    until = failing.setback.until
    assert f"it failed once, and is not tried again before {until.astimezone():%Y-%m-%d %H:%M:%S}" in receipt.error.message
    assert "the CA does not answer" in receipt.error.message
    assert "certpush renew box" in receipt.error.hint
    assert failing.setback.tries == 1  # waiting is no failure


def test_a_person_who_names_it_does_not_wait(failing):
    failing.bench.issuer.down = False
    assert failing.renew(at_once=True).outcome is Outcome.ROTATED
    assert failing.setback is None


def test_a_deploy_does_not_wait_either_and_its_own_failures_hold_nobody_back(failing):
    tries = failing.setback.tries
    assert failing.deploy().outcome is Outcome.FAILED
    assert failing.setback.tries == tries
    failing.bench.issuer.down = False
    assert failing.deploy().outcome is Outcome.ROTATED
    assert failing.setback is None


def test_each_failure_doubles_the_wait_and_there_are_many_tries_before_the_end(failing):
    ends, waits = failing.renew().not_after, []
    while failing.bench.clock() < ends:
        setback = failing.setback
        waits.append(setback.until - setback.at)
        failing.bench.clock.now = setback.until
        failing.renew()
    assert len(waits) > 15
    assert timedelta(minutes=3) < waits[0] <= timedelta(minutes=5)
    assert max(waits) <= timedelta(hours=8) / 6
    assert waits[3] > waits[0] * 4
    failing.bench.issuer.down = False
    failing.bench.clock.now = failing.setback.until
    assert failing.renew().outcome is Outcome.ROTATED
    assert failing.setback is None


def test_a_failed_switch_waits_and_is_then_repeated_with_the_same_certificate(fresh):
    fresh.table["lifetime"] = "12h"
    fresh.wrap = at("activate", Raise(TargetRefused("no")))
    assert fresh.renew().outcome is Outcome.ROLLED_BACK
    assert isinstance(fresh.renew().error, BackingOff)
    fresh.wrap = lambda target: target
    fresh.bench.clock.now = fresh.setback.until
    receipt = fresh.renew()
    assert (receipt.outcome, receipt.plan.action) == (Outcome.ROTATED, Action.PUSH)
    assert fresh.bench.issuer.signed == 2


def test_the_first_certificate_is_waited_for_by_the_lifetime_that_it_will_have(box):
    box.bench.issuer.down = True
    box.table["lifetime"] = "10m"
    assert box.renew().outcome is Outcome.FAILED
    assert timedelta(0) < box.setback.until - box.setback.at <= timedelta(seconds=10)


def test_what_cannot_be_looked_at_waits_by_the_certificate_that_we_know_of(fresh):
    fresh.table |= {"endpoints": [], "verify": "files"}
    fresh.wrap = at("inspect", Raise(TargetUnreachable("no")))
    assert isinstance(fresh.renew().error, TargetUnreachable)
    assert fresh.setback.until - fresh.setback.at <= timedelta(minutes=5)
    assert isinstance(fresh.renew().error, BackingOff)


@pytest.mark.parametrize("error", [ConfigError("odd"), StateError("full"), Interrupted("asked")])
def test_what_says_nothing_about_the_target_is_tried_again_each_time(fresh, error):
    fresh.passes(hours=16)
    fresh.wrap = at("inspect", Raise(error))
    for _ in range(2):
        assert type(fresh.renew().error) is type(error)
    assert fresh.setback is None


def test_another_run_at_work_is_no_failure(fresh):
    fresh.passes(hours=16)
    with Locks(fresh.bench.directory / "locks").hold("box"):
        receipt = fresh.renew()
    assert isinstance(receipt.error, LockHeld)
    assert code_of_receipt(receipt) == LOCKED
    assert fresh.setback is None


def test_a_bug_ends_in_a_receipt_and_waits(fresh):
    fresh.passes(hours=16)
    fresh.wrap = at("inspect", Raise(RuntimeError("oops")))
    assert fresh.renew().error.message.startswith("the plugin for memory raised RuntimeError")
    assert isinstance(fresh.renew().error, BackingOff)


def test_a_note_that_cannot_be_written_costs_no_receipt(failing, monkeypatch, caplog):
    def full(*_: object) -> None:
        raise StateError("disk full")

    monkeypatch.setattr(Setbacks, "record", full)
    assert isinstance(failing.renew(at_once=True).error, IssuerUnreachable)
    assert "box: the next try cannot be put off: disk full" in caplog.text


def test_who_was_asked_to_stop_begins_nothing(fresh, stop: threading.Event):
    stop.set()
    fresh.passes(hours=16)
    receipt = fresh.renew(stop=stop)
    assert isinstance(receipt.error, Interrupted)
    assert fresh.looks == [] or fresh.opened == 0


def test_a_memory_that_cannot_be_read_is_told(fresh, monkeypatch):
    def damaged(*_: object) -> None:
        raise StateError("the journal is damaged")

    monkeypatch.setattr(type(fresh.bench.journal), "unfinished", damaged)
    receipt = fresh.renew()
    assert isinstance(receipt.error, StateError)
    assert code_of_receipt(receipt) == SAFETY


def test_a_kind_that_cannot_be_opened_is_told_by_its_own_code(fresh):
    def broken(_settings: object) -> None:
        raise ConfigError("no such host key")

    fresh.table["endpoints"] = []
    fresh.kind = replace(memory_kind(), open=broken)
    receipt = fresh.renew()
    assert code_of_receipt(receipt) == USAGE
    assert fresh.setback is None


def test_a_refusal_of_the_target_says_what_it_said(fresh):
    fresh.passes(hours=16)
    fresh.wrap = at("stage", Raise(TargetRefused("the disk is full")))
    assert fresh.renew().error.message == "the disk is full"
    assert "the last time: the disk is full" in fresh.renew().error.message


# --- clocks -------------------------------------------------------------------------------------


def test_a_wait_that_a_wrong_clock_wrote_down_ends_with_that_clock(failing):
    failing.passes(days=365)
    assert isinstance(failing.renew().error, IssuerUnreachable)
    failing.passes(days=-365)
    failing.bench.issuer.down = False
    assert failing.setback.until > failing.bench.clock() + timedelta(days=360)
    assert failing.renew().outcome is Outcome.ROTATED


@pytest.mark.parametrize("verb", ["renew", "deploy"])
def test_a_clock_that_was_set_back_switches_nothing(fresh, verb):
    """Everything looks as if it were not valid yet; pushing it again, and back, would not help."""
    ours, switched = fresh.bench.served, fresh.bench.phases.count("activate")
    fresh.passes(days=-365)
    receipt = getattr(fresh, verb)()
    assert isinstance(receipt.error, ClockSkew)
    assert code_of_receipt(receipt) == SAFETY
    assert receipt.error.message.startswith("box: this machine's clock was set back: here it is ")
    assert "timedatectl" in receipt.error.hint
    assert (fresh.bench.served, fresh.bench.phases.count("activate")) == (ours, switched)
    fresh.passes(days=365)
    assert fresh.renew().outcome is Outcome.UNCHANGED


def test_a_clock_that_is_half_a_minute_behind_the_ca_s_is_none_that_was_set_back(fresh):
    begins = fresh.bench.escrow.current("box").not_before
    fresh.bench.clock.now = begins - timedelta(seconds=29)
    assert not isinstance(fresh.renew().error, ClockSkew)
