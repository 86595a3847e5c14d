"""The page of what may go wrong names tests: each of them is there."""

from __future__ import annotations

import re

from docs.reading import ROOT

PAGE = (ROOT / "docs" / "faults.md").read_text()


def test_every_test_that_it_names_is_there() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    there = {name for path in (ROOT / "tests").rglob("test_*.py") for name in re.findall(r"def (test_\w+)", path.read_text())}
    assert len(named) > 50
    assert named - there == set()


def test_every_row_names_one() -> None:
    rows = [line for line in PAGE.splitlines() if line.startswith("| ") and not line.startswith(("| what", "|---"))]
    assert [row for row in rows if "`test_" not in row] == []
