"""A year of unattended rotation, in which everything goes wrong that goes wrong in years."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from year.chronicle import Year
from year.troubles import OF_A_BOX, OF_ALL, ONCE
from year.world import DAY, World

THOROUGH = os.environ.get("THOROUGH") == "1"
SEEDS = range(20) if THOROUGH else [6]
HOW_RUNS_END = ("unchanged", "rotated", "rolled-back", "refused", "failed")
_IN_MEMORY = Path("/dev/shm")


@pytest.fixture
def directory(tmp_path: Path) -> Iterator[Path]:
    """In memory where there is room: a year has many writes, and each waits for the disk."""
    if not os.access(_IN_MEMORY, os.W_OK):
        yield tmp_path
        return
    with tempfile.TemporaryDirectory(dir=_IN_MEMORY, prefix="certpush-year-") as made:
        yield Path(made)


@pytest.mark.timeout(3600 if THOROUGH else 600)
@pytest.mark.usefixtures("unmeasured")
@pytest.mark.parametrize("seed", SEEDS)
def test_a_year_ends_with_no_certificate_expired_and_no_record_lost(directory, monkeypatch, seed):
    daily = {f"daily{number}": DAY for number in range(3 if THOROUGH else 1)}
    yearly = {f"yearly{number}": 395 * DAY for number in range(10 if THOROUGH else 4)}
    lives = {**daily, "weekly": 7 * DAY, **yearly}
    windows = {"weekly": "Tue,Sat 02:00-05:00", **dict.fromkeys([*yearly][::2], "Sat,Wed 22:00-03:00")}
    with World(directory, lives, windows).alive(monkeypatch) as world:
        year = Year(world, seed)
        try:
            year.live()
        except Exception:
            print(f"seed {seed}", *year.told[-60:], sep="\n")
            raise
    assert year.counts["runs killed"]
    assert year.counts["expired in trouble"], "no trouble was long enough to be one"
    assert set(HOW_RUNS_END) <= set(year.counts)
    assert {*OF_ALL, *OF_A_BOX, *ONCE} <= set(year.counts), "some trouble never came"
    assert {"failure", "danger", "recovery"} <= set(world.person.counts)
