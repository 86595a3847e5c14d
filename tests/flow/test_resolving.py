"""`certpush resolve`: what no run could end, a person does; what they decided is done, seen, and written down."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from certpush.errors import ForeignCertificate, RescueFired, SafetyRefusal, Stranded, TargetDrifted, TargetRefused, TargetUnreachable
from certpush.model import Decision, Known, Outcome, Phase, Way
from certpush.rotation.resolve import look_at_unresolved, resolve
from certpush.testing.device import DEFAULT, Reload
from certpush.testing.faulty import FaultyTarget, Raise
from certpush.testing.memory import memory_kind
from flow.conftest import Instead, at

ACCEPT = Decision(Way.ACCEPT, "anna@desk", "the console shows it")
FINISH = Decision(Way.FINISH, "anna@desk")


def plain(target):
    return target


def strand(bench):
    """A second certificate that is served, and whose rotation could be brought neither forward nor back."""
    bench.rotate()
    bench.old = bench.served
    bench.due()
    bench.wrap = lambda target: FaultyTarget(
        FaultyTarget(target, at="confirm", fault=Raise(TargetRefused("no"))), at="rollback", fault=Raise(TargetRefused("gone"))
    )
    assert bench.rotate().outcome is Outcome.STRANDED
    bench.wrap = plain
    bench.new = bench.served
    assert bench.new != bench.old
    return bench


def decide(bench, decision, **more):
    return resolve(bench.rotation(**more), decision)


def select(bench, id_):
    bench.device.select(id_)
    bench.device.reload()


def test_nothing_to_resolve_is_said_so(bench):
    bench.rotate()
    assert look_at_unresolved(bench.rotation()) is None
    receipt = decide(bench, ACCEPT)
    assert (receipt.outcome, receipt.plan.why) == (Outcome.UNCHANGED, "nothing to resolve")


def test_what_is_there_is_told_beside_what_the_journal_holds(bench):
    strand(bench)
    before = bench.device.snapshot()
    seen = look_at_unresolved(bench.rotation())
    assert (seen.target, seen.deployment.phase, seen.installed.fingerprint, seen.key_held) == ("box", Phase.STRANDED, bench.new, True)
    assert [one.fingerprint for one in seen.served] == [bench.new]
    assert seen.known == ((bench.new, Known.WANTED),)
    assert bench.device.snapshot().selected == before.selected
    assert bench.journal.unfinished("box")


@pytest.mark.parametrize("what", ["before", "own", "foreign", "ours"])
def test_whatever_is_there_is_named(bench, what):
    if what == "ours":
        bench.rotate()
        bench.first = bench.served
        bench.due()
    strand(bench)
    {
        "before": lambda: select(bench, bench.old),
        "own": lambda: select(bench, DEFAULT),
        "foreign": bench.foreign,
        "ours": lambda: bring_back(bench, bench.first),
    }[what]()
    assert [known for _, known in look_at_unresolved(bench.rotation()).known] == [Known(what)]


def bring_back(bench, fingerprint):
    bundle = bench.escrow.find(fingerprint)
    bench.device.put(fingerprint, bundle.fullchain_pem, bundle.key.reveal_pem(), by="admin")
    select(bench, fingerprint)


def test_a_target_that_cannot_be_asked_is_shown_with_the_reason(bench):
    strand(bench)
    bench.wrap = at("inspect", Raise(TargetUnreachable("gone")))
    seen = look_at_unresolved(bench.rotation())
    assert (seen.installed, seen.problems) == (None, ("gone",))
    assert seen.deployment.wanted == bench.new


# --- accepting ---


def test_the_wanted_certificate_is_accepted_once_it_was_seen(bench):
    strand(bench)
    receipt = decide(bench, ACCEPT)
    assert (receipt.outcome, receipt.error, receipt.now) == (Outcome.ROTATED, None, bench.new)
    last = bench.journal.last("box")
    assert (last.phase, last.outcome, last.error) == (Phase.CONFIRMED, Outcome.ROTATED, "")
    assert last.why.endswith("; accepted by anna@desk: the console shows it")
    assert bench.journal.steps(last.id)[-1][2] == "accepted by anna@desk: the console shows it"
    bench.spec = replace(bench.spec, renew_at=1)
    assert bench.rotate().outcome is Outcome.UNCHANGED


def test_the_wanted_certificate_without_its_chain_is_not_accepted(bench):
    strand(bench)
    bundle = bench.escrow.find(bench.new)
    from certpush.model import to_pem

    bench.device.put("bare", to_pem(bundle.leaf), bundle.key.reveal_pem(), by="admin")
    select(bench, "bare")
    bench.kind = replace(bench.kind, deadline=timedelta(0))
    receipt = decide(bench, ACCEPT)
    assert receipt.outcome is Outcome.FAILED
    assert "serves the new certificate, but" in receipt.error.message
    assert bench.journal.last("box").phase is Phase.STRANDED


def test_a_wanted_certificate_that_left_the_escrow_cannot_be_proven(bench):
    strand(bench)
    bench.escrow.make_current("box", bench.old)
    bench.escrow.prune("box", frozenset({bench.old}))
    assert look_at_unresolved(bench.rotation()).key_held is False
    receipt = decide(bench, ACCEPT)
    assert isinstance(receipt.error, SafetyRefusal)
    assert "--finish" in receipt.error.hint


def test_the_certificate_before_is_accepted_as_the_way_back(bench):
    strand(bench)
    select(bench, bench.old)
    receipt = decide(bench, ACCEPT)
    assert (receipt.outcome, receipt.error, receipt.now) == (Outcome.ROLLED_BACK, None, bench.old)
    last = bench.journal.last("box")
    assert last.outcome is Outcome.ROLLED_BACK
    assert last.error.startswith("the certificate before accepted by anna@desk: the console shows it")


def test_somebody_elses_certificate_needs_the_word(bench):
    strand(bench)
    foreign = bench.foreign().fingerprint
    refused = decide(bench, ACCEPT)
    assert isinstance(refused.error, ForeignCertificate)
    assert "--accept --adopt" in refused.error.hint
    assert bench.journal.unfinished("box")
    receipt = decide(bench, replace(ACCEPT, adopt=True))
    assert (receipt.outcome, receipt.error, receipt.now) == (Outcome.UNCHANGED, None, foreign)
    assert bench.journal.unfinished("box") == ()
    assert bench.journal.adopted("box") == {foreign}
    assert bench.rotate().outcome is Outcome.ROTATED  # taken over: replaced without asking again


def test_a_device_that_serves_two_things_has_nothing_to_accept(bench):
    strand(bench)
    bench.device.break_reload(Reload.IGNORED)
    select(bench, bench.old)
    receipt = decide(bench, ACCEPT)
    assert isinstance(receipt.error, SafetyRefusal)
    assert "is not one certificate" in receipt.error.message
    assert bench.journal.unfinished("box")


def test_what_nobody_sees_is_not_accepted(bench):
    strand(bench)

    def silent(endpoint, _roots, _now):
        raise TargetUnreachable(f"{endpoint}: nobody")

    receipt = decide(bench, ACCEPT, look=silent)
    assert isinstance(receipt.error, TargetUnreachable)
    assert "--finish" in receipt.error.hint


def test_nothing_before_and_nothing_now_is_accepted(bench):
    select(bench, None)
    bench.wrap = lambda target: FaultyTarget(
        FaultyTarget(target, at="confirm", fault=Raise(TargetRefused("no"))), at="rollback", fault=Raise(TargetRefused("gone"))
    )
    assert bench.rotate().outcome is Outcome.STRANDED
    bench.wrap = plain
    select(bench, None)
    receipt = decide(bench, ACCEPT)
    assert (receipt.outcome, receipt.error, receipt.now) == (Outcome.ROLLED_BACK, None, None)


def test_before_the_switch_there_is_no_timer_to_disarm(bench):
    bench.rotate()
    bench.kind = memory_kind(self_rescue=True)
    bench.due()
    bench.wrap = at("stage", Raise(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        bench.rotate()
    bench.wrap = at("confirm", Raise(AssertionError("nothing was staged")))
    assert decide(bench, ACCEPT).outcome is Outcome.ROLLED_BACK


# --- the device's own timer ---


def test_the_timer_of_the_device_does_not_undo_what_was_accepted(bench):
    bench.kind = memory_kind(self_rescue=True)
    bench.rotate()
    bench.due()
    bench.wrap = at("confirm", Raise(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        bench.rotate()
    foreign = bench.foreign().fingerprint
    bench.wrap = plain
    assert decide(bench, replace(ACCEPT, adopt=True)).error is None
    bench.device.pass_time(bench.rescue_after * 2)
    assert bench.served == foreign


def test_a_timer_that_was_stopped_before_does_not_stand_in_the_way(bench):
    strand(bench)
    bench.kind = memory_kind(self_rescue=True)
    bench.wrap = at("confirm", Raise(RescueFired("it is over")))
    assert decide(bench, ACCEPT).outcome is Outcome.ROTATED
    assert 10.0 in bench.pauses


def test_what_changes_under_the_persons_eyes_is_not_accepted(bench):
    strand(bench)
    bench.kind = memory_kind(self_rescue=True)
    bench.foreign()
    bench.wrap = at("confirm", Instead(lambda: select(bench, bench.old)))
    receipt = decide(bench, replace(ACCEPT, adopt=True))
    assert isinstance(receipt.error, TargetDrifted)
    assert bench.journal.unfinished("box")


# --- going back ---


def test_the_rollback_is_finished_and_seen(bench):
    strand(bench)
    receipt = decide(bench, FINISH)
    assert (receipt.outcome, receipt.error, receipt.now) == (Outcome.ROLLED_BACK, None, bench.old)
    assert bench.served == bench.old
    last = bench.journal.last("box")
    assert last.phase is Phase.ROLLED_BACK
    assert last.error.startswith("sent back by anna@desk; ")


def test_a_rollback_without_an_endpoint_is_told_by_what_is_installed(bench):
    bench.files_only = True
    strand(bench)
    receipt = decide(bench, FINISH)
    assert (receipt.now, receipt.seen, receipt.not_after) == (bench.old, False, None)


def test_a_rollback_that_fails_again_stays_stranded(bench):
    strand(bench)
    bench.wrap = at("rollback", Raise(TargetRefused("still gone")))
    for _ in range(2):  # however often a person asks: what went wrong first is told once
        receipt = decide(bench, FINISH)
        assert receipt.outcome is Outcome.STRANDED
        assert isinstance(receipt.error, Stranded)
        told = "going back was asked for, and failed: still gone; before that: no; going back failed too: gone"
        assert receipt.error.message == f"STRANDED: {told}"
        assert bench.journal.last("box").error == told
    assert bench.journal.unfinished("box")


def test_going_back_never_overwrites_somebody_else(bench):
    strand(bench)
    foreign = bench.foreign().fingerprint
    receipt = decide(bench, FINISH)
    assert isinstance(receipt.error, ForeignCertificate)
    assert "--accept --adopt" in receipt.error.hint
    assert bench.served == foreign
