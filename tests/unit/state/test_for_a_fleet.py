"""What each rotation of a fleet asks of the memory: answered without reading what is remembered of all others."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from certpush.errors import JournalUnreadable
from certpush.model import Deployment, Installed, Outcome, Phase, WayBack, WayBackKind
from certpush.state.escrow import Escrow
from certpush.state.journal import Journal
from unit.state.conftest import NOW

OLD, NEW, OLDER = "a" * 64, "b" * 64, "c" * 64
RECORD = Deployment(
    id="x", target="x", certificate="shared", before=Installed(None), wanted=OLD, phase=Phase.CONFIRMED,
    way_back=WayBack(WayBackKind.EXACT, "kept"), started=NOW, outcome=Outcome.ROTATED,
)  # fmt: skip


@pytest.fixture
def journal(tmp_path):
    made = Journal(tmp_path / "journal.sqlite3")
    yield made
    made.close()


def statements_of(journal: Journal) -> list[str]:
    """What is asked of SQLite from now on."""
    asked: list[str] = []
    journal._database._connection.set_trace_callback(asked.append)
    return asked


def deployed(journal: Journal, count: int, wanted: str, before: str | None) -> None:
    for number in range(count):
        name = f"box{number}"
        journal.begin(replace(RECORD, id=f"{name}-{wanted[:4]}", target=name, wanted=wanted, before=Installed(before)))


def test_what_a_shared_certificate_needs_is_told_by_its_newest_records(journal):
    deployed(journal, 300, OLD, None)
    deployed(journal, 1, NEW, OLD)
    asked = statements_of(journal)
    assert journal.needed("shared", {OLD[:16]}) == {OLD}
    assert len(asked) == 1, "it went on reading although it knew"


def test_what_nobody_needs_any_more_is_found_out_by_reading_all(journal):
    deployed(journal, 70, OLDER, None)
    deployed(journal, 70, OLD, OLDER)
    deployed(journal, 70, NEW, OLD)
    assert journal.needed("shared", {OLDER[:16], OLD[:16]}) == {OLD}
    assert journal.needed("another", {OLD[:16]}) == frozenset()


def test_a_certificate_of_one_target_is_not_followed_back_through_the_years(journal):
    for number in range(300):
        names = {"wanted": f"{number + 1:x}".rjust(64, "0"), "before": Installed(f"{number:x}".rjust(64, "0"))}
        journal.begin(replace(RECORD, id=f"{number}", target="box", **names))
    read = []
    sound, journal._sound = journal._sound, lambda row: (read.append(row[0]), sound(row))[1]
    assert journal.needed("shared", {OLDER[:16]}) == frozenset()
    assert len(read) < 10, "it read what is years old"


def test_a_target_that_has_not_gone_on_needs_the_older_one(journal):
    deployed(journal, 2, OLD, OLDER)
    deployed(journal, 1, NEW, OLD)
    assert journal.needed("shared", {OLDER[:16]}) == {OLDER}


def test_where_nothing_may_go_nothing_is_asked(journal):
    deployed(journal, 3, OLD, None)
    asked = statements_of(journal)
    assert journal.needed("shared", frozenset()) == frozenset()
    assert asked == []


def test_what_is_under_way_is_found_by_an_index(journal):
    deployed(journal, 20, OLD, None)
    journal.begin(replace(RECORD, id="open", target="box3", phase=Phase.INTENT, outcome=None))
    asked = statements_of(journal)
    assert [one.id for one in journal.unfinished("box3")] == ["open"]
    (plan,) = journal._database._connection.execute(f"EXPLAIN QUERY PLAN {asked[0]}").fetchall()
    assert "deployments_open" in plan[3]


@pytest.mark.parametrize("damage", ["target = 'box4'", "record = replace(record, 'EXACT', 'exact') || ' '"])
def test_an_open_record_of_another_target_that_was_changed_stops_everybody(journal, damage):
    journal.begin(replace(RECORD, id="open", target="box3", phase=Phase.INTENT, outcome=None))
    journal._database._connection.execute(f"UPDATE deployments SET {damage}")
    with pytest.raises(JournalUnreadable, match="record open does not match"):
        journal.unfinished("box9")


def test_a_certificate_is_looked_for_first_where_it_mostly_is(tmp_path, bundles, monkeypatch):
    escrow = Escrow(tmp_path / "certificates")
    for name, bundle in zip(("a", "b", "c"), bundles, strict=True):
        escrow.store(name, bundle)
    looked: list[str] = []
    real = Escrow._home
    monkeypatch.setattr(Escrow, "_home", lambda self, name: looked.append(name) or real(self, name))

    def every_other(*_: object) -> Iterator[Path]:
        yield pytest.fail("all were looked through")

    monkeypatch.setattr(Escrow, "_homes", every_other)
    found = escrow.find(bundles[2].fingerprint, first="c")
    assert found is not None
    assert (found.fingerprint, looked) == (bundles[2].fingerprint, ["c"])


def test_which_generations_are_not_the_newest(tmp_path, bundles):
    escrow = Escrow(tmp_path / "certificates")
    assert (escrow.newest("a"), escrow.superseded("a")) == (None, frozenset())
    escrow.store("a", bundles[0])
    first = escrow.newest("a")
    assert escrow.superseded("a") == frozenset()
    escrow.store("a", bundles[1])
    assert escrow.newest("a") != first
    assert escrow.superseded("a") == {bundles[0].fingerprint[:16]}
