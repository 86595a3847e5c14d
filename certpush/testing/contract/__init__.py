"""The contract that every target must pass. A plugin's test is a subclass with one fixture.

    class TestNas(TargetContract):
        @pytest.fixture
        def target_case(self, fake_nas) -> TargetCase[NasSettings]:
            return TargetCase(
                kind=certpush_target(),
                settings=NasSettings(host=fake_nas.address, token=Secret("s3cret")),
                unreachable=NasSettings(host="127.0.0.1:1", token=Secret("s3cret")),
                secrets=("s3cret",),
            )

Each test is one obligation of ``certpush.target``; its message says what a plugin owes and why.
What a kind does not claim (``self_rescue``, a way back) is skipped, and says so.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from certpush.testing.authority import Authority
from certpush.testing.contract.bench import BENCH, AnyBench, Bench
from certpush.testing.contract.case import Cluster, TargetCase
from certpush.testing.contract.clusters import Clusters
from certpush.testing.contract.confinement import confined
from certpush.testing.contract.declared import Declared
from certpush.testing.contract.going_back import GoingBack
from certpush.testing.contract.in_the_process import InTheProcess
from certpush.testing.contract.looking import KindAndLooks
from certpush.testing.contract.rescue import Rescue
from certpush.testing.contract.secrecy import EndsAndSecrets
from certpush.testing.contract.switching import Switching

__all__ = [
    "Cluster",
    "Clusters",
    "Declared",
    "EndsAndSecrets",
    "GoingBack",
    "InTheProcess",
    "KindAndLooks",
    "Rescue",
    "Switching",
    "TargetCase",
    "TargetContract",
    "Trial",
]


class Trial:
    """The fixtures that each part of the contract needs; a test may choose single parts beside it."""

    @pytest.fixture
    def target_case(self) -> TargetCase[Any]:
        """Give the device on trial; the one fixture that a plugin must write."""
        raise NotImplementedError("override the fixture target_case; see certpush.testing.contract")

    @pytest.fixture
    def bench(self, request: pytest.FixtureRequest, target_case: TargetCase[Any]) -> Iterator[AnyBench]:
        """Give the bench that opens, watches and closes targets."""
        bench = request.node.stash[BENCH] = Bench(target_case, Authority("Contract"))
        with confined():
            yield bench
            bench.end()


class TargetContract(Trial, Declared, KindAndLooks, Switching, Rescue, GoingBack, Clusters, EndsAndSecrets, InTheProcess):
    """All parts. Subclass it as ``class TestYourKind(TargetContract)`` and override ``target_case``."""
