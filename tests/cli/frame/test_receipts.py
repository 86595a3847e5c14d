"""Moments, judgements and warnings as a machine gets them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest

from certpush.cli.console import Console
from certpush.cli.progress import Progress
from certpush.cli.receipts import moment, served_document
from certpush.model import Endpoint, Event, Served

NOON = datetime(2026, 11, 24, 12, 0, 7, 999_999, UTC)


@pytest.mark.parametrize(
    ("when", "text"),
    [
        (None, None),
        (NOON, "2026-11-24T12:00:07Z"),
        (NOON.astimezone(timezone(timedelta(hours=-5))), "2026-11-24T12:00:07Z"),
        (datetime(1, 1, 1, tzinfo=UTC), "0001-01-01T00:00:00Z"),
    ],
    ids=str,
)
def test_a_moment_is_one_that_jq_reads(when, text):
    assert moment(when) == text


@pytest.mark.parametrize(("judged", "good", "said"), [(True, True, True), (True, False, False), (False, False, None)])
def test_a_chain_that_was_held_up_to_no_root_is_neither_right_nor_wrong(judged, good, said):
    served = Served(Endpoint("wiki.example", 443), "f" * 64, NOON, chain_ok=good, judged=judged)
    assert served_document(served)["chain_ok"] is said


def test_what_went_wrong_beside_the_result_stands_in_the_document_and_nothing_else_of_what_happens():
    console = Console(json=True)
    progress = Progress(console)
    for phase in ("stage", "warning", "rollback", "done"):
        progress.observe(Event(phase, "wiki", NOON, f"{phase}: one\ntwo"))
    assert console.document == {"warnings": ["wiki: warning: one\ntwo"]}


def lines(progress: Progress) -> list[list[str]]:
    """What stands on the moving lines now, without what spins."""
    table = progress._lines()
    cells = [[str(cell) for cell in column.cells] for column in table.columns]
    return [list(row) for row in zip(*cells[1:], strict=True)]


def test_a_cluster_is_one_line_that_shows_the_member_whose_turn_it_is():
    progress = Progress(Console(json=True))
    progress._targets = 2
    for target, phase in [("pve", "members"), ("wiki", "stage"), ("pve/one", "inspect"), ("pve/one", "plan"), ("pve/two", "stage")]:
        progress.observe(Event(phase, target, NOON))
        if phase == "members":
            assert lines(progress) == [["pve", "asking for its members"], ["0 of 2 done", ""]]
    assert lines(progress) == [["pve/two", "staging"], ["wiki", "staging"], ["0 of 2 done", ""]]
    progress.observe(Event("done", "pve/two", NOON))
    assert lines(progress) == [["wiki", "staging"], ["0 of 2 done", ""]]
    progress.observe(Event("inspect", "pve/three", NOON))
    for member in ("one", "two", "three"):
        progress.ended(f"pve/{member}")
    assert lines(progress) == [["wiki", "staging"], ["1 of 2 done", ""]]
