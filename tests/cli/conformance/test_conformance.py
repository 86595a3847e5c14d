"""The report card as an administrator gets it, of plugins that keep the contract, break it, and end the process."""

from __future__ import annotations

import importlib.util
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from certpush.cli.conformance import card, process
from certpush.cli.conformance.shipped import shipped
from certpush.cli.console import Console
from certpush.testing.conformance.events import Asked, Begun, Case, Verdict
from certpush.testing.faults.declared import ForgetsHookimpl, ForgetsToReturn
from certpush.testing.lab.process import wait_until
from cli.conftest import Ended

Install = Callable[..., None]
REFERENCE = "certpush.testing.memory"

HEAD = """
import ctypes, os, time
import pytest
from certpush.testing import MemoryDevice
from certpush.testing.contract import EndsAndSecrets, KindAndLooks, Switching, Trial
from certpush.testing.memory import MemoryTarget
from certpush.testing.memory_case import memory_case
from certpush.testing.lab import NotPossibleHere
from dataclasses import replace


class Case(Trial):
    @pytest.fixture
    def target_case(self, tmp_path):
        with MemoryDevice(tmp_path / "device.json") as device:
            case = memory_case(device)
            yield replace(case, kind=replace(case.kind, open=self.kind))

class Quick(Case):
    test_the_kind_is_well_formed = KindAndLooks.test_the_kind_is_well_formed
    test_handles_are_json = Switching.test_handles_are_json
    test_close_is_harmless_at_any_time = EndsAndSecrets.test_close_is_harmless_at_any_time

    def test_that_is_no_obligation(self):
        raise AssertionError("the author's own")
"""
GOOD = f'{HEAD}\nclass TestGood(Quick):\n    """One that works."""\n    kind = MemoryTarget\n'
# From native code: what Python's own os._exit does is told by the suite itself.
SEVERAL = (
    GOOD
    + """
class TestElsewhere(Quick):
    @pytest.fixture
    def target_case(self):
        raise NotPossibleHere("there is no sshd here", hint="apt-get install openssh-server")

class Leaking(MemoryTarget):
    def stage(self, bundle):
        raise RuntimeError(bundle.key.reveal_pem().decode())

class TestLeaking(Quick):
    kind = Leaking
"""
)
# From native code: what Python's own os._exit does is told by the suite itself.
DYING = f"""{HEAD}
class Dying(MemoryTarget):
    def stage(self, bundle):
        ctypes.CDLL(None)._exit(0)

class TestFirst(Quick):
    kind = Dying

class TestSecond(TestFirst):
    pass

class TestThird(TestFirst):
    pass

class TestFourth(TestFirst):
    pass
"""
WITHOUT_CLASSES = f"""{HEAD}
def test_nothing_of_the_contract():
    pass
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Install:
    """Install a distribution that offers the reference target, and these cases for it; seen by this process and its children."""

    def put(
        cases: str, *, kind: str = "memory", distribution: str = "acme-memory", ships: str = "acme_cases", module: str = REFERENCE
    ) -> None:
        site = tmp_path / "site"
        info = site / f"{distribution.replace('-', '_')}-1.2.dist-info"
        info.mkdir(parents=True)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.2\n")
        offers = f"[certpush]\n{kind} = {module}\n" if kind else ""
        (info / "entry_points.txt").write_text(f"{offers}\n[certpush.conformance]\nmemory = {ships}\n" if ships else offers)
        (site / "acme_cases.py").write_text(cases)
        monkeypatch.syspath_prepend(str(site))
        monkeypatch.setenv("PYTHONPATH", str(site))

    return put


def verdicts(ended: Ended) -> dict[str, tuple[str, str]]:
    """Verdict and reason of each obligation that a case tried."""
    return {one["obligation"]: (one["verdict"], one["why"]) for one in ended.document["obligations"] if one["tried"]}


@pytest.mark.usefixtures("measured")
def test_a_card_lists_every_obligation_and_says_who_was_tried(
    certpush: Callable[..., Ended], install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("REQUIRE_LIVE", raising=False)
    install(SEVERAL)
    ended = certpush("conformance", "memory", "-v")
    assert "memory from acme-memory 1.2, tried on what acme_cases stands up" in ended.out
    assert "TestGood       One that works." in ended.out
    assert ended.line("the kind is well formed").strip() == "passed"
    assert ended.line("stage is repeatable").split(maxsplit=2) == ["not", "tried", "no case of this kind tries it"]
    leaked = "TestLeaking: AssertionError, whose text is left out because it shows a private key in PEM"
    assert ended.line("handles are json").split(maxsplit=1) == ["failed", leaked]
    assert "PRIVATE KEY" not in ended.out + ended.err
    assert "9 of 9  passed: close is harmless at any time (TestLeaking)" in ended.err
    assert "5 of 9  not tried: handles are json (TestElsewhere)" in ended.err
    assert "no obligation" not in ended.out + ended.err
    assert ended.code == 1
    assert ended.out.splitlines()[-1].startswith("memory is not shown to keep the contract: ")
    assert ": 2 passed, 1 failed, " in ended.out.splitlines()[-1]


def test_the_quiet_card_of_a_kind_that_keeps_all_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    asked = Asked((("test_it_works", "it works", "Else it would not."),), (Case("TestIt", ""),), ())
    ended = [Begun("1", "TestIt", "test_it_works").ended(Verdict.PASSED, "")]
    lines = card.lines_of(asked, ended)
    card.show(Console(quiet=True), asked, lines)
    assert capsys.readouterr().out == ""
    assert card.conforms(lines)
    assert card.summary(lines) == "1 obligations: 1 passed"


def test_a_cause_that_breaks_several_is_told_once(capsys: pytest.CaptureFixture[str]) -> None:
    named = ("one", "two", "three", "four")
    asked = Asked(tuple((f"test_{one}", one, "Why.") for one in named), (Case("TestIt", ""),), ())
    verdicts = ((Verdict.FAILED, "alone"), (Verdict.FAILED, "a tuple"), (Verdict.PASSED, ""), (Verdict.FAILED, "a tuple"))
    ended = [Begun(one, "TestIt", f"test_{one}").ended(*verdict) for one, verdict in zip(named, verdicts, strict=True)]
    lines = card.lines_of(asked, ended)
    card.show(Console(quiet=True), asked, lines)
    table = [line.split(maxsplit=2) for line in capsys.readouterr().out.splitlines()]
    assert table[1:] == [["one", "failed", "TestIt: alone"], ["two", "failed", "TestIt: a tuple"], ["four", "failed", 'as "two"']]
    assert card.commonest_cause(lines) == '2 of the 3 that failed have one cause, that of "two": mend it first'
    assert card.commonest_cause(lines[:3]) == card.commonest_cause(lines[2:3]) == ""
    assert [one["why"] for one in card.document(asked, lines)["obligations"]] == ["alone", "a tuple", "", "a tuple"]


@pytest.mark.usefixtures("measured")
def test_a_plugin_that_ends_the_process_is_named_and_the_rest_is_tried_up_to_the_third_time(
    certpush: Callable[..., Ended], install: Install
) -> None:
    install(DYING)
    obligations = certpush("conformance", "memory", "--output", "json").document["obligations"]
    tried = {one["obligation"]: [(each["verdict"], each["why"]) for each in one["tried"]] for one in obligations if one["tried"]}
    died = "it ended the whole process with exit status 0: a plugin raises errors, and ends nothing (os._exit, a signal, a crash of native code)"
    late = ("not tried", "the process was ended 3 times before its turn came")
    assert tried == {
        "the_kind_is_well_formed": [("passed", "")] * 3 + [late],
        "handles_are_json": [("failed", died)] * 3 + [late],
        "close_is_harmless_at_any_time": [("passed", "")] * 2 + [late] * 2,
    }


def test_one_that_hangs_beyond_every_deadline_is_broken_off(
    certpush: Callable[..., Ended], install: Install, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "_TEST_SECONDS", 5.0)
    install(GOOD.replace("def test_that_is_no_obligation(self):", "def test_stage_is_repeatable(self):\n        time.sleep(60)"))
    verdict, why = verdicts(certpush("conformance", "memory", "--output", "json"))["stage_is_repeatable"]
    assert (verdict, why) == ("failed", "it did not end within 5 s, and was broken off")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT], ids=lambda one: one.name)
def test_one_that_is_ended_leaves_nothing_behind(tmp_path: Path, number: signal.Signals) -> None:
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "TMPDIR": str(tmp_path)}
    command = [sys.executable, "-m", "certpush", "conformance", "file"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment) as running:
        wait_until(lambda: [*tmp_path.glob("certpush-conformance-*/said.log")], "the suite's beginning")
        running.send_signal(number)
        _, err = running.communicate(timeout=30)
    assert running.returncode == 1
    assert err.endswith("error: interrupted\n  hint: nothing is left in the middle of a switch; run it again when you like\n")
    assert [*tmp_path.glob("certpush-*")] == []


# --- what cannot be tried at all ----------------------------------------------------------------


@pytest.mark.usefixtures("measured")
@pytest.mark.parametrize("declared", [ForgetsHookimpl, ForgetsToReturn], ids=lambda one: one.__name__)
def test_a_kind_that_certpush_cannot_load_is_refused_before_the_suite_is_run(
    certpush: Callable[..., Ended], install: Install, declared: type
) -> None:
    install(GOOD, module=f"{declared.__module__}:{declared.__name__}")
    ended = certpush("conformance", "memory")
    assert (ended.code, ended.out) == (2, "")
    assert "the plugin 'memory' (acme-memory 1.2) declares no target" in ended.err
    assert "hint: certpush_target() needs @hookimpl above it, and a return; " in ended.err


@pytest.mark.usefixtures("measured")
@pytest.mark.parametrize(
    ("cases", "says"),
    [
        pytest.param("import no_such_module", "No module named 'no_such_module'", id="it cannot be imported"),
        pytest.param(WITHOUT_CLASSES, "it has no class of TargetContract", id="it has no case"),
    ],
)
def test_a_module_that_cannot_be_run_is_named(certpush: Callable[..., Ended], install: Install, cases: str, says: str) -> None:
    install(cases)
    ended = certpush("conformance", "memory")
    assert ended.code == 2
    assert "error: the conformance case of 'memory' (acme_cases) cannot be run: " in ended.err
    assert says in ended.err
    assert "python -m pytest --pyargs acme_cases" in ended.err


def test_a_kind_without_a_case_says_how_its_authors_add_one(certpush: Callable[..., Ended], install: Install) -> None:
    install("", ships="")
    ended = certpush("conformance", "memory")
    assert ended.code == 2
    assert "acme-memory 1.2 ships no conformance case for the kind 'memory'" in ended.err
    assert '[project.entry-points."certpush.conformance"] memory = "MODULE"' in ended.err


def test_nobody_else_may_ship_the_case_of_a_kind(certpush: Callable[..., Ended], install: Install) -> None:
    install("", ships="")
    install(GOOD, kind="", distribution="flattering")
    assert "ships no conformance case" in certpush("conformance", "memory").err


@pytest.mark.parametrize(
    ("kind", "says"), [("metrics", "metrics is an observer"), ("nosuch", "no installed plugin offers the kind 'nosuch'")]
)
def test_what_is_no_kind_of_target_is_refused(certpush: Callable[..., Ended], kind: str, says: str) -> None:
    ended = certpush("conformance", kind)
    assert ended.code == 2
    assert says in ended.err


def test_two_who_claim_a_kind_are_refused(certpush: Callable[..., Ended], install: Install) -> None:
    install(GOOD)
    install(GOOD, distribution="other-memory")
    ended = certpush("conformance", "memory")
    assert ended.code == 2
    assert "claim the name 'memory'" in ended.err


def test_without_pytest_the_extra_is_named(certpush: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.util, "find_spec", lambda _: None)
    ended = certpush("conformance", "file")
    assert ended.code == 2
    assert "pip install 'certpush[testing]'" in ended.err


def test_every_built_in_kind_ships_its_case() -> None:
    from certpush.plugins import available

    kinds = {one.name: one.distribution for one in available() if one.own_target}
    assert {name for name in shipped() if kinds.get(name) == "certpush"} == set(kinds)
