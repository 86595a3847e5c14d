"""The real kinds, each with one step broken: the suite that they pass must fail them then."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from contract.verdicts import verdicts_on

_BACK = "test_rollback_brings_back_exactly_the_old_one"
_NOTHING_LEFT = "test_rollback_leaves_nothing_of_the_failed_attempt"


@dataclass(frozen=True)
class Broken:
    """A step that does something else, and the obligation that it breaks."""

    name: str
    caught_by: str
    step: str
    instead: str = ""

    @property
    def in_steps_sh(self) -> bool:
        return bool(self.instead)


# Steps of the file kind that do nothing; lines of the ssh kind's script that say something else.
BROKEN = (
    Broken("RestoresNothing", f"{_BACK}[activate]", "restore"),
    Broken("KeepsNoWayBack", f"{_BACK}[activate]", "keep"),
    Broken("LeavesWhatWasStaged", f"{_NOTHING_LEFT}[stage]", "unstage"),
    Broken("LeavesTheGeneration", f"{_NOTHING_LEFT}[activate]", "drop"),
    Broken("SwitchesNothing", "test_activate_makes_the_new_one_served", "swap"),
    Broken("NeverStandsDown", f"{_NOTHING_LEFT}[activate]", "stand_down() {", "stand_down() {\n\treturn 0"),
    Broken("NeverRescues", "test_an_unconfirmed_switch_comes_back_by_itself", 'claim "$1" fired || exit 0', "exit 0"),
    Broken("NeverDisarms", "test_a_confirmed_switch_stays", "confirm() {", "confirm() {\n\tclaimed=1\n\treturn 0"),
    Broken("ConfirmsWhatIsGone", "test_confirm_after_the_rescue_says_so", "settled() {", "settled() {\n\treturn 0"),
    Broken("TellsNoFailure", "test_rollback_after_a_half_done_switch", "restore() {", "restore() {\n\treturn 0"),
)

HEAD = """
from datetime import timedelta
import pytest
from certpush.kit.local.hands import LocalHands
from certpush_file.conformance import TestManagedDirectory as FileCase, folder
from certpush.testing.contract import TargetContract
from certpush_ssh.conformance import TestManagedDirectoryBySsh as BySsh, deploy_sshd

class SshCase(TargetContract):
    target_case = BySsh.target_case

SHORT = timedelta(seconds=5)
"""
A_FILE_KIND = """
class Test{one.name}(FileCase):
    @pytest.fixture(autouse=True)
    def broken(self, monkeypatch, target_case):
        target_case.patience = SHORT
        monkeypatch.setattr(LocalHands, {one.step!r}, lambda self, *_: None)
"""
AN_SSH_KIND = """
class Test{one.name}(SshCase):
    @pytest.fixture(autouse=True)
    def broken(self, monkeypatch, target_case):
        target_case.patience = SHORT
        import certpush.kit.remote.shell as shell
        monkeypatch.setattr(shell, "_STEPS", shell._STEPS.replace({one.step!r}, {one.instead!r}))
"""

pytestmark = [pytest.mark.live("sshd"), pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, ET.Element]:
    """Run what must catch each of them, and read the report."""
    classes = [(AN_SSH_KIND if one.in_steps_sh else A_FILE_KIND).format(one=one) for one in BROKEN]
    tests = [f"Test{one.name}::{one.caught_by}" for one in BROKEN]
    settings = f"pythonpath = {Path(__file__).parents[1]}\nmarkers = live\n"
    return verdicts_on(tmp_path_factory, "broken-kinds", HEAD + "".join(classes), tests, settings=settings, seconds=800)


@pytest.mark.parametrize("one", BROKEN, ids=[one.name for one in BROKEN])
def test_the_suite_fails_a_real_kind_that_breaks_one_step(verdicts: Mapping[str, ET.Element], one: Broken) -> None:
    case = verdicts[one.name]
    assert case.find("error") is None, "it could not even be tried"
    assert case.find("failure") is not None, f"{one.caught_by} lets it pass"


@pytest.mark.parametrize("one", [one for one in BROKEN if one.in_steps_sh], ids=lambda one: one.name)
def test_what_is_broken_is_there_to_be_broken(one: Broken) -> None:
    steps = "".join(resources.files(package).joinpath("steps.sh").read_text() for package in ("certpush.kit.ssh", "certpush.kit.remote"))
    assert steps.count(one.step) == 1
