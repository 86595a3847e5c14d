"""`state check` finds what is damaged, open to others, half-way or in the air; and says what to do."""

from __future__ import annotations

import shutil
import sqlite3

import pytest

from certpush.model import Phase
from certpush.state.checking import check_state
from certpush.state.directory import RESTORING


def found(state, targets=None) -> dict[str, tuple[str, str, str]]:
    return {one.code: (where, one.severity.value, f"{one.message} -> {one.hint}") for where, one in check_state(state.directory, targets)}


def change(state, statement: str) -> None:
    connection = sqlite3.connect(state.directory / "journal.sqlite3")
    with connection:
        connection.execute(statement)
    connection.close()


def test_a_sound_state_is_found_sound(state):
    assert {code: severity for code, (_, severity, _) in found(state, {"wiki", "fw"}).items()} == {
        "private": "ok",
        "bundles": "ok",
        "records": "ok",
    }


def test_where_nothing_is_yet_nothing_is_wrong(tmp_path):
    tmp_path.chmod(0o700)
    assert [one.code for _, one in check_state(tmp_path)] == ["private", "bundles", "no-journal"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE deployments SET record = replace(record, 'wiki', 'wikl') WHERE id = 'wiki-0'",
        "UPDATE deployments SET certificate = 'fw' WHERE id = 'wiki-0'",
    ],
)
def test_a_changed_record_is_named_and_the_others_are_still_looked_at(state, statement):
    change(state, statement)
    where, severity, text = found(state)["record"]
    assert (where, severity) == ("journal", "error")
    assert "record wiki-0 does not match" in text
    assert "certpush state restore" in text
    assert "records" not in found(state)


def test_a_record_that_is_gone_is_named(state):
    change(state, "DELETE FROM deployments WHERE id = 'wiki-0'")
    _, severity, text = found(state)["journal"]
    assert severity == "error"
    assert "record wiki-0 is gone" in text


def test_a_journal_of_a_newer_certpush_is_left_alone(state):
    change(state, "PRAGMA user_version = 99")
    before = (state.directory / "journal.sqlite3").read_bytes()
    assert "written by a newer certpush" in found(state)["journal"][2]
    assert (state.directory / "journal.sqlite3").read_bytes() == before


def test_a_key_that_is_not_the_certificates_is_named(state):
    generation = (state.directory / "certificates" / "wiki" / "current").resolve()
    (generation / "key.pem").write_bytes(state.bundles[0].key.reveal_pem())
    problems = found(state)
    assert f"wiki/{generation.name} cannot be read" in problems["bundle"][2]
    assert problems["bundle"][1] == "error"
    assert "wiki has no current certificate" in problems["no-current"][2]
    assert "the deployed certificate" in problems["not-in-escrow"][2]


def test_a_way_back_that_is_lost_is_told(state):
    (former, _) = sorted(
        (state.directory / "certificates" / "wiki").glob("2*"), key=lambda path: path.name.endswith(state.bundles[1].fingerprint[:16])
    )
    shutil.rmtree(former)
    where, severity, text = found(state)["not-in-escrow"]
    assert (where, severity) == ("target.wiki", "warning")
    assert "the former certificate" in text


@pytest.mark.parametrize("what", [".", "notified.json", "key"])
def test_what_is_open_to_others_is_an_error(state, what):
    path = next((state.directory / "certificates").glob("*/*/key.pem")) if what == "key" else state.directory / what
    path.chmod(0o755 if path.is_dir() else 0o644)
    where, severity, text = found(state)["open-to-others"]
    assert (where, severity) == ("state", "error")
    assert f"chmod {700 if what == '.' else 600} {path}" in text


def test_what_waits_for_a_run_or_a_person_is_told(state):
    state.deployed("mail", 2, phase=Phase.ACTIVATING)
    state.deployed("nas", 2, phase=Phase.STRANDED)
    problems = found(state, {"wiki", "mail", "nas"})
    assert problems["unfinished"][:2] == ("target.mail", "warning")
    assert problems["stranded"][:2] == ("target.nas", "warning")
    assert "certpush resolve nas" in problems["stranded"][2]
    assert problems["not-configured"][0] == "target.fw/one"
    assert "certpush forget fw" in problems["not-configured"][2]


def test_a_restore_that_was_interrupted_and_what_one_left_is_told(state):
    (state.directory / RESTORING).mkdir()
    (state.directory / "before-restore-20260101T000000Z").mkdir()
    problems = found(state)
    assert problems["restoring"][1] == "error"
    assert problems["kept-aside"][1] == "info"


def test_what_a_killed_check_of_a_backup_left_is_named(state):
    (state.directory / ".to-check-x1").mkdir(mode=0o700)
    where, severity, text = found(state)["left-behind"]
    assert (where, severity) == ("state", "info")
    assert f"rm -r {state.directory}/.to-check-x1" in text
