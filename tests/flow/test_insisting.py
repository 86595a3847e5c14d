"""A1: a reload that was answered and did nothing is repeated once, where the kind says that this is harmless; then comes the way back."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import timedelta

import pytest

from certpush import CertificateBundle, Staged
from certpush.errors import TargetUnreachable
from certpush.kit.tls import look
from certpush.model import Outcome
from certpush.testing.device import Reload
from certpush.testing.memory import MemoryTarget
from flow.conftest import Bench


@pytest.fixture
def repeating(bench) -> Bench:
    """A device with its first certificate, whose next one is due."""
    bench.rotate()
    bench.due()
    bench.events.clear()
    bench.kind = replace(bench.kind, switches_again=True, deadline=timedelta(seconds=4))
    bench.device.break_reload(Reload.IGNORED)
    return bench


def mended_at_the_second_time(bench: Bench) -> None:
    """The first reload that the rotation asks for does nothing, the second one works."""

    class Repeated(MemoryTarget):
        times = 0

        def activate(self, staged: Staged, bundle: CertificateBundle) -> None:
            Repeated.times += 1
            bench.device.break_reload(Reload.IGNORED if Repeated.times == 1 else Reload.WORKS)
            super().activate(staged, bundle)

    bench.wrap = lambda target: Repeated(target._settings)


def test_a_reload_that_was_lost_is_repeated_once(repeating):
    mended_at_the_second_time(repeating)
    receipt = repeating.rotate()
    assert (receipt.outcome, receipt.error) == (Outcome.ROTATED, None)
    assert repeating.served == receipt.now
    assert repeating.phases[5:] == ["activate", "verify", "warning", "activate", "verify", "confirm", "done"]
    (warning,) = [one.message for one in repeating.events if one.phase == "warning"]
    assert warning.endswith("; the service is told once more")
    assert warning in [note for _, _, note in repeating.journal.steps(receipt.deployment)]


def test_a_reload_that_never_does_anything_is_repeated_once_and_gone_back_from_in_the_same_time(repeating):
    old = repeating.served
    receipt = repeating.rotate()
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert repeating.served == old
    assert repeating.phases.count("activate") == 2
    assert "told twice" in receipt.error.hint
    assert repeating.pauses.count(0.5) <= 10, "not much more than the 4 s of its deadline, half a second each"


def test_a_reload_is_not_repeated_where_somebody_asked_for_a_stop(repeating):
    old, stop = repeating.served, threading.Event()
    repeating.pause = lambda _: stop.set()
    receipt = repeating.rotate(stop=stop)
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert repeating.served == old
    assert repeating.phases.count("activate") == 1


def test_who_is_silent_is_not_told_again_and_has_the_whole_deadline(repeating):
    old = repeating.served

    def silent_for_three_seconds(endpoint, roots, now):
        if "activate" in repeating.phases and repeating.pauses.count(0.5) < 6:
            raise TargetUnreachable(f"{endpoint}: Connection refused")
        return look(endpoint, roots, now)

    repeating.device.break_reload(Reload.WORKS)
    receipt = repeating.rotate(look=silent_for_three_seconds)
    assert (receipt.outcome, receipt.error) == (Outcome.ROTATED, None)
    assert repeating.served != old
    assert repeating.phases.count("activate") == 1
