"""Ends that are rare: answers that are none, targets that fail while an earlier run is settled, and while a person asks to go back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from certpush.errors import ConfigError, ForeignCertificate, NoWayBack, Stranded, TargetBug, TargetRefused
from certpush.model import Outcome, Phase, WayBack, WayBackKind
from certpush.rotation.retrace import retrace
from certpush.target import Staged
from certpush.testing.faulty import Fault, FaultyTarget, Raise
from flow.conftest import Instead, at


@dataclass
class Later(Fault):
    """Does the work so often, and raises from then on."""

    good: int
    error: Exception
    calls: list[int] = field(default_factory=list)

    def strike(self, deed: Callable[[], Any], lie: Callable[[], Any]) -> Any:
        self.calls.append(1)
        if len(self.calls) > self.good:
            raise self.error
        return deed()


def killed_at(bench, verb: str, *, after: bool = False) -> str | None:
    """A good deployment, and a second one that ends at this verb; what was served before."""
    bench.rotate()
    old = bench.served
    bench.due()
    bench.wrap = at(verb, Raise(KeyboardInterrupt(), after=after))
    with pytest.raises(KeyboardInterrupt):
        bench.rotate()
    bench.wrap = lambda target: target
    return old


# --- answers and errors of plugins --------------------------------------------------------------


@pytest.mark.parametrize("answer", [3, Staged({"x": object()})], ids=["of another type", "that no journal can hold"])
def test_an_answer_that_is_none_is_a_named_bug_and_the_old_one_stays(bench, answer):
    bench.rotate()
    old = bench.served
    bench.due()
    bench.wrap = at("stage", Instead(lambda: answer))
    receipt = bench.rotate()
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert isinstance(receipt.error, TargetBug)
    assert "answered stage with something that is no Staged" in receipt.error.message
    assert bench.served == old


def test_an_error_in_the_configuration_that_a_plugin_finds_late_names_the_table(bench):
    bench.rotate()
    old = bench.served
    bench.due()
    bench.wrap = at("stage", Raise(ConfigError("token: the secret is gone", hint="bring it back")))
    receipt = bench.rotate()
    assert isinstance(receipt.error, ConfigError)
    assert (receipt.error.message, receipt.error.hint) == ("target.box: token: the secret is gone", "bring it back")
    assert bench.served == old


def test_something_else_that_is_served_after_going_back_is_stranded(bench):
    bench.rotate()
    bench.due()
    bench.wrap = lambda target: FaultyTarget(
        FaultyTarget(target, at="confirm", fault=Raise(TargetRefused("no"))), at="rollback", fault=Instead(lambda: bench.foreign() and None)
    )
    receipt = bench.rotate()
    assert isinstance(receipt.error, Stranded)
    assert "serves neither the old nor the new certificate" in receipt.error.message


# --- settling ------------------------------------------------------------------------------------


def test_what_cannot_be_confirmed_by_the_next_run_is_brought_back_by_it(bench):
    old = killed_at(bench, "confirm")
    bench.wrap = at("confirm", Raise(TargetRefused("not today")))
    bench.rotate()
    settled = bench.journal.history(["box"], limit=10)[-1 - 1]
    assert (settled.phase, settled.error) == (Phase.ROLLED_BACK, "not today")
    assert bench.served == old


def test_a_target_that_cannot_be_asked_after_a_switch_was_begun_is_stranded_and_stays_open(bench):
    killed_at(bench, "confirm")
    bench.wrap = at("inspect", Raise(TargetRefused("locked")))
    receipt = bench.rotate()
    assert isinstance(receipt.error, Stranded)
    assert len(bench.journal.unfinished("box")) == 1


def test_a_target_that_cannot_be_asked_before_anything_was_switched_has_only_failed(bench):
    old = killed_at(bench, "stage")
    bench.wrap = at("inspect", Raise(TargetRefused("locked")))
    receipt = bench.rotate()
    assert receipt.outcome is Outcome.FAILED
    assert isinstance(receipt.error, TargetRefused)
    assert bench.served == old


@pytest.mark.parametrize("after", [False, True], ids=["before it", "after it"])
def test_with_no_endpoint_what_is_installed_says_whether_a_switch_was_done(bench, after):
    bench.files_only = True
    killed_at(bench, "activate", after=after)
    receipt = bench.rotate()
    assert receipt.error is None
    settled = bench.journal.history(["box"], limit=10)
    assert {one.outcome for one in settled} == {Outcome.ROTATED} | ({Outcome.ROLLED_BACK} if not after else set())


# --- a person asks to go back ----------------------------------------------------------------------


def test_a_deployment_without_a_way_back_is_not_gone_back_from(bench, monkeypatch):
    bench.rotate()
    last = replace(bench.journal.last("box"), way_back=WayBack(WayBackKind.NONE, "the device keeps nothing"))
    monkeypatch.setattr(bench.journal, "last", lambda _: last)
    receipt = retrace(bench.rotation())
    assert isinstance(receipt.error, NoWayBack)
    assert "the device keeps nothing" in receipt.error.message


def test_a_certificate_of_somebody_else_is_not_overwritten_by_going_back(bench):
    bench.rotate()
    theirs = bench.foreign()
    assert isinstance(retrace(bench.rotation()).error, ForeignCertificate)
    assert bench.served == theirs.fingerprint


def test_a_target_that_refuses_to_go_back_and_is_as_it_was_strands_nobody(bench):
    bench.rotate()
    now = bench.served
    bench.wrap = at("rollback", Raise(TargetRefused("read-only")))
    receipt = retrace(bench.rotation())
    assert isinstance(receipt.error, TargetRefused)
    assert receipt.outcome is Outcome.FAILED
    assert bench.served == now
    assert bench.journal.last("box").phase is Phase.CONFIRMED


def test_a_target_that_cannot_even_be_asked_then_is_stranded(bench):
    bench.rotate()
    bench.wrap = lambda target: FaultyTarget(
        FaultyTarget(target, at="inspect", fault=Later(1, TargetRefused("locked"))), at="rollback", fault=Raise(TargetRefused("read-only"))
    )
    assert isinstance(retrace(bench.rotation()).error, Stranded)
