"""What the suite asks, as a list: for report cards and the documentation."""

from __future__ import annotations

import inspect
from collections.abc import Iterator
from dataclasses import dataclass

from certpush.testing.contract import TargetContract


@dataclass(frozen=True)
class Obligation:
    """One obligation of a target: the test that asks for it, what it says, and why."""

    test: str
    reason: str

    @property
    def title(self) -> str:
        """What it says, in words."""
        return self.test.removeprefix("test_").replace("_", " ")


def obligations() -> tuple[Obligation, ...]:
    """All of them, in the order of the suite."""
    return tuple(_all())


def _all() -> Iterator[Obligation]:
    for part in TargetContract.__mro__:
        for name, test in vars(part).items():
            if name.startswith("test_"):
                yield Obligation(name, (inspect.getdoc(test) or "").partition("\n")[0])
