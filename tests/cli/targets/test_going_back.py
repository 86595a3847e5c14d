"""`certpush rollback` and `certpush history`."""

from __future__ import annotations

import re
import subprocess

import pytest

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def twice(certpush, yard):
    """A target with a first certificate of ours, and a second one."""
    yard.serve("wiki")
    assert certpush("deploy").code == 0
    yard.first = yard.served("wiki")
    assert certpush("deploy", "--force").code == 0
    yard.second = yard.served("wiki")
    return yard


def test_back_to_the_previous_certificate_which_is_seen(certpush, twice):
    ended = certpush("rollback", "wiki", "--output=json")
    assert ended.code == 0
    (one,) = ended.document["targets"]
    assert (one["outcome"], one["was"], one["now"]) == ("rolled-back", twice.second, twice.first)
    assert one["served"][0]["fingerprint"] == twice.served("wiki") == twice.first


def test_what_was_gone_back_to_is_left_alone_by_the_next_run(certpush, twice):
    assert "GOING BACK" not in certpush("rollback", "wiki").err
    assert certpush("deploy", "--output=json").document["targets"][0]["outcome"] == "unchanged"
    assert twice.served("wiki") == twice.first


def test_going_back_twice_is_refused_with_the_reason(certpush, twice):
    certpush("rollback", "wiki")
    ended = certpush("rollback", "wiki")
    assert ended.code == 5
    assert "error: wiki: the last deployment was already rolled back" in ended.err
    assert "certpush history" in ended.err
    assert twice.served("wiki") == twice.first


def test_there_is_no_way_back_where_nothing_was_deployed(certpush, yard):
    yard.serve("wiki")
    before = yard.served("wiki")
    ended = certpush("rollback", "wiki")
    assert ended.code == 5
    assert "certpush has deployed nothing here yet" in ended.err
    assert yard.served("wiki") == before


def test_the_first_certificate_gives_way_to_what_was_there_before(certpush, yard):
    yard.serve("wiki")
    before = yard.served("wiki")
    certpush("deploy")
    assert certpush("rollback", "wiki").code == 0
    assert yard.served("wiki") == before


def test_somebody_elses_certificate_is_not_overwritten_by_going_back(certpush, twice, authority):
    theirs = authority.issue("wiki.home.example")
    (twice.directory / "wiki.crt").write_bytes(theirs.fullchain_pem)
    (twice.directory / "wiki.key").write_bytes(theirs.key.reveal_pem())
    subprocess.run(twice.servers["wiki"].reload_command, check=True)
    ended = certpush("rollback", "wiki")
    assert ended.code == 5
    assert "another certificate was installed since" in ended.err
    assert twice.served("wiki") == theirs.fingerprint


def test_after_a_deployment_that_was_rolled_back_there_is_nothing_to_go_back_from(certpush, twice):
    twice.break_reload("wiki")
    assert certpush("deploy", "--force").code == 1
    ended = certpush("rollback", "wiki")
    assert ended.code == 5
    assert twice.served("wiki") == twice.second


def test_going_back_that_fails_is_told_as_it_is(certpush, twice):
    twice.break_reload("wiki", times=9)
    ended = certpush("rollback", "wiki")
    assert ended.code == 3
    assert "error: STRANDED" in ended.err
    twice.break_reload("wiki", times=0)
    assert certpush("deploy").code == 0


@pytest.mark.parametrize("word", ["nope", "file", "@web", "wikki"])
def test_one_target_is_named_and_nothing_else(certpush, twice, word):
    ended = certpush("rollback", word)
    assert ended.code == 2
    assert f"there is no target '{word}'" in ended.err
    assert "targets: wiki" in ended.err
    assert twice.served("wiki") == twice.second


def test_a_target_that_is_no_cluster_has_no_members_to_go_back(certpush, twice):
    ended = certpush("rollback", "wiki/one")
    assert ended.code == 2
    assert "is no member of wiki" in ended.err
    assert twice.served("wiki") == twice.second


def test_going_back_that_fails_half_way_is_told_as_what_was_asked_for(certpush, twice):
    twice.break_reload("wiki", times=9)
    ended = certpush("rollback", "wiki")
    assert ended.code == 3
    assert "error: STRANDED: wiki: going back was asked for, and failed: the reload command failed" in ended.err
    (newest, *_) = certpush("history", "--output=json").document["deployments"]
    assert newest["error"].startswith("going back was asked for, and failed: ")
    assert newest["notes"][0] == "rolled back on request"


# --- history --------------------------------------------------------------------------------------


@pytest.fixture
def busy(certpush, yard):
    """Two targets and five deployments, the last of them a failed one."""
    yard.serve("wiki")
    yard.serve("mail")
    for words in (["wiki"], ["mail"], ["wiki", "--force"], ["mail", "--force"]):
        assert certpush("deploy", *words).code == 0
    yard.break_reload("wiki")
    assert certpush("deploy", "wiki", "--force").code == 1
    return yard


def records(ended) -> list[tuple[str, str]]:
    assert ended.code == 0
    return [(one["target"], one["outcome"]) for one in ended.document["deployments"]]


def test_the_newest_comes_first_with_how_it_ended(certpush, busy):
    assert records(certpush("history", "--output=json")) == [
        ("wiki", "rolled-back"),
        ("mail", "rotated"),
        ("wiki", "rotated"),
        ("mail", "rotated"),
        ("wiki", "rotated"),
    ]
    lines = certpush("history").out.splitlines()
    assert lines[0].split() == ["when", "target", "was", "wanted", "why", "outcome"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d  wiki +\w{12}  \w{12}  forced +rolled-back: .*reload command failed.*", lines[1])
    assert "first certificate" in lines[-1]


def test_one_target_and_as_many_as_asked_for(certpush, busy):
    assert records(certpush("history", "mail", "--output=json")) == [("mail", "rotated")] * 2
    assert records(certpush("history", "--limit", "2", "--output=json")) == [("wiki", "rolled-back"), ("mail", "rotated")]
    assert records(certpush("history", "wiki", "--limit=1", "--output=json")) == [("wiki", "rolled-back")]


@pytest.mark.parametrize("limit", ["0", "-1", "x", "1.5", "100001", ""])
def test_a_limit_is_a_number_that_makes_sense(certpush, yard, limit):
    ended = certpush("history", f"--limit={limit}")
    assert ended.code == 2
    assert "is not a number from 1 to 100000" in ended.err


def test_nothing_yet_is_said_in_words(certpush, yard):
    yard.serve("wiki")
    assert certpush("history").out == certpush("history", "wiki").out == "nothing was deployed yet\n"
    assert certpush("history", "--output=json").document["deployments"] == []


def test_a_mistyped_target_is_no_target_without_history(certpush, busy):
    for word in ("wikki", ""):
        ended = certpush("history", word)
        assert ended.code == 2
        assert f"'{word}'" in ended.err


def test_a_target_that_is_gone_from_the_configuration_keeps_its_history(certpush, busy):
    del busy.tables["target.mail"]
    busy.write()
    assert records(certpush("history", "mail", "--output=json")) == [("mail", "rotated")] * 2
