"""`certpush forget`: what is remembered goes, the records stay; on request the target is left as it was."""

from __future__ import annotations

import json

import pytest

from certpush.model import Phase
from cli.targets.test_state import bundles, known

__all__ = ["bundles", "known"]

pytestmark = pytest.mark.timeout(60)


def test_a_target_is_left_as_it_was_and_then_forgotten(certpush, yard):
    yard.serve("wiki")
    before = yard.served("wiki")
    assert certpush("deploy").code == 0
    assert certpush("forget", "wiki", "--clean").code == 2  # nobody is here to be asked
    ended = certpush("forget", "wiki", "--clean", "--yes", "--output=json")
    assert ended.code == 0
    assert (ended.document["forgotten"], ended.document["certificates"], ended.document["configured"]) == (["wiki"], ["wiki"], True)
    assert yard.served("wiki") == before
    assert not list(yard.directory.glob(".certpush/*"))
    with open(ended.document["archive"]) as file:  # noqa: PTH123 - the path that a script gets
        archive = json.load(file)
    assert [one["target"] for one in archive["deployments"]] == ["wiki"]
    assert archive["steps"]
    assert certpush("history", "--output=json").document["deployments"] == []
    assert certpush("deploy").code == 0  # its own certificate again, so it needs no --adopt

    assert certpush("deploy", "--force").code == 0  # now the copy of the first is kept no more
    served = yard.served("wiki")
    ended = certpush("forget", "wiki", "--clean", "--yes")
    assert ended.code == 5
    assert "nothing was forgotten" in ended.out
    assert "without --clean" in ended.err
    assert yard.served("wiki") == served
    assert "wiki: going back\n" in ended.err  # asked for, so no alarm
    (last, *_) = certpush("history", "wiki", "--output=json").document["deployments"]
    assert (last["outcome"], last["error"], last["notes"]) == ("rotated", "", [])


def test_what_is_configured_no_more_is_forgotten_with_its_keys_alone(certpush, known):
    known.deployed("fw/one", 1)
    known.deployed("fwx", 2)
    ended = certpush("forget", "fw", "--yes")
    assert ended.code == 0
    assert "forgotten: fw/one; the records are kept in" in ended.out
    assert "remains" not in ended.out
    assert sorted(path.name for path in (known.directory / "certificates").iterdir()) == ["fwx", "wiki"]
    assert certpush("state", "check").code == 0
    assert certpush("forget", "wiki", "--clean", "--yes").code == 2
    assert certpush("forget", "fw", "--yes").code == 2
    assert b"PRIVATE KEY" not in next((known.directory / "forgotten").iterdir()).read_bytes()


def test_what_was_left_half_way_is_not_forgotten_unless_it_is_abandoned(certpush, known):
    known.deployed("nas", 1, phase=Phase.STRANDED)
    ended = certpush("forget", "nas", "--yes")
    assert ended.code == 5
    assert "certpush resolve nas" in ended.err
    assert certpush("forget", "nas", "--abandon", "--yes").code == 0
    assert certpush("history", "--output=json").document["deployments"][0]["target"] == "wiki"


def test_what_cannot_be_forgotten_is_said_before_anybody_is_asked(certpush, known, monkeypatch):
    monkeypatch.setattr("certpush.cli.asking.can_ask", lambda: True)
    monkeypatch.setattr("certpush.cli.asking.agreed", lambda *_: pytest.fail("somebody was asked"))
    known.deployed("nas", 1, phase=Phase.STRANDED)
    known.deployed("gone", 2)
    for words, code, why in (
        (["nus"], 2, "nothing is known of 'nus'"),
        (["nas"], 5, "certpush resolve nas"),
        (["gone", "--clean"], 2, "gone is not configured any more"),
    ):
        ended = certpush("forget", *words)
        assert ended.code == code
        assert why in ended.err
    assert len(certpush("history", "--output=json").document["deployments"]) == 3


def test_a_look_at_what_would_be_forgotten_makes_nothing(certpush, tmp_path, yard):
    yard.serve("wiki")
    assert certpush("forget", "wiki").code == 2
    assert not (tmp_path / "state").exists()
