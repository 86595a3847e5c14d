"""Promises 1, 3, 8 and 9, with a device that serves on a real port."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction

import pytest

from certpush.errors import (
    ForeignCertificate,
    IssuerUnreachable,
    LockHeld,
    NoWayBack,
    PreflightFailed,
    RescueFired,
    SafetyRefusal,
    StateError,
    Stranded,
    TargetBug,
    TargetRefused,
    TargetUnreachable,
    VerificationFailed,
)
from certpush.model import Action, CertificateRequest, Finding, KeySpec, Outcome, Phase, Severity, WayBackKind, parse_name
from certpush.rotation.obtain import obtain
from certpush.state.lock import Locks
from certpush.target import KeyOrigin, Reversible
from certpush.testing.device import DEFAULT, MemoryDevice, Reload
from certpush.testing.faulty import Exit, FaultyTarget, Lie, Raise
from certpush.testing.memory import memory_kind
from flow.conftest import Bench, Clock, PkiIssuer, at

# --- the story --------------------------------------------------------------------------------


def test_a_first_deployment_is_obtained_installed_and_seen(bench):
    receipt = bench.rotate()
    assert receipt.outcome is Outcome.ROTATED, receipt.error
    assert bench.served == receipt.now == bench.escrow.current("box").fingerprint
    assert receipt.served[0].fingerprint == receipt.now
    assert receipt.served[0].chain_ok
    assert bench.journal.last("box").phase is Phase.CONFIRMED
    assert bench.phases == ["inspect", "plan", "preflight", "obtain", "stage", "activate", "verify", "confirm", "done"]


def test_a_second_run_right_after_has_an_empty_plan(bench):
    bench.rotate()
    second = bench.rotate()
    assert second.outcome is Outcome.UNCHANGED
    assert second.plan.action is Action.NOTHING
    assert bench.issuer.signed == 1


def test_what_is_due_is_replaced_with_a_new_key(bench):
    first = bench.rotate()
    old = bench.escrow.current("box")
    bench.due()
    second = bench.rotate()
    assert second.outcome is Outcome.ROTATED
    assert second.plan.why.startswith("due")
    assert second.was == first.now
    assert bench.escrow.current("box").key.public_spki != old.key.public_spki


def test_the_key_is_kept_where_that_is_configured(bench):
    bench.spec = replace(bench.spec, reuse_key=True)
    bench.rotate()
    old = bench.escrow.current("box")
    bench.rotate(force=True)
    assert bench.escrow.current("box").fingerprint != old.fingerprint
    assert bench.escrow.current("box").key.public_spki == old.key.public_spki


def test_force_replaces_what_is_not_due(bench):
    bench.rotate()
    assert bench.rotate(force=True).plan.why == "forced"
    assert bench.issuer.signed == 2


@pytest.mark.parametrize(
    ("request_", "why"),
    [
        (CertificateRequest((parse_name("localhost"), parse_name("127.0.0.1"), parse_name("more.lan"))), "other names are configured"),
        (
            CertificateRequest((parse_name("localhost"), parse_name("127.0.0.1")), KeySpec.EC_P384),
            "another key is configured: ec-p384 instead of ec-p256",
        ),
        (
            CertificateRequest((parse_name("localhost"), parse_name("127.0.0.1")), KeySpec.EC_P256, timedelta(days=30)),
            "another lifetime is configured: 30d",
        ),
    ],
)
def test_a_changed_wish_is_due(bench, request_, why):
    bench.rotate()
    bench.spec = replace(bench.spec, request=request_)
    assert bench.rotate().plan.why == why


def test_a_failed_deployment_is_repeated_with_the_same_certificate(bench):
    bench.device.break_reload(Reload.REFUSED)
    first = bench.rotate()
    # The reload that would bring the old one back is refused too, but it is in place, and served.
    assert first.outcome is Outcome.ROLLED_BACK
    assert any("though going back ended with" in event.message for event in bench.events)
    bench.device.break_reload(Reload.WORKS)
    second = bench.rotate()
    assert second.outcome is Outcome.ROTATED
    assert second.plan.action is Action.PUSH
    assert bench.issuer.signed == 1


def test_what_is_installed_but_not_served_is_switched_to_again(bench):
    bench.rotate()
    good = bench.served
    old = bench.device.snapshot()
    bench.device.select(DEFAULT)
    bench.device.reload()  # serves the default again
    with bench.device._state() as state:
        state.selected = old.selected  # configured, not loaded
    receipt = bench.rotate()
    assert receipt.plan.action is Action.ACTIVATE
    assert bench.served == good


def test_planning_changes_nothing_anywhere(bench):
    before = bench.device.snapshot()
    receipt = bench.plan()
    assert receipt.plan.action is Action.OBTAIN
    assert receipt.plan.way_back.kind is WayBackKind.EXACT
    assert bench.device.snapshot() == before
    assert bench.issuer.signed == 0
    assert bench.journal.history() == ()


def test_who_pins_the_certificate_stands_in_the_plan(bench):
    assert "pinned by backup server: tell them" in bench.plan(pinned_by=("backup server",)).plan.changes


def test_tidy_keeps_what_a_way_back_needs_and_no_more(bench):
    for _ in range(4):
        bench.rotate(force=True)
    assert len(bench.escrow.generations("box")) == 2
    assert len(bench.device.certificates()) == 3  # the device's own, the previous, the present


# --- served or reverted -----------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["stage", "activate", "confirm"])
@pytest.mark.parametrize("after", [False, True])
def test_an_error_at_any_verb_ends_with_the_old_certificate_seen(bench, verb, after):
    bench.rotate()
    old = bench.served
    bench.due()
    bench.wrap = at(verb, Raise(TargetRefused("no", hint="look"), after=after), times=1)
    receipt = bench.rotate()
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert bench.served == old == receipt.now
    assert isinstance(receipt.error, TargetRefused)
    assert (receipt.error.target, receipt.error.phase) == ("box", verb)
    assert bench.journal.last("box").phase is Phase.ROLLED_BACK
    bench.wrap = lambda target: target
    assert bench.rotate().outcome is Outcome.ROTATED


@pytest.mark.parametrize("fault", [Raise(ValueError("-----BEGIN PRIVATE KEY----- secret")), Exit(0), Raise(MemoryError())])
def test_whatever_a_plugin_raises_is_a_named_bug_and_rolled_back(bench, fault):
    bench.rotate()
    old = bench.served
    bench.due()
    bench.wrap = at("activate", fault, times=1)
    receipt = bench.rotate()
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert isinstance(receipt.error, TargetBug)
    assert "the plugin for memory raised" in receipt.error.message
    assert "secret" not in f"{receipt.error!r}{receipt.error.__cause__!r}{bench.journal.last('box')!r}"
    assert bench.served == old


def test_a_plugin_that_lies_about_the_switch_is_not_believed(bench):
    bench.rotate()
    old = bench.served
    bench.due()
    bench.wrap = at("activate", Lie())
    receipt = bench.rotate()
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert isinstance(receipt.error, VerificationFailed)
    assert "serves another certificate" in receipt.error.message
    assert bench.served == old


def test_a_reload_that_does_nothing_is_noticed_and_rolled_back(bench):
    bench.rotate()
    old = bench.served
    bench.due()
    bench.device.break_reload(Reload.IGNORED)
    receipt = bench.rotate()
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert bench.served == old


def test_a_server_that_dies_of_the_new_certificate_gets_the_old_one_back(bench):
    bench.rotate()
    old = bench.served
    bench.due()
    bundle = obtain(bench.spec, bench.issuer, bench.clock)
    bench.escrow.store("box", bundle)
    bench.spec = replace(bench.spec, renew_at=bench.spec.renew_at * 600000)
    bench.device.break_reload(Reload.DIES, of=bundle.fingerprint)
    receipt = bench.rotate()
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert bench.served == old


def test_a_chain_without_its_intermediate_is_no_success(bench, monkeypatch):
    bench.rotate()
    old = bench.served
    bench.due()
    put = bench.device.__class__.put
    monkeypatch.setattr(
        bench.device.__class__,
        "put",
        lambda self, id_, chain, key, by: put(self, id_, chain.split(b"-----END CERT")[0] + b"-----END CERTIFICATE-----\n", key, by=by),
    )
    receipt = bench.rotate()
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert "an intermediate is missing" in receipt.error.message
    assert bench.served == old


def test_when_going_back_fails_too_the_run_says_stranded(bench):
    bench.rotate()
    bench.due()
    bench.wrap = lambda target: FaultyTarget(
        FaultyTarget(target, at="activate", fault=Raise(TargetRefused("reload failed"), after=True)),
        at="rollback",
        fault=Raise(TargetRefused("disk full")),
    )
    receipt = bench.rotate()
    assert receipt.outcome is Outcome.STRANDED
    assert isinstance(receipt.error, Stranded)
    assert "reload failed" in receipt.error.message
    assert "disk full" in receipt.error.message
    assert receipt.error.deployment.phase is Phase.STRANDED
    bench.wrap = lambda target: target
    assert bench.rotate().outcome is Outcome.ROTATED


def test_a_rollback_that_claims_what_is_not_so_is_not_believed(bench):
    bench.rotate()
    bench.due()
    bench.wrap = lambda target: FaultyTarget(
        FaultyTarget(target, at="confirm", fault=Raise(TargetRefused("no"))), at="rollback", fault=Lie()
    )
    receipt = bench.rotate()
    assert receipt.outcome is Outcome.STRANDED
    assert "still serves the new certificate" in receipt.error.message


def test_going_back_is_tried_again_while_the_target_does_not_answer(bench):
    bench.rotate()
    old = bench.served
    bench.due()
    bench.wrap = lambda target: FaultyTarget(
        FaultyTarget(target, at="confirm", fault=Raise(TargetRefused("no"))),
        at="rollback",
        fault=Raise(TargetUnreachable("no route")),
        times=2,
    )
    receipt = bench.rotate()
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert bench.served == old
    assert [pause for pause in bench.pauses if pause >= 1] == [1.0, 3.0]


def test_the_kinds_settle_time_is_waited_out_before_confirm(bench):
    bench.kind = memory_kind(settle=timedelta(seconds=7))
    bench.rotate()
    assert 7.0 in bench.pauses
    assert bench.phases.index("settle") < bench.phases.index("confirm")


# --- the device's own timer -------------------------------------------------------------------


def test_a_device_that_was_faster_is_believed_and_the_old_one_stays(bench):
    bench.kind = memory_kind(self_rescue=True, settle=timedelta(seconds=5))
    bench.rotate()
    old = bench.served
    bench.due()
    verdicts = []

    def pause(seconds):
        if seconds == 5.0 and not verdicts:
            verdicts.append(seconds)
            bench.device.pass_time(timedelta(seconds=200))

    bench.pause = pause
    receipt = bench.rotate()
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert isinstance(receipt.error, VerificationFailed | RescueFired)
    assert bench.served == old


def test_when_we_cannot_go_back_the_devices_timer_is_waited_for(bench):
    bench.kind = memory_kind(self_rescue=True)
    bench.rotate()
    old = bench.served
    bench.due()
    bench.wrap = lambda target: FaultyTarget(
        FaultyTarget(target, at="confirm", fault=Raise(TargetUnreachable("cut off"))),
        at="rollback",
        fault=Raise(TargetUnreachable("cut off")),
    )
    bench.pause = lambda seconds: bench.device.pass_time(timedelta(seconds=seconds))
    receipt = bench.rotate()
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert bench.served == old
    assert "rescue" in bench.phases


def test_when_the_devices_timer_fails_too_the_run_says_stranded(bench):
    bench.kind = memory_kind(self_rescue=True)
    bench.rotate()
    bench.due()
    bench.wrap = lambda target: FaultyTarget(
        FaultyTarget(target, at="confirm", fault=Raise(TargetRefused("no"))), at="rollback", fault=Raise(TargetRefused("no"))
    )
    assert bench.rotate().outcome is Outcome.STRANDED  # nobody moves the device's clock


def test_where_all_is_back_but_the_last_step_the_timer_is_not_waited_for(bench):
    """A reload that is refused both times: the old one is installed again, and it was served all along."""
    bench.kind = memory_kind(self_rescue=True)
    bench.rotate()
    old = bench.served
    bench.due()
    bench.device.break_reload(Reload.REFUSED)
    receipt = bench.rotate()
    assert receipt.outcome is Outcome.ROLLED_BACK, receipt.error
    assert receipt.served[0].fingerprint == old == bench.served
    assert "rescue" not in bench.phases
    assert max(bench.pauses) < bench.rescue_after.total_seconds()
    bench.device.break_reload(Reload.WORKS)
    assert bench.rotate().outcome is Outcome.ROTATED


def test_where_the_old_one_is_installed_and_not_served_the_timer_is_waited_for(bench):
    bench.kind = memory_kind(self_rescue=True)
    bench.rotate()
    bench.due()

    def break_the_reload(event):
        if event.phase == "confirm":
            bench.device.break_reload(Reload.REFUSED)

    bench.wrap = at("confirm", Raise(TargetRefused("no")))
    receipt = bench.rotate(observe=break_the_reload)
    assert receipt.outcome is Outcome.STRANDED
    assert bench.rescue_after.total_seconds() + 10 in bench.pauses


def test_where_nothing_was_installed_before_nothing_is_no_proof_of_the_way_back(tmp_path, pki):
    with MemoryDevice(tmp_path / "device.json") as device:
        clock = Clock(datetime.now(UTC))
        bench = Bench(device, tmp_path / "state", PkiIssuer(pki, clock), clock, kind=memory_kind(self_rescue=True))
        bench.wrap = lambda target: FaultyTarget(
            FaultyTarget(target, at="confirm", fault=Raise(TargetRefused("no"))), at="rollback", fault=Raise(TargetRefused("no"))
        )
        assert bench.rotate().outcome is Outcome.STRANDED
        assert bench.rescue_after.total_seconds() + 10 in bench.pauses
        bench.journal.close()


# --- no switch without a way back -------------------------------------------------------------


def test_a_foreign_certificate_is_not_replaced_unasked(bench):
    theirs = bench.foreign()
    receipt = bench.rotate()
    assert receipt.outcome is Outcome.REFUSED
    assert isinstance(receipt.error, ForeignCertificate)
    assert "--adopt" in receipt.error.hint
    assert bench.served == theirs.fingerprint
    assert bench.issuer.signed == 0


@pytest.mark.parametrize("allowed", [{"adopt": True}, {"adopt_first": True}])
def test_a_foreign_certificate_is_taken_over_once_allowed(bench, allowed):
    theirs = bench.foreign()
    assert bench.rotate(**allowed).outcome is Outcome.ROTATED
    assert bench.journal.adopted("box") == {theirs.fingerprint}


def test_configured_adoption_covers_the_first_take_over_only(bench):
    bench.foreign()
    bench.rotate(adopt_first=True)
    again = bench.foreign()
    assert bench.rotate(adopt_first=True).outcome is Outcome.REFUSED
    assert bench.served == again.fingerprint


def test_the_devices_own_certificate_needs_no_adoption(bench):
    assert bench.plan().plan.action is Action.OBTAIN


def test_a_kind_that_needs_the_previous_pair_refuses_a_foreign_one(bench):
    bench.kind = memory_kind(reversible=Reversible.NEEDS_PREVIOUS)
    bench.foreign()
    receipt = bench.rotate(adopt=True)
    assert isinstance(receipt.error, NoWayBack)
    assert "--previous" in receipt.error.hint


def test_the_previous_pair_handed_over_makes_the_way_back_exact(bench):
    bench.kind = memory_kind(reversible=Reversible.NEEDS_PREVIOUS)
    theirs = bench.foreign()
    receipt = bench.rotate(adopt=True, previous=theirs)
    assert receipt.outcome is Outcome.ROTATED
    assert receipt.plan.way_back.kind is WayBackKind.EXACT
    assert "kept by certpush" in receipt.plan.way_back.text


def test_a_previous_pair_that_is_not_there_is_refused(bench):
    bench.foreign()
    other = obtain(bench.spec, bench.issuer, bench.clock)
    receipt = bench.rotate(adopt=True, previous=other)
    assert receipt.outcome is Outcome.REFUSED
    assert "--previous" in receipt.error.message


def test_a_fallback_is_named_in_the_plan(bench):
    bench.kind = memory_kind(reversible=Reversible.NEEDS_PREVIOUS, fallback="the device's own certificate")
    receipt = bench.plan()
    assert receipt.plan.way_back.kind is WayBackKind.FALLBACK
    assert receipt.plan.way_back.text == "the device's own certificate"


def test_falling_back_to_the_devices_own_certificate_is_seen(bench):
    bench.kind = memory_kind(reversible=Reversible.NEEDS_PREVIOUS, fallback="the device's own certificate")
    bench.wrap = at("confirm", Raise(TargetRefused("no")))
    before = bench.served
    receipt = bench.rotate()
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert bench.served == before


def test_a_kind_without_a_way_back_is_refused(bench):
    bench.kind = memory_kind(reversible=Reversible.NEVER)
    assert isinstance(bench.rotate().error, NoWayBack)


def test_nothing_installed_yet_is_a_way_back_too(bench):
    bench.device.select(None)
    bench.device.reload()
    bench.wrap = at("confirm", Raise(TargetRefused("no")))
    receipt = bench.rotate()
    assert "nothing is installed yet" in receipt.plan.way_back.text
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert bench.served is None


# --- refused before anything happens ----------------------------------------------------------


def test_a_key_that_the_kind_does_not_take_is_refused(bench):
    bench.kind = memory_kind(accepted_keys=frozenset({KeySpec.RSA_2048}))
    receipt = bench.rotate()
    assert "does not take ec-p256 keys" in receipt.error.message
    assert "rsa-2048" in receipt.error.hint


def test_a_certificate_that_would_not_cover_its_endpoint_is_refused(bench):
    bench.spec = replace(bench.spec, request=CertificateRequest((parse_name("other.lan"),)))
    receipt = bench.rotate()
    assert "would not cover 127.0.0.1" in receipt.error.message
    assert bench.issuer.signed == 0


def test_keys_made_on_the_device_are_refused_for_now(bench):
    bench.kind = replace(bench.kind, key_origin=KeyOrigin.DEVICE)
    assert bench.rotate().outcome is Outcome.REFUSED


def test_a_finding_of_preflight_stops_a_rotation_before_a_certificate_is_made(bench, monkeypatch):
    found = Finding(Severity.ERROR, "disk", "no space left", "free some")
    monkeypatch.setattr("certpush.testing.memory.MemoryTarget.preflight", lambda self, request: (found,), raising=False)
    receipt = bench.rotate()
    assert isinstance(receipt.error, PreflightFailed)
    assert receipt.error.hint == "free some"
    assert receipt.findings == (found,)
    assert bench.issuer.signed == 0


def test_a_ca_that_is_down_touches_nothing(bench):
    bench.rotate()
    old = bench.served
    bench.due()
    bench.issuer.down = True
    before = bench.device.snapshot()
    receipt = bench.rotate()
    assert receipt.outcome is Outcome.FAILED
    assert isinstance(receipt.error, IssuerUnreachable)
    assert receipt.was == receipt.now == receipt.served[0].fingerprint == old
    assert receipt.not_after == receipt.served[0].not_after
    assert receipt.plan.action is Action.OBTAIN
    assert bench.served == old
    assert bench.device.snapshot() == before


def test_a_target_that_does_not_answer_is_a_failure_without_a_certificate(bench):
    bench.device.power(on=False)
    receipt = bench.rotate()
    assert isinstance(receipt.error, TargetUnreachable)
    assert bench.issuer.signed == 0


def test_another_run_on_the_same_target_ends_at_once(bench):
    with Locks(bench.directory / "locks").hold("box"):
        receipt = bench.rotate()
    assert isinstance(receipt.error, LockHeld)
    assert bench.rotate().outcome is Outcome.ROTATED


@pytest.mark.parametrize("verb", ["inspect", "changes", "stage"])
def test_a_request_to_stop_is_heard_until_the_switch(bench, verb):
    stop = threading.Event()
    bench.rotate()
    old = bench.served
    bench.due()

    def wrap(target):
        real = getattr(target, verb)
        setattr(target, verb, lambda *given: (stop.set(), real(*given))[1])
        return target

    bench.wrap = wrap
    receipt = bench.rotate(stop=stop)
    assert "stopped before anything was switched" in receipt.error.message
    assert bench.served == old
    assert bench.journal.unfinished("box") == ()


def test_a_request_to_stop_inside_the_switch_lets_it_finish(bench):
    stop = threading.Event()

    def wrap(target):
        real = target.activate
        target.activate = lambda *given: (stop.set(), real(*given))[1]
        return target

    bench.wrap = wrap
    assert bench.rotate(stop=stop).outcome is Outcome.ROTATED


# --- truth about ourselves --------------------------------------------------------------------


def test_without_a_durable_intent_nothing_happens_on_the_target(bench, monkeypatch):
    bench.rotate()
    before = bench.device.snapshot()
    bench.due()

    def full(_):
        raise StateError("disk full")

    monkeypatch.setattr(bench.journal, "begin", full)
    receipt = bench.rotate()
    assert receipt.outcome is Outcome.REFUSED
    assert bench.device.snapshot() == before


def test_a_journal_that_fills_up_after_the_switch_does_not_undo_what_is_true(bench, monkeypatch):
    bench.rotate()
    bench.due()
    real = bench.journal.enter

    def full(deployment, at, note=""):
        if deployment.phase in (Phase.ACTIVATED, Phase.VERIFIED, Phase.CONFIRMED):
            raise StateError("disk full")
        real(deployment, at, note)

    monkeypatch.setattr(bench.journal, "enter", full)
    receipt = bench.rotate()
    assert receipt.outcome is Outcome.ROTATED
    assert bench.served == receipt.now
    assert "warning" in bench.phases
    monkeypatch.undo()
    bench.spec = replace(bench.spec, renew_at=Fraction(2, 3))
    assert bench.rotate().outcome is Outcome.UNCHANGED  # settled forward by looking
    assert bench.journal.unfinished("box") == ()


def test_a_bug_of_our_own_rolls_back_too(bench, monkeypatch):
    bench.rotate()
    old = bench.served
    bench.due()

    def broken(*_):
        raise ZeroDivisionError

    monkeypatch.setattr("certpush.rotation.run.confirm", broken)
    receipt = bench.rotate()
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert "certpush itself failed: ZeroDivisionError" in receipt.error.message
    assert bench.served == old


def test_leftovers_that_cannot_be_removed_alter_nothing(bench):
    bench.wrap = at("tidy", Raise(TargetRefused("busy")))
    assert bench.rotate().outcome is Outcome.ROTATED
    assert "warning" in bench.phases


def test_a_close_that_fails_alters_nothing(bench):
    bench.wrap = at("close", Raise(ValueError("x")))
    assert bench.rotate().outcome is Outcome.ROTATED


def test_with_no_endpoint_the_receipt_says_installed_not_seen(bench):
    bench.files_only = True
    receipt = bench.rotate()
    assert receipt.outcome is Outcome.ROTATED
    assert not receipt.seen
    assert bench.rotate().outcome is Outcome.UNCHANGED
    bench.due()
    bench.wrap = at("confirm", Raise(TargetRefused("no")))
    assert bench.rotate().outcome is Outcome.ROLLED_BACK


def test_with_no_endpoint_a_lie_is_found_by_asking_again(bench):
    bench.files_only = True
    bench.wrap = at("activate", Lie())
    receipt = bench.rotate()
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert "is installed, which is not what should be there" in receipt.error.message


def test_a_refusal_is_a_safety_refusal(bench):
    bench.kind = memory_kind(accepted_keys=frozenset())
    assert isinstance(bench.rotate().error, SafetyRefusal)
