"""The exit code tells what is served: one table, every class of error in it."""

from __future__ import annotations

import importlib
import itertools
import pkgutil
import re
from pathlib import Path

import pytest

import certpush
from certpush import errors
from certpush.cli.exits import CODES, MEANINGS, code_of, code_of_receipt, worst
from certpush.errors import CertpushError, Stranded
from certpush.model import Action, Outcome, Plan, Receipt

EXPECTED = {
    "CertpushError": 1,
    "ConfigError": 2,
    "PluginError": 2,
    "PluginNotFound": 2,
    "PluginConflict": 2,
    "PluginBroken": 2,
    "ContractViolation": 2,
    "IssuerError": 1,
    "IssuerUnreachable": 1,
    "IssuerRefused": 1,
    "BundleInvalid": 1,
    "TrustError": 4,
    "HostKeyMismatch": 4,
    "PinMismatch": 4,
    "RootMismatch": 4,
    "TargetError": 1,
    "TargetUnreachable": 1,
    "TargetAuthFailed": 1,
    "TargetRefused": 1,
    "TargetDrifted": 5,
    "RescueFired": 1,
    "TargetBug": 1,
    "SafetyRefusal": 5,
    "ForeignCertificate": 5,
    "NoWayBack": 5,
    "ClockSkew": 5,
    "PreflightFailed": 5,
    "VerificationFailed": 1,
    "StateError": 5,
    "LockHeld": 6,
    "JournalUnreadable": 5,
    "Interrupted": 1,
    "ObserverFailed": 1,
    "BackingOff": 1,
    "Stranded": 3,
}
WORST_FIRST = [3, 4, 5, 7, 1, 6, 2, 0]


def make(name: str) -> CertpushError:
    kind = getattr(errors, name)
    if kind is Stranded:
        return kind("it is", deployment=None, cause=RuntimeError(), rollback_error=RuntimeError())
    return kind("it is")


def receipt(outcome: Outcome, error: CertpushError | None = None) -> Receipt:
    return Receipt("wiki", outcome, Plan(Action.PUSH, "asked"), error=error)


def test_every_class_of_error_has_its_line():
    tree = {name for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, CertpushError)}
    assert set(EXPECTED) == tree


@pytest.mark.parametrize("name", EXPECTED)
def test_a_class_leads_to_its_code(name):
    assert code_of(make(name)) == EXPECTED[name]


def test_a_class_of_error_elsewhere_belongs_to_a_family_of_the_table():
    for module in pkgutil.walk_packages(certpush.__path__, "certpush."):
        if not module.name.startswith("certpush.testing") and not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    without_family = {
        one.__name__
        for one in CertpushError.__subclasses__()
        if one.__module__ != "certpush.errors" and not one.__module__.startswith("certpush.testing")
    }
    assert without_family == {"NotSaved"}  # a certificate that was issued and could not be written: 1


def test_no_line_of_the_table_is_hidden_behind_an_earlier_one():
    for earlier, later in itertools.combinations([kind for kind, _ in CODES], 2):
        assert not issubclass(later, earlier)


def test_the_worst_of_two_codes_wins_in_the_promised_order():
    for worse, better in itertools.combinations(WORST_FIRST, 2):
        assert worst([better, worse]) == worst([worse, better, better]) == worse
    assert worst([]) == 0


@pytest.mark.parametrize(
    ("outcome", "code"),
    [
        (Outcome.UNCHANGED, 0),
        (Outcome.ROTATED, 0),
        (Outcome.ROLLED_BACK, 0),
        (Outcome.REFUSED, 5),
        (Outcome.FAILED, 1),
        (Outcome.STRANDED, 3),
    ],
)
def test_an_outcome_without_an_error_has_its_code(outcome, code):
    assert code_of_receipt(receipt(outcome)) == code


def test_every_outcome_has_a_code():
    assert {code_of_receipt(receipt(outcome)) for outcome in Outcome} == {0, 1, 3, 5}


@pytest.mark.parametrize("name", EXPECTED)
def test_what_was_rolled_back_never_claims_that_nothing_was_attempted(name):
    code = code_of_receipt(receipt(Outcome.ROLLED_BACK, make(name)))
    assert code == (1 if EXPECTED[name] == 2 else EXPECTED[name])


@pytest.mark.parametrize("name", EXPECTED)
def test_a_stranded_target_is_told_whatever_its_error(name):
    assert code_of_receipt(receipt(Outcome.STRANDED, make(name))) == 3


def test_no_error_means_success():
    assert 0 not in EXPECTED.values()
    assert sorted(MEANINGS) == list(range(8))


def test_the_decision_lists_the_same_codes():
    decision = next(Path(__file__).parents[3].glob("docs/decisions/0004-*.md")).read_text()
    listed = {int(code): text.strip() for code, text in re.findall(r"^\| (\d) \| (.+) \|$", decision, re.MULTILINE)}
    assert sorted(listed) == sorted(MEANINGS)
    for code, text in listed.items():
        assert set(re.findall(r"[a-z]{5,}", text)) & set(re.findall(r"[a-z]{5,}", MEANINGS[code]))
