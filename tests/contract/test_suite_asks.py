"""What the suite cannot find out by itself it asks for, and what a kind does not claim it passes over in words."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from certpush.errors import TargetRefused
from certpush.model import CertificateBundle, Installed, Secret, Staged
from certpush.target import Reversible, Target
from certpush.testing.authority import Authority
from certpush.testing.contract import TargetCase, TargetContract
from certpush.testing.contract.bench import Bench
from certpush.testing.contract.demands import what_differs
from certpush.testing.contract.in_the_process import Heard
from certpush.testing.device import TOKEN
from certpush.testing.faults.back import LeavesTheFailedAttempt
from certpush.testing.faults.talk import PlainSettings, TellsTheTokenInThePlan
from certpush.testing.memory import MemoryDevice, MemorySettings, MemoryTarget, certpush_target
from certpush.testing.memory_case import memory_case

Obligation = Callable[[Bench[Any]], None]
Change = Callable[[TargetCase[MemorySettings]], TargetCase[MemorySettings]]
OBLIGATIONS = TargetContract()


@pytest.fixture
def device(tmp_path: Path) -> Iterator[MemoryDevice]:
    with MemoryDevice(tmp_path / "device.json") as device:
        yield device


@pytest.fixture
def bench_of(device: MemoryDevice) -> Iterator[Callable[[Change], Bench[Any]]]:
    made: list[Bench[Any]] = []

    def make(change: Change) -> Bench[Any]:
        made.append(Bench(change(memory_case(device)), Authority()))
        return made[-1]

    yield make
    for bench in made:
        bench.end()


def test_it_passes_over_loading_a_kind_that_nothing_installed_offers(bench_of: Callable[[Change], Bench[Any]]) -> None:
    with pytest.raises(pytest.skip.Exception, match="nothing that is installed here offers the kind 'memory'"):
        OBLIGATIONS.test_certpush_loads_the_kind(bench_of(lambda case: case))


def test_it_asks_for_foreign_where_there_is_a_tidy(bench_of: Callable[[Change], Bench[Any]]) -> None:
    bench = bench_of(lambda case: replace(case, foreign=None))
    with pytest.raises(pytest.fail.Exception, match=r"give TargetCase\.foreign"):
        OBLIGATIONS.test_tidy_spares_what_is_kept_served_or_not_ours(bench)


def test_it_asks_for_the_rescue_time_where_one_is_claimed(bench_of: Callable[[Change], Bench[Any]]) -> None:
    bench = bench_of(lambda case: replace(case, rescue_after=None))
    with pytest.raises(pytest.fail.Exception, match=r"give TargetCase\.rescue_after"):
        OBLIGATIONS.test_a_confirmed_switch_stays(bench)


def test_it_passes_over_a_half_done_switch_that_nobody_can_make(bench_of: Callable[[Change], Bench[Any]]) -> None:
    bench = bench_of(lambda case: replace(case, broken_switch=None))
    with pytest.raises(pytest.skip.Exception, match="the case gives no broken_switch"):
        OBLIGATIONS.test_rollback_after_a_half_done_switch(bench)


def test_it_passes_over_the_way_back_of_a_kind_without_one(bench_of: Callable[[Change], Bench[Any]]) -> None:
    bench = bench_of(lambda case: replace(case, kind=replace(case.kind, reversible=Reversible.NEVER)))
    with pytest.raises(pytest.skip.Exception, match="there is never a way back"):
        OBLIGATIONS.test_rollback_twice_is_harmless(bench)
    OBLIGATIONS.test_errors_hold_no_secret(bench)


class RefusesExpired(MemoryTarget):
    def stage(self, bundle: CertificateBundle) -> Staged:
        if bundle.not_after < Authority().clock():
            raise TargetRefused("this certificate has expired")
        return super().stage(bundle)


def test_it_passes_over_expired_certificates_on_a_device_that_takes_none(bench_of: Callable[[Change], Bench[Any]]) -> None:
    bench = bench_of(lambda case: replace(case, kind=replace(case.kind, open=RefusesExpired)))
    with pytest.raises(pytest.skip.Exception, match="takes no expired certificate"):
        OBLIGATIONS.test_rollback_brings_back_an_expired_one_too(bench)


class WithoutTidy(MemoryTarget):
    tidy = Target.tidy


def test_a_kind_without_tidy_claims_nothing_of_it(bench_of: Callable[[Change], Bench[Any]]) -> None:
    bench = bench_of(lambda case: replace(case, foreign=None, kind=replace(case.kind, open=WithoutTidy)))
    for obligation in (
        OBLIGATIONS.test_tidy_spares_what_is_kept_served_or_not_ours,
        OBLIGATIONS.test_after_tidy_what_was_kept_can_be_rolled_back_to,
    ):
        with pytest.raises(pytest.skip.Exception, match=r"not claimed: this kind has no tidy\(\)"):
            obligation(bench)


@pytest.mark.parametrize(
    "obligation",
    [
        OBLIGATIONS.test_inspect_changes_nothing,
        OBLIGATIONS.test_preflight_and_changes_change_nothing,
        lambda bench: OBLIGATIONS.test_rollback_leaves_nothing_of_the_failed_attempt(bench, "activate"),
    ],
)
def test_what_only_a_snapshot_shows_is_not_tried_without_one(bench_of: Callable[[Change], Bench[Any]], obligation: Obligation) -> None:
    bench = bench_of(lambda case: replace(case, snapshot=None, kind=replace(case.kind, open=LeavesTheFailedAttempt)))
    with pytest.raises(pytest.skip.Exception, match=r"not tried: give TargetCase\.snapshot"):
        obligation(bench)


def test_a_refused_login_is_asked_for_where_there_is_one(bench_of: Callable[[Change], Bench[Any]]) -> None:
    with pytest.raises(pytest.skip.Exception, match=r"not tried: give TargetCase\.wrong_login"):
        OBLIGATIONS.test_a_refused_login_is_told_without_repeating_it(bench_of(lambda case: replace(case, wrong_login=None)))
    with pytest.raises(pytest.skip.Exception, match="not claimed: the case says that there is nothing to reach"):
        OBLIGATIONS.test_a_refused_login_is_told_without_repeating_it(bench_of(lambda case: replace(case, unreachable=None)))


def test_a_login_that_is_not_wrong_is_told(bench_of: Callable[[Change], Bench[Any]]) -> None:
    bench = bench_of(lambda case: replace(case, wrong_login=case.settings))
    with pytest.raises(AssertionError, match="nothing was said of a login that the device refuses"):
        OBLIGATIONS.test_a_refused_login_is_told_without_repeating_it(bench)


# --- which secrets there are ---------------------------------------------------------------------


def with_plain_token(device: MemoryDevice) -> TargetCase[Any]:
    """A kind whose author has never heard of ``Secret``, and a case that tells of none."""

    def opened(settings: PlainSettings) -> Target:
        return MemoryTarget(MemorySettings(state=settings.state, token=Secret(settings.plain_token)))

    case: TargetCase[Any] = memory_case(device)
    kind = replace(case.kind, open=opened, self_rescue=False)
    return replace(case, kind=kind, settings=PlainSettings(state=str(device.path), plain_token=TOKEN), secrets=None)


def test_what_is_a_secret_in_the_settings_need_not_be_named(bench_of: Callable[[Change], Bench[Any]]) -> None:
    bench = bench_of(lambda case: replace(case, secrets=None, kind=replace(case.kind, open=TellsTheTokenInThePlan)))
    with pytest.raises(AssertionError, match="shows secret number 1 of the settings"):
        OBLIGATIONS.test_plans_and_findings_show_no_secret(bench)


@pytest.mark.parametrize(
    "obligation",
    [
        OBLIGATIONS.test_settings_show_no_secret,
        OBLIGATIONS.test_plans_and_findings_show_no_secret,
        lambda bench: OBLIGATIONS.test_logs_hold_no_secret(lambda: Heard("", "", "", "", secrets_known=bench.knows_the_secrets)),
        lambda bench: OBLIGATIONS.test_commands_show_no_secret(lambda: Heard("", "", "", "", secrets_known=bench.knows_the_secrets)),
    ],
)
def test_secrets_that_nobody_told_are_not_looked_for(device: MemoryDevice, obligation: Obligation) -> None:
    bench = Bench(with_plain_token(device), Authority())
    with pytest.raises(pytest.skip.Exception, match=r"not tried: give TargetCase\.secrets"):
        obligation(bench)
    bench.end()


def test_settings_without_a_secret_show_none(device: MemoryDevice) -> None:
    bench = Bench(replace(with_plain_token(device), secrets=()), Authority())
    with pytest.raises(pytest.skip.Exception, match="not claimed: there is no secret in the settings"):
        OBLIGATIONS.test_settings_show_no_secret(bench)
    OBLIGATIONS.test_plans_and_findings_show_no_secret(bench)
    with pytest.raises(pytest.skip.Exception, match="not claimed: there is no secret in the settings to log in with"):
        OBLIGATIONS.test_a_refused_login_is_told_without_repeating_it(bench)
    bench.end()


def test_without_a_way_to_look_inspect_is_what_is_seen(device: MemoryDevice, bench_of: Callable[[Change], Bench[Any]]) -> None:
    class NowhereToLook(MemoryTarget):
        def endpoints(self) -> tuple[Any, ...]:
            return ()

    bench = bench_of(lambda case: replace(case, snapshot=None, kind=replace(case.kind, open=NowhereToLook)))
    deployed = bench.deploy()
    assert bench.served() == deployed.bundle.fingerprint
    assert bench.snapshot() == (device.served(), Installed(deployed.bundle.fingerprint, {"id": deployed.bundle.fingerprint}))


def test_the_authors_own_way_to_look_comes_first(bench_of: Callable[[Change], Bench[Any]]) -> None:
    assert bench_of(lambda case: replace(case, served=lambda: "seen otherwise")).served() == "seen otherwise"


@pytest.mark.parametrize("handle", [{"name": "x", "path": ("a", "b")}, {"name": "x", 7: None}], ids=["a tuple", "a number for a key"])
def test_a_handle_that_json_changes_is_named_by_its_key(bench_of: Callable[[Change], Bench[Any]], handle: Any) -> None:
    with pytest.raises(AssertionError, match=rf"comes back changed from JSON .*, at {[*handle][1]!r}(?=\n|$)"):
        bench_of(lambda case: case).through_json("stage()", handle)


def test_a_difference_names_what_changed_and_never_what_it_holds() -> None:
    told = what_differs({"a.key": "secret", "b": 1, "gone": 1}, {"a.key": "other", "b": 1, "new.crt": "x"})
    assert told == "a.key is changed; gone is gone; new.crt is new"
    assert "TargetCase.snapshot()" in what_differs(1, 2)


def test_the_reference_target_is_a_plugin_like_any_other() -> None:
    assert certpush_target().name == "memory"
