"""Where old workers answer beside new ones, only a row of looks over a length of time counts; and what a device goes back to by itself."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from certpush.errors import PreflightFailed, TargetRefused, VerificationFailed
from certpush.kit.tls import look
from certpush.model import Expected, Finding, Installed, Outcome, Severity
from certpush.testing.faulty import FaultyTarget, Raise
from flow.conftest import Instead


class Alternating:
    """Shows the former certificate once more at the looks that are named, as an old worker would."""

    def __init__(self, *old: int) -> None:
        self.old, self.count, self.first = old, 0, None

    def __call__(self, endpoint, roots, now):
        seen = look(endpoint, roots, now)
        self.first = self.first or seen
        self.count += 1
        return replace(self.first, chain_ok=False) if self.count - 1 in self.old else seen


def steady(bench, length: timedelta = timedelta(seconds=4.75)):
    bench.kind = replace(bench.kind, steady=length)
    return bench


def test_every_look_over_the_time_must_show_the_new_one(bench):
    looks = Alternating()
    receipt = steady(bench).rotate(look=looks, monotonic=lambda: 0.0)
    assert receipt.outcome is Outcome.ROTATED
    assert bench.pauses == [0.5] * 10  # the time is counted by the pauses too, where the clock does not move
    assert looks.count == 1 + 11


def test_an_old_worker_that_answers_once_more_makes_the_row_begin_anew(bench):
    looks = Alternating(8)
    receipt = steady(bench).rotate(look=looks, monotonic=lambda: 0.0)
    assert receipt.outcome is Outcome.ROTATED
    assert looks.count == 1 + 8 + 11


def test_a_device_that_goes_on_alternating_is_brought_back(bench):
    bench.kind = replace(bench.kind, deadline=timedelta(seconds=10))
    receipt = steady(bench).rotate(look=Alternating(*range(1, 60, 5)), monotonic=lambda: 0.0)
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert isinstance(receipt.error, VerificationFailed)


# --- the device's own certificate ----------------------------------------------------------------


def fails_and_goes_back_to(bench, expected: Expected) -> None:
    """Let the run fail at its end, and the plugin go back and say that this is served then."""

    def wrap(target):
        before = target.inspect()

        def back() -> Expected:
            target.rollback(before, None, None)
            return expected

        failing = FaultyTarget(target, at="confirm", fault=Raise(TargetRefused("no")))
        return FaultyTarget(failing, at="rollback", fault=Instead(back))

    bench.wrap = wrap


def test_the_own_certificate_that_came_back_is_written_down(bench):
    own = bench.served
    fails_and_goes_back_to(bench, Expected.device_default(own))
    receipt = bench.rotate()
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert bench.journal.last("box").before.own == own
    assert bench.served == own


def test_another_certificate_than_the_own_one_that_was_named_is_no_way_back(bench):
    bench.foreign()
    bench.kind = replace(bench.kind, deadline=timedelta(seconds=1))
    fails_and_goes_back_to(bench, Expected.device_default("ab" * 32))
    receipt = bench.rotate(adopt=True)
    assert receipt.outcome is Outcome.STRANDED
    assert "serves neither its own nor the new certificate" in receipt.error.message


def test_what_the_device_calls_its_own_needs_no_permission_although_another_issuer_signed_it(bench):
    theirs = bench.foreign().fingerprint
    assert bench.plan().error is not None
    bench.wrap = lambda target: FaultyTarget(target, at="inspect", fault=Instead(lambda: Installed(theirs, {"id": "theirs"}, own=theirs)))
    assert bench.plan().error is None


# --- what a check foretells ----------------------------------------------------------------------


@pytest.mark.parametrize(("code", "kind"), [("rights", TargetRefused), ("node", TargetRefused), ("quorum", PreflightFailed)])
def test_what_the_target_would_refuse_is_its_refusal_and_what_is_not_safe_is_ours(bench, code, kind):
    finding = Finding(Severity.ERROR, code, "it cannot be", "change it")
    bench.wrap = lambda target: FaultyTarget(target, at="preflight", fault=Instead(lambda: (finding,)))
    receipt = bench.rotate()
    assert type(receipt.error) is kind
    assert receipt.error.hint == "change it"
    assert bench.issuer.signed == 0
