"""Confirming, and the device that comes back by itself."""

from __future__ import annotations

from datetime import timedelta

import pytest

from certpush.errors import RescueFired
from certpush.testing.contract.bench import AnyBench
from certpush.testing.contract.demands import must_raise, not_claimed


class Rescue:
    """Obligations around the device's own timer."""

    def test_confirm_may_be_repeated_and_changes_nothing_served(self, bench: AnyBench) -> None:
        """A run killed right after ``confirm`` confirms again."""
        deployed = bench.deploy()
        bench.open().confirm(deployed.staged)
        bench.expect_served(deployed.bundle.fingerprint, "confirm() changed what is served")

    def test_an_unconfirmed_switch_comes_back_by_itself(self, bench: AnyBench) -> None:
        """Whoever loses the device over the switch gets it back without certpush."""
        length = _rescue_after(bench)
        old = bench.deploy()
        new = bench.switch(bench.mint()).bundle
        bench.expect_served(new.fingerprint, "the rescue fired before its time, or the switch failed")
        bench.case.wait(length)
        bench.expect_served(old.bundle.fingerprint, "unconfirmed, and the device did not put the old certificate back by itself")
        assert bench.inspect().fingerprint == old.bundle.fingerprint, "inspect() does not know that the device came back by itself"

    def test_a_confirmed_switch_stays(self, bench: AnyBench) -> None:
        """Else the device would fall back a while after every success."""
        length = _rescue_after(bench)
        bench.deploy()
        new = bench.deploy().bundle
        bench.case.wait(length * 1.5)
        bench.expect_served(new.fingerprint, "confirmed, and the device went back to the old certificate all the same")

    def test_confirm_after_the_rescue_says_so(self, bench: AnyBench) -> None:
        """Exactly one of the two wins: a confirmation that comes too late must not look like success."""
        length = _rescue_after(bench)
        old = bench.deploy()
        new = bench.switch(bench.mint())
        bench.case.wait(length)
        bench.expect_served(old.bundle.fingerprint, "the device did not come back by itself")
        with must_raise(RescueFired, "confirm() after the device came back by itself must raise RescueFired"):
            bench.open().confirm(new.staged)

    def test_a_repeated_activate_does_not_make_the_new_one_the_way_back(self, bench: AnyBench) -> None:
        """Arming twice must keep what the first arming remembered."""
        length = _rescue_after(bench)
        old = bench.deploy()
        new = bench.switch(bench.mint())
        bench.open().activate(new.staged, new.bundle)
        bench.case.wait(length)
        bench.expect_served(old.bundle.fingerprint, "after a repeated activate(), the device's own way back leads elsewhere")

    def test_a_rollback_leaves_no_timer_behind(self, bench: AnyBench) -> None:
        """An old timer would hit the next rotation."""
        length = _rescue_after(bench)
        old = bench.deploy()
        failed = bench.switch(bench.mint())
        bench.open().rollback(failed.before, failed.staged, bench.previous(old))
        good = bench.deploy()
        bench.case.wait(length * 1.5)
        bench.expect_served(good.bundle.fingerprint, "a timer armed before the rollback fired in the next rotation")


def _rescue_after(bench: AnyBench) -> timedelta:
    if not bench.kind.self_rescue:
        not_claimed("this kind does not say that it rescues itself (self_rescue)")
    if bench.case.rescue_after is None:
        pytest.fail("this kind claims self_rescue: give TargetCase.rescue_after, a short time that the settings ask for", pytrace=False)
    return bench.case.rescue_after
