"""Promise 4: kill -9 anywhere, and the next plain run converges without help."""

from __future__ import annotations

import os
import signal
from dataclasses import replace
from fractions import Fraction

import pytest

from certpush.errors import ForeignCertificate, TargetRefused, TargetUnreachable
from certpush.model import Outcome, Phase
from certpush.rotation.retrace import retrace
from certpush.testing.device import Reload
from certpush.testing.faulty import FaultyTarget, Kill, Raise
from certpush.testing.memory import memory_kind
from flow.conftest import Instead, at

VERBS = ("inspect", "preflight", "changes", "stage", "activate", "confirm", "tidy", "close")
PHASES = (Phase.INTENT, Phase.STAGED, Phase.ACTIVATING, Phase.ACTIVATED, Phase.VERIFIED, Phase.CONFIRMED)


def in_a_child(deed) -> int:
    """Run ``deed`` in a forked process and give its wait status; the child never comes back into the test."""
    child = os.fork()
    if child == 0:
        try:
            deed()
        finally:
            os._exit(7)
    return os.waitpid(child, 0)[1]


def killed_in_a_child(deed) -> None:
    status = in_a_child(deed)
    assert os.WIFSIGNALED(status), f"the child was not killed, it ended with {status}"
    assert os.WTERMSIG(status) == signal.SIGKILL


def reopened(bench):
    """A bench on the same device and state, as the next process opens it (a forked SQLite connection must not be shared)."""
    return replace(bench, events=[], pauses=[], wrap=lambda target: target)


