"""`certpush check`: one line for a monitoring system, and the code that says how bad it is."""

from __future__ import annotations

import re
import sqlite3
from datetime import timedelta

import pytest

from certpush import Fleet
from certpush.cli.exits import code_of_standing
from certpush.kit.tls import utc_now
from certpush.model import Standing

pytestmark = pytest.mark.timeout(120)

CODES = {
    Standing.STRANDED: 3,
    Standing.UNTRUSTED: 4,
    Standing.DRIFTED: 5,
    Standing.FOREIGN: 5,
    Standing.DANGER: 7,
    Standing.EXPIRED: 7,
    Standing.UNREACHABLE: 1,
    Standing.LOGIN_REFUSED: 1,
    Standing.UNKNOWN: 1,
    Standing.NEW: 1,
    Standing.DUE: 0,
    Standing.OK: 0,
}


def test_every_standing_has_its_code():
    assert {one: code_of_standing(one) for one in Standing} == CODES


@pytest.fixture
def two(certpush, yard):
    yard.serve("wiki")
    yard.serve("mail", 'tags = ["edge"]')
    assert certpush("deploy").code == 0
    return yard


def test_all_is_well_in_one_line_with_figures(certpush, two):
    for words in ([], ["-q"]):
        ended = certpush("check", *words)
        assert (ended.code, ended.err) == (0, "")
        assert re.fullmatch(r"OK - 2 targets, the first ends in 23h \| targets=2 bad=0 first_end=86\d\d\ds\n", ended.out)
    assert certpush("check", "@edge").out.startswith("OK - 1 target, ")


def test_the_worst_of_several_decides_and_comes_first(certpush, two, authority):
    two.servers["mail"].stop()
    ended = certpush("check")
    assert ended.code == 1
    assert ended.out.startswith("WARNING - 1 of 2 targets: mail unreachable, the first ends in 23h | targets=2 bad=1 ")
    assert ended.err.startswith("mail: 127.0.0.1:")
    two.serve("new", before=authority.issue("new.home.example"))
    ended = certpush("check", "--output=json")
    assert (ended.code, ended.document["state"]) == (5, "warning")
    assert ended.document["text"].startswith("WARNING - 2 of 3 targets: new foreign, mail unreachable, ")
    assert [(one["target"], one["standing"], one["exit"]) for one in ended.document["targets"]] == [
        ("wiki", "ok", 0),
        ("mail", "unreachable", 1),
        ("new", "foreign", 5),
    ]


@pytest.mark.parametrize(
    ("hours", "code", "says"), [(17, 0, "OK - 2"), (21, 7, "mail danger"), (25, 7, "mail expired, the first has ended")]
)
def test_time_makes_it_critical(certpush, two, monkeypatch, hours, code, says):
    monkeypatch.setattr("certpush.kit.tls.utc_now", later := lambda: utc_now() + timedelta(hours=hours))
    monkeypatch.setitem(Fleet.load.__func__.__kwdefaults__, "clock", later)
    ended = certpush("check")
    assert ended.code == code
    assert says in ended.out
    assert ended.out.startswith("OK" if code == 0 else "CRITICAL - 2 of 2 targets: ")


def test_a_damaged_journal_keeps_nobody_from_seeing_what_is_served(certpush, two):
    with sqlite3.connect(two.directory.parent / "state" / "journal.sqlite3") as journal:
        journal.execute("UPDATE deployments SET record = replace(record, 'first', 'frist') WHERE target = 'mail'")
    assert certpush("status").code == 5
    ended = certpush("check")
    assert ended.code == 5
    assert re.fullmatch(
        r"WARNING - the journal .* is damaged: record \w+ does not match its checksum, 2 targets, .* \| .* bad=0 .*\n", ended.out
    )
    assert ended.err.startswith("journal: put back a backup")
    two.servers["mail"].stop()
    assert "1 of 2 targets: mail unreachable" in certpush("check").out


def test_nothing_is_changed_and_the_ca_not_asked(certpush, two):
    before, asked = two.everything(), two.ca.log()
    assert certpush("check").code == 0
    assert (two.everything(), two.ca.log()) == (before, asked)


def test_what_cannot_be_checked_is_unknown_and_no_bar_splits_the_line(certpush, yard):
    yard.describe("mail", 'tags = "a|b"')
    ended = certpush("check")
    assert ended.code == 2
    assert ended.out.startswith("UNKNOWN - ")
    assert "|" not in ended.out
    assert ended.err.startswith("error: ")
    yard.tables.pop("target.mail")
    yard.write()
    assert certpush("check").out == "OK - there is no target yet | targets=0 bad=0\n"
    yard.describe("mail", "enabled = false")
    assert certpush("check").out == "OK - every target is disabled | targets=0 bad=0\n"


def test_many_are_counted(certpush, yard):
    for number in range(8):
        yard.describe(f"t{number}", 'verify = "files"\nsurprise = 1')
    ended = certpush("check")
    assert ended.code == 1
    assert "8 of 8 targets: t0 unknown, t1 unknown, t2 unknown, t3 unknown, t4 unknown and 3 more |" in ended.out
