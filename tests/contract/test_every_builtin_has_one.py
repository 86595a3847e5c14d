from __future__ import annotations

import importlib
import inspect
from importlib import metadata
from types import ModuleType

import pytest

from certpush.cli.conformance.shipped import shipped
from certpush.kit.description import describe
from certpush.plugins import PluginLoader, available
from certpush.testing.contract import TargetContract

OWN = metadata.distribution("certpush").entry_points.select(group="certpush")
BUILT_INS = [one for one in OWN if one.name in {offer.name for offer in available() if offer.own_target}]
OBSERVERS = [one for one in OWN if one not in BUILT_INS]


def test_there_are_built_ins_to_check() -> None:
    assert {"file", "ssh"} <= {one.name for one in BUILT_INS}


@pytest.mark.parametrize("entry_point", BUILT_INS, ids=lambda one: one.name)
def test_every_built_in_keeps_the_contract(entry_point: metadata.EntryPoint) -> None:
    """A suite that nobody has to run is not run: each case that a kind ships is run here, and tries that kind."""
    cases = importlib.import_module(shipped()[entry_point.name])
    assert cases.certpush_target is importlib.import_module(entry_point.module).certpush_target
    tests = importlib.import_module(f"contract.test_{entry_point.name.replace('-', '_')}")
    assert any(issubclass(one, TargetContract) for one in _classes(cases)), f"{cases.__name__} has no class TestX(TargetContract)"
    assert all(any(issubclass(run, case) for run in _classes(tests)) for case in _classes(cases)), f"{tests.__name__} leaves a case out"


def _classes(module: ModuleType) -> list[type]:
    return [one for name, one in inspect.getmembers(module, inspect.isclass) if name.startswith("Test")]


@pytest.mark.parametrize("entry_point", BUILT_INS, ids=lambda one: one.name)
def test_every_built_in_goes_through_the_door_of_third_parties(entry_point: metadata.EntryPoint) -> None:
    assert PluginLoader().load_kind(entry_point.name).name == entry_point.name


@pytest.mark.parametrize("entry_point", OBSERVERS, ids=lambda one: one.name)
def test_every_built_in_observer_goes_through_that_door_too(entry_point: metadata.EntryPoint) -> None:
    kind = PluginLoader().load_observer(entry_point.name)
    assert kind.name == entry_point.name
    assert all(one.text for one in describe(kind.settings)), "each key says what it is for"