def in_fresh_process(bench, prepare):
    """What a run of its own does: open the state anew, then rotate under ``prepare``."""

    def deed():
        mine = reopened(bench)
        prepare(mine)
        mine.rotate()

    return deed


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("rescue", [False, True], ids=["no-timer", "own-timer"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("verb", VERBS)
def test_a_run_killed_at_a_verb_is_made_good_by_the_next(bench, verb, after, rescue):
    bench.kind = memory_kind(self_rescue=rescue)
    bench.rotate()
    old = bench.served
    bench.due()

    def prepare(mine):
        mine.wrap = lambda target: FaultyTarget(target, at=verb, fault=Kill(after=after))

    killed_in_a_child(in_fresh_process(bench, prepare))
    served = bench.served
    assert served in (old, *(one.fingerprint for one in bench.escrow.generations("box")))
    next_run = reopened(bench)
    receipt = next_run.rotate()
    assert receipt.outcome in (Outcome.ROTATED, Outcome.UNCHANGED), receipt.error
    assert bench.served != old
    assert next_run.journal.unfinished("box") == ()
    next_run.spec = replace(next_run.spec, renew_at=Fraction(2, 3))
    assert next_run.rotate().outcome is Outcome.UNCHANGED
    next_run.journal.close()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("written", [False, True], ids=["before-it-is-written", "after-it-is-written"])
@pytest.mark.parametrize("phase", PHASES)
def test_a_run_killed_around_a_journal_record_is_made_good_by_the_next(bench, phase, written):
    bench.rotate()
    old = bench.served
    bench.due()

    def prepare(mine):
        journal = mine.journal
        begin, enter = journal.begin, journal.enter

        def die_at(deed):
            def write(deployment, *more):
                if deployment.phase is not phase:
                    return deed(deployment, *more)
                if written:
                    deed(deployment, *more)
                os.kill(os.getpid(), signal.SIGKILL)
                return None

            return write

        journal.begin, journal.enter = die_at(begin), die_at(enter)

    killed_in_a_child(in_fresh_process(bench, prepare))
    next_run = reopened(bench)
    assert next_run.rotate().outcome in (Outcome.ROTATED, Outcome.UNCHANGED)
    assert bench.served != old
    assert next_run.journal.unfinished("box") == ()
    next_run.journal.close()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_run_killed_while_going_back_is_made_good_by_the_next(bench):
    bench.rotate()
    old = bench.served
    bench.due()

    def prepare(mine):
        mine.wrap = lambda target: FaultyTarget(
            FaultyTarget(target, at="confirm", fault=Raise(TargetRefused("no"))), at="rollback", fault=Kill()
        )

    killed_in_a_child(in_fresh_process(bench, prepare))
    assert bench.journal.last("box").phase is Phase.ROLLING_BACK
    next_run = reopened(bench)
    next_run.wrap = lambda target: FaultyTarget(target, at="stage", fault=Raise(TargetRefused("not today")))
    assert next_run.rotate().outcome is Outcome.ROLLED_BACK
    assert bench.served == old
    next_run.journal.close()


@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_device_that_came_back_by_itself_is_found_so_and_deployed_to_again(bench):
    bench.kind = memory_kind(self_rescue=True)
    bench.rotate()
    old = bench.served
    bench.due()

    def prepare(mine):
        mine.wrap = lambda target: FaultyTarget(target, at="confirm", fault=Kill())

    killed_in_a_child(in_fresh_process(bench, prepare))
    assert bench.served != old
    bench.device.pass_time(bench.rescue_after * 2)
    assert bench.served == old  # without us
    next_run = reopened(bench)
    assert next_run.rotate().outcome is Outcome.ROTATED
    outcomes = [one.outcome for one in next_run.journal.history(["box"])]
    assert outcomes == [Outcome.ROTATED, Outcome.ROLLED_BACK, Outcome.ROTATED]
    next_run.journal.close()


def test_a_stranded_target_is_taken_up_again_by_the_next_run(bench):
    bench.rotate()
    bench.due()
    bench.wrap = lambda target: FaultyTarget(
        FaultyTarget(target, at="confirm", fault=Raise(TargetRefused("no"))), at="rollback", fault=Raise(TargetUnreachable("gone"))
    )
    assert bench.rotate().outcome is Outcome.STRANDED
    assert bench.rotate().outcome is Outcome.STRANDED
    bench.wrap = lambda target: target
    assert bench.rotate().outcome is Outcome.ROTATED


def test_a_certificate_that_left_the_escrow_is_settled_backwards(bench):
    bench.rotate()
    old = bench.served
    bench.due()
    bench.wrap = lambda target: FaultyTarget(target, at="confirm", fault=Raise(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        bench.rotate()
    wanted = bench.journal.last("box").wanted
    bench.escrow.prune("box", frozenset({old}))
    bench.escrow.make_current("box", old)
    bench.escrow.prune("box", frozenset({old}))
    assert bench.escrow.find(wanted) is None
    bench.wrap = lambda target: FaultyTarget(target, at="stage", fault=Raise(TargetRefused("not today")))
    bench.rotate()
    assert bench.served == old


@pytest.mark.parametrize("comes", [1, 2], ids=["once", "again and again"])
def test_a_switch_that_a_dead_run_left_on_its_way_is_gone_back_from_when_it_comes(bench, comes):
    """The device does it after the next run found nothing done: what came since is undone as well, once."""
    bench.rotate()
    old = bench.served
    bench.due()
    bench.wrap = lambda target: FaultyTarget(target, at="activate", fault=Raise(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        bench.rotate()
    late = bench.escrow.find(bench.journal.last("box").wanted)
    left = [*range(comes)]

    def pause(_: float) -> None:
        if left and bench.served == old:
            left.pop()
            bench.device.put("late", late.fullchain_pem, late.key.reveal_pem(), by="certpush")
            bench.device.select("late")
            bench.device.reload()

    bench.pause = pause
    bench.wrap = lambda target: FaultyTarget(target, at="stage", fault=Raise(TargetRefused("not today")))
    receipt = bench.rotate()
    assert not left
    assert receipt.outcome is (Outcome.ROLLED_BACK if comes == 1 else Outcome.STRANDED)
    assert bench.served == (old if comes == 1 else late.fingerprint)


def test_a_certificate_that_an_administrator_installed_meanwhile_is_left_alone(bench):
    bench.rotate()
    bench.due()
    bench.wrap = lambda target: FaultyTarget(target, at="confirm", fault=Raise(KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt):
        bench.rotate()
    theirs = bench.foreign()
    bench.wrap = lambda target: target
    receipt = bench.rotate()
    assert isinstance(receipt.error, ForeignCertificate)
    assert bench.served == theirs.fingerprint
    assert bench.journal.unfinished("box") == ()


# --- back because a person asks -----------------------------------------------------------------


def test_a_person_can_go_back_and_it_is_verified(bench):
    bench.rotate()
    old = bench.served
    bench.rotate(force=True)
    receipt = retrace(bench.rotation())
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert receipt.error is None
    assert bench.served == old == receipt.now


def test_going_back_twice_is_refused(bench):
    bench.rotate()
    bench.rotate(force=True)
    retrace(bench.rotation())
    receipt = retrace(bench.rotation())
    assert "already rolled back" in receipt.error.message


def test_going_back_from_nothing_is_refused(bench):
    assert "deployed nothing here yet" in retrace(bench.rotation()).error.message


def test_going_back_that_fails_says_stranded(bench):
    bench.rotate()
    bench.rotate(force=True)
    bench.device.break_reload(Reload.REFUSED)
    assert retrace(bench.rotation()).outcome is Outcome.STRANDED


def test_where_nothing_is_looked_at_the_service_of_a_killed_switch_is_told_again(bench):
    """The files were in place, and the reload was killed with us: what is installed says nothing of what the service uses."""
    bench.files_only = True
    bench.rotate()
    old = bench.served
    bench.due()

    def select_and_die():
        bench.device.select(bench.journal.unfinished("box")[0].wanted)
        raise KeyboardInterrupt  # nothing of ours catches it, as nothing survives a kill

    bench.wrap = at("activate", Instead(select_and_die))
    with pytest.raises(KeyboardInterrupt):
        bench.rotate()
    assert bench.served == old
    next_run = reopened(bench)
    next_run.spec = replace(next_run.spec, renew_at=Fraction(2, 3))
    receipt = next_run.rotate()
    assert receipt.outcome is Outcome.UNCHANGED, [(one.phase, one.message) for one in next_run.events]
    assert bench.served == receipt.now != old
    next_run.journal.close()


def test_going_back_to_the_same_certificate_is_done_once_it_is_seen(bench):
    """It was to be put in place again, for the service was silent; once that runs there is nothing to go back from."""
    bench.rotate()
    ours = bench.served
    bench.device.break_reload(Reload.DIES)
    bench.device.reload()
    bench.device.break_reload(Reload.REFUSED)
    bench.wrap = at("rollback", Raise(TargetUnreachable("gone")))
    assert bench.rotate().outcome is Outcome.STRANDED
    bench.device.break_reload(Reload.WORKS)
    bench.device.reload()
    next_run = reopened(bench)
    receipt = next_run.rotate()
    assert receipt.outcome is Outcome.UNCHANGED, receipt.error
    assert bench.served == ours
    assert next_run.journal.unfinished("box") == ()
    next_run.journal.close()


def test_a_silent_service_that_cannot_be_told_leaves_nobody_stranded(bench):
    bench.rotate()
    bench.device.break_reload(Reload.DIES)
    bench.device.reload()
    bench.device.break_reload(Reload.REFUSED)
    receipt = bench.rotate()
    assert receipt.outcome is Outcome.ROLLED_BACK, receipt.error
    assert receipt.error is not None
    assert "refused" in receipt.error.message
