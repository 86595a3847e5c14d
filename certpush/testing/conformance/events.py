"""What the process tells of its run, line by line."""

from __future__ import annotations

import enum
from typing import TypeAlias

import msgspec


class Verdict(enum.StrEnum):
    """How an obligation stands; the worst first."""

    FAILED = "failed"
    NOT_TRIED = "not tried"
    """Nobody knows: something is missing here, or the case does not give it."""
    PASSED = "passed"
    NOT_CLAIMED = "not claimed"
    """The kind says that it does not take this on."""


class Case(msgspec.Struct, frozen=True):
    """A device that the kind is tried on: the name of its class, and what that says of it."""

    name: str
    about: str


class Begun(msgspec.Struct, frozen=True, tag=True):
    """A test begins; ``variant`` tells apart those of one obligation."""

    id: str
    case: str
    test: str
    variant: str = ""

    def ended(self, verdict: Verdict, why: str, seconds: float = 0.0) -> Ended:
        """How it ended."""
        return Ended(self.id, self.case, self.test, self.variant, verdict, why, seconds)


class Ended(msgspec.Struct, frozen=True, tag=True):
    """It ended like this."""

    id: str
    case: str
    test: str
    variant: str
    verdict: Verdict
    why: str
    seconds: float


class Asked(msgspec.Struct, frozen=True, tag=True):
    """What will be tried: every obligation that there is, the cases of this kind, and the tests of both."""

    obligations: tuple[tuple[str, str, str], ...]
    """Test, title and reason of each."""
    cases: tuple[Case, ...]
    tests: tuple[Begun, ...]


class Unusable(msgspec.Struct, frozen=True, tag=True):
    """The module with the cases cannot be run at all."""

    why: str


Event: TypeAlias = Begun | Ended | Asked | Unusable
