"""`certpush history`: what a person is after, and nothing else."""

from __future__ import annotations

from datetime import timedelta

import pytest

from certpush.model import Outcome
from cli.targets.remembered import remembered

__all__ = ["remembered"]  # a fixture


@pytest.fixture
def told(remembered):
    remembered.describe("wiki")
    remembered.describe("mail", tags='["edge"]')
    remembered.describe("row", tags='["edge", "rows"]')
    remembered.tell("wiki", ago=timedelta(days=40))
    remembered.tell("mail", ago=timedelta(days=20), notes=("the CA did not renew it: signed afresh",))
    remembered.tell("row/one", ago=timedelta(days=3))
    remembered.tell("row/two", ago=timedelta(days=3), outcome=Outcome.STRANDED, error="no; going back failed too: nobody there")
    remembered.tell("rowboat", ago=timedelta(days=2))
    remembered.tell("wiki", ago=timedelta(hours=1), outcome=Outcome.ROLLED_BACK, error="first\nsecond", notes=("first",))
    remembered.tell("mail", outcome=None)
    return remembered


@pytest.mark.parametrize(
    ("words", "targets"),
    [
        ([], "mail wiki rowboat row/two row/one mail wiki"),
        (["wiki"], "wiki wiki"),
        (["row"], "row/two row/one"),
        (["row/one"], "row/one"),
        (["rowboat"], "rowboat"),
        (["wiki", "row/two"], "wiki row/two wiki"),
        (["wiki", "rowboat"], "wiki rowboat wiki"),
        (["@edge"], "mail row/two row/one mail"),
        (["@rows"], "row/two row/one"),
        (["@rows", "wiki"], "wiki row/two row/one wiki"),
        (["file"], "mail wiki row/two row/one mail wiki"),
        (["--limit=2"], "mail wiki"),
        (["--since=7d"], "mail wiki rowboat row/two row/one"),
        (["--since=7d", "--until=1h30m"], "rowboat row/two row/one"),
        (["--until=10d", "wiki"], "wiki"),
        (["--since=2020-01-01", "--until=2999-12-31T23:59:59+02:00", "--limit=1"], "mail"),
        (["--since=2999-12-31T06:30"], ""),
        (["--outcome=rolled-back"], "wiki"),
        (["--outcome=stranded", "--outcome=unfinished"], "mail row/two"),
        (["--outcome=rotated", "@edge", "--since=30d", "--limit=1"], "row/one"),
        (["--outcome=unfinished", "wiki"], ""),
        (["--outcome=unfinished", "rowboat"], ""),
    ],
    ids=lambda one: " ".join(one) if isinstance(one, list) else "",
)
def test_only_what_was_asked_for_is_shown(certpush, told, words, targets):
    ended = certpush("history", *words, "--output=json")
    assert ended.code == 0
    assert [one["target"] for one in ended.document["deployments"]] == targets.split()


def test_what_was_noted_on_the_way_stands_beside_how_it_ended(certpush, told):
    documents = certpush("history", "--output=json").document["deployments"]
    assert [one["notes"] for one in documents] == [[], ["first"], [], [], [], ["the CA did not renew it: signed afresh"], []]
    lines = certpush("history").out.splitlines()
    assert lines[6].endswith("rotated (the CA did not renew it: signed afresh)")
    assert lines[2].endswith("rolled-back: first; second")
    assert lines[1].endswith("unfinished (staged)")


def test_nothing_of_that_sort_is_not_nothing_at_all(certpush, told):
    assert certpush("history", "wiki", "--outcome=unfinished").out == "nothing of that sort was deployed\n"


@pytest.mark.parametrize(
    "words", [["--since=yesterday"], ["--until=2026-13-01"], ["--since="], ["--since=7y"], ["--since=7xd"], ["@nobody"], ["wiki", "wikki"]]
)
def test_what_means_nothing_is_refused_with_the_next_step(certpush, told, words):
    ended = certpush("history", *words, "--outcome=unfinished")
    assert ended.code == 2
    assert "hint: " in ended.err


def test_a_damaged_record_is_named_and_no_filter_hides_that_the_journal_is_damaged(certpush, told):
    import sqlite3

    with sqlite3.connect(told.state / "journal.sqlite3") as journal:
        journal.execute("UPDATE deployments SET record = replace(record, 'due', 'eud') WHERE target = 'mail'")
        journal.execute("UPDATE deployments SET record = 'no JSON' WHERE target = 'rowboat'")
    for words in (["rowboat"], ["--since=7d"], ["--outcome=rotated"]):
        ended = certpush("history", *words)
        assert ended.code == 5
        assert "is damaged: " in ended.err
