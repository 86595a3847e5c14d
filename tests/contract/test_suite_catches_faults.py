from __future__ import annotations

import inspect
from collections.abc import Mapping
from xml.etree import ElementTree as ET

import pytest

from certpush.testing.contract import TargetContract
from certpush.testing.faults import FAULTS, Fault
from contract.verdicts import verdicts_on

pytestmark = pytest.mark.timeout(150)

HEAD = """
import pytest
from certpush.testing.contract import TargetContract
from certpush.testing.faults import FAULTS
"""

THE_TEST_OF_A_PLUGIN = """
class Test{fault.name}(TargetContract):
    @pytest.fixture
    def target_case(self, tmp_path):
        with FAULTS[{number}].on_trial(tmp_path) as case:
            yield case
"""


@pytest.fixture(scope="module")
def verdicts(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, ET.Element]:
    """Run the contract test of each fault that must catch it, as a plugin author would, and read the report."""
    classes = [THE_TEST_OF_A_PLUGIN.format(number=number, fault=fault) for number, fault in enumerate(FAULTS)]
    tests = [f"Test{fault.name}::{fault.caught_by}" for fault in FAULTS]
    return verdicts_on(tmp_path_factory, "faults", HEAD + "".join(classes), tests, seconds=400)


@pytest.mark.parametrize("fault", FAULTS, ids=[fault.name for fault in FAULTS])
def test_the_suite_fails_a_faulty_target_for_its_own_reason(verdicts: Mapping[str, ET.Element], fault: Fault) -> None:
    failure = verdicts[fault.name].find("failure")
    assert failure is not None, f"{fault.caught_by} lets it pass"
    # The message comes first, then the traceback, in which any text of the suite may stand.
    assert fault.because in failure.attrib["message"]


def test_every_obligation_has_a_fault_that_breaks_it() -> None:
    """A test that no target fails may be one that cannot fail."""
    obligations = {name for name, _ in inspect.getmembers(TargetContract) if name.startswith("test_")}
    broken = {fault.caught_by.partition("[")[0] for fault in FAULTS}
    assert obligations == broken


def test_every_fault_says_what_it_does_wrong() -> None:
    assert [fault.name for fault in FAULTS if not _said(fault)] == []
    assert len({fault.name for fault in FAULTS}) == len(FAULTS)


def _said(fault: Fault) -> bool:
    text = fault.target.__doc__ or ""
    return text.endswith(".") and "\n" not in text
