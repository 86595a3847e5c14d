"""In which order the tests themselves are run: what asks for long begins first, on every worker."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from conftest import dealt


@dataclass(frozen=True)
class Item:
    """As much of a test as its place depends on."""

    module: str
    number: int = 0
    seconds: int = 60

    @property
    def path(self) -> Path:
        return Path(self.module)

    def get_closest_marker(self, name: str) -> pytest.Mark | None:
        return pytest.mark.timeout(self.seconds).mark if name == "timeout" else None


SOME = [Item(f"quick{number // 10}", number) for number in range(60)]
LONG = [Item(f"long{module}", number, 120 * module) for module in (1, 2, 3) for number in range(3)]


def test_each_worker_begins_with_its_part_of_the_long_ones_the_longest_first():
    order = dealt([*SOME, *LONG], 2)
    half = len(order) // 2
    assert [item.module for item in order[:4]] == ["long3"] * 3 + ["quick0"]
    assert [item.module for item in order[half : half + 6]] == ["long2"] * 3 + ["long1"] * 3


@pytest.mark.parametrize("workers", [1, 2, 6, 100])
@pytest.mark.parametrize("items", [[], SOME, LONG, [*SOME, *LONG], LONG[:2]])
def test_none_is_lost_and_none_comes_twice(items, workers):
    order = dealt(items, workers)
    assert len(order) == len(items)
    assert set(order) == set(items)


def test_what_is_quick_stays_in_its_order():
    assert [item for item in dealt([*LONG, *SOME], 3) if item.seconds == 60] == SOME
