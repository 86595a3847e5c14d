"""Rolling back and tidying up."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

import pytest

from certpush.errors import CertpushError, NoWayBack
from certpush.model import CertificateBundle, Expected, Staged
from certpush.target import Reversible, Target
from certpush.testing.contract.bench import AnyBench
from certpush.testing.contract.demands import not_claimed, not_tried, what_differs


class GoingBack:
    """Obligations of the way back."""

    @pytest.mark.parametrize("died_after", ["nothing", "stage", "stage unanswered", "activate", "confirm"])
    def test_rollback_brings_back_exactly_the_old_one(self, bench: AnyBench, died_after: str) -> None:
        """Safe wherever the run died, on a fresh instance."""
        _need_a_way_back(bench)
        old = bench.deploy()
        new, before = bench.mint(), bench.inspect()
        staged = _go_on_until(died_after, bench, new)
        expected = bench.open().rollback(before, staged, bench.previous(old))
        assert expected == Expected.leaf(old.bundle.fingerprint), f"rollback() must say that the old leaf is served then, not {expected}"
        bench.expect_served(old.bundle.fingerprint, f"after {died_after}, rollback() does not bring the old certificate back")
        assert bench.inspect().fingerprint == old.bundle.fingerprint, "after rollback(), inspect() tells another certificate"

    def test_rollback_twice_is_harmless(self, bench: AnyBench) -> None:
        """A run that died inside it does it again."""
        _need_a_way_back(bench)
        old = bench.deploy()
        new = bench.switch(bench.mint())
        for _ in range(2):
            bench.open().rollback(new.before, new.staged, bench.previous(old))
        bench.open().rollback(new.before, None, bench.previous(old))
        bench.expect_served(old.bundle.fingerprint, "a repeated rollback() lost the old certificate")

    def test_rollback_after_a_repeated_activate(self, bench: AnyBench) -> None:
        """Where the device keeps one former pair, a switch that is repeated must not push the old one out of its place."""
        if bench.kind.reversible is not Reversible.KEEPS_PREVIOUS:
            not_claimed("this kind does not say that the device keeps the old certificate")
        old = bench.deploy()
        new = bench.switch(bench.mint())
        bench.open().activate(new.staged, new.bundle)
        bench.open().rollback(new.before, new.staged, None)
        bench.expect_served(old.bundle.fingerprint, "after a repeated activate(), rollback() does not bring the old certificate back")

    def test_rollback_leads_where_it_is_told_to(self, bench: AnyBench) -> None:
        """Somebody may have switched once more: what came last is not ``to``. Where that is gone, refuse, and leave all as it is."""
        _need_a_way_back(bench)
        old, failed, theirs = bench.deploy(), bench.deploy(), bench.deploy()
        try:
            expected = bench.open().rollback(failed.before, failed.staged, old.bundle)
        except CertpushError:
            bench.expect_served(theirs.bundle.fingerprint, "rollback() refused, and changed what is served all the same")
            return
        assert expected == Expected.leaf(old.bundle.fingerprint), (
            f"rollback() must say that what it was told is served then, not {expected}"
        )
        bench.expect_served(old.bundle.fingerprint, "rollback() does not lead to what it was told, but to what was served last")

    def test_rollback_takes_the_former_pair_when_it_is_given(self, bench: AnyBench) -> None:
        """The core gives it whenever it holds it."""
        _need_a_way_back(bench)
        old = bench.deploy()
        new = bench.switch(bench.mint())
        bench.open().rollback(new.before, new.staged, old.bundle)
        bench.expect_served(old.bundle.fingerprint, "rollback() with the former pair does not bring it back")

    def test_rollback_brings_back_an_expired_one_too(self, bench: AnyBench) -> None:
        """Where renewal came late the old one has ended; it is still better than one that nobody has seen work."""
        _need_a_way_back(bench)
        ended = bench.mint_expired()
        try:
            bench.switch(ended)
        except CertpushError:
            not_claimed("this device takes no expired certificate, so it cannot have one")
        old = bench.deploy(ended)
        new = bench.switch(bench.mint())
        bench.open().rollback(new.before, new.staged, bench.previous(old))
        bench.expect_served(ended.fingerprint, "rollback() does not bring the old certificate back, because it has expired")

    def test_rollback_after_a_half_done_switch(self, bench: AnyBench) -> None:
        """The common case: the device accepted the certificate and stumbled over serving it."""
        _need_a_way_back(bench)
        if bench.case.broken_switch is None:
            not_tried("the case gives no broken_switch")
        old = bench.deploy()
        new, before = bench.mint(), bench.inspect()
        staged = bench.stage(new)
        with bench.case.broken_switch(), contextlib.suppress(CertpushError):
            bench.open().activate(staged, new)
        bench.open().rollback(before, staged, bench.previous(old))
        bench.expect_served(old.bundle.fingerprint, "after a half-done activate(), rollback() does not bring the old certificate back")
        assert bench.inspect().fingerprint == old.bundle.fingerprint, "after a half-done activate(), rollback() left the new one configured"

    @pytest.mark.parametrize("died_after", ["stage", "activate"])
    def test_rollback_leaves_nothing_of_the_failed_attempt(self, bench: AnyBench, died_after: str) -> None:
        """A key that serves nothing must not lie about."""
        _need_a_way_back(bench)
        old = bench.deploy()
        to, before = bench.inspect(), bench.snapshot()
        staged = _go_on_until(died_after, bench, bench.mint())
        bench.open().rollback(to, staged, bench.previous(old))
        bench.expect_served(old.bundle.fingerprint, "rollback() does not bring the old certificate back")
        now = bench.snapshot()
        assert now == before, f"rollback() left something of the failed attempt on the device: {what_differs(before, now)}"
        bench.need_a_snapshot()

    def test_the_same_certificate_can_be_deployed_after_a_rollback(self, bench: AnyBench) -> None:
        """A failed deployment is repeated with the same certificate, not with a new one."""
        _need_a_way_back(bench)
        old = bench.deploy()
        new = bench.switch(bench.mint())
        bench.open().rollback(new.before, new.staged, bench.previous(old))
        bench.deploy(new.bundle)

    def test_the_first_deployment_can_be_rolled_back(self, bench: AnyBench) -> None:
        """Before it the device serves nothing, its own certificate, or somebody else's."""
        _need_a_way_back(bench)
        new = bench.switch(bench.mint())
        bench.expect_served(new.bundle.fingerprint, "the first deployment is not served")
        try:
            expected = bench.open().rollback(new.before, new.staged, None)
        except NoWayBack:
            assert bench.kind.reversible is Reversible.NEEDS_PREVIOUS, "NoWayBack, although the kind says that the device keeps the old one"
            return
        if new.before.fingerprint is None:
            assert expected.fingerprint is None, f"nothing was installed before, so rollback() cannot say {expected}"
        bench.expect(expected, new.bundle, f"after the first deployment was rolled back, {expected.after.value} is not what is served")

    def test_tidy_spares_what_is_kept_served_or_not_ours(self, bench: AnyBench) -> None:
        """``keep`` is what a rollback may need."""
        _need_a_tidy(bench)
        second = bench.deploy()
        third = bench.deploy()
        is_there = _plant_foreign(bench)
        bench.open().tidy({second.bundle.fingerprint, third.bundle.fingerprint})
        bench.open().tidy(())
        bench.expect_served(third.bundle.fingerprint, "tidy() removed the certificate that is served")
        assert bench.inspect().fingerprint == third.bundle.fingerprint, "tidy() removed the certificate that is served"
        assert is_there(), "tidy() removed a certificate that certpush did not make"

    def test_after_tidy_what_was_kept_can_be_rolled_back_to(self, bench: AnyBench) -> None:
        """Else a tidy device would be one without a way back."""
        _need_a_way_back(bench)
        _need_a_tidy(bench)
        bench.deploy()
        second = bench.deploy()
        third = bench.deploy()
        bench.open().tidy({second.bundle.fingerprint, third.bundle.fingerprint})
        bench.open().rollback(third.before, third.staged, bench.previous(second))
        bench.expect_served(second.bundle.fingerprint, "tidy() removed what was to be kept: there is no way back")


def _go_on_until(died_after: str, bench: AnyBench, new: CertificateBundle) -> Staged | None:
    """Do the steps of a run that then died, and give what it had written down."""
    if died_after == "nothing":
        return None
    staged = bench.stage(new)
    if died_after == "stage unanswered":
        return None
    if died_after in ("activate", "confirm"):
        bench.open().activate(staged, new)
    if died_after == "confirm":
        bench.open().confirm(staged)
    return staged


def _plant_foreign(bench: AnyBench) -> Callable[[], bool]:
    if bench.case.foreign is None:
        pytest.fail("this kind has a tidy(): give TargetCase.foreign, to show that it spares what is not ours", pytrace=False)
    return bench.case.foreign(bench.mint())


def _need_a_tidy(bench: AnyBench) -> None:
    if type(bench.open().inner).tidy is Target.tidy:
        not_claimed("this kind has no tidy(), so it removes nothing at all")


def _need_a_way_back(bench: AnyBench) -> None:
    if bench.kind.reversible is Reversible.NEVER:
        not_claimed("this kind says that there is never a way back")
