"""`certpush resolve`: shown, decided, done."""

from __future__ import annotations

import subprocess

import pytest

from certpush.state.lock import Locks

pytestmark = pytest.mark.timeout(60)


@pytest.fixture
def stranded(certpush, yard):
    """A target that still serves its second certificate, because the reload on the way back failed; the first is in its files again."""
    yard.serve("wiki", "names = ['wiki.home.example']")
    assert certpush("deploy").code == 0
    yard.first = yard.served("wiki")
    yard.strand("wiki", times=9)
    assert certpush("deploy", "--force").code == 3
    yard.break_reload("wiki", times=0)
    yard.second = yard.served("wiki")
    return yard


def test_what_is_there_is_shown_and_the_way_back_is_finished(certpush, stranded):
    ended = certpush("resolve", "wiki")
    assert ended.code == 2
    assert "STRANDED since" in ended.out
    assert "certpush resolve wiki --accept\n" in ended.err
    assert "certpush resolve wiki --finish" in ended.err
    with Locks(stranded.directory.parent / "state" / "locks").hold("wiki"):
        at_work = certpush("resolve", "wiki")
        assert (at_work.code, at_work.out) == (6, "")
        assert "another run is working on wiki" in at_work.err
    document = certpush("resolve", "wiki", "--output=json").document
    assert (document["exit"], document["error"]["type"]) == (2, "ConfigError")
    (one,) = document["unresolved"]
    assert one["record"]["phase"] == "stranded"
    assert [seen["fingerprint"] for seen in one["served"]] == [stranded.second] != [stranded.first]
    assert {seen["fingerprint"]: seen["known"] for seen in one["there"]} == {stranded.first: "before", stranded.second: "wanted"}
    assert certpush("status", "--output=json").document["targets"][0]["standing"] == "stranded"

    ended = certpush("resolve", "wiki", "--finish", "--reason", "nginx was wedged", "--output=json")
    assert ended.code == 0
    (one,) = ended.document["targets"]
    assert (one["outcome"], one["now"]) == ("rolled-back", stranded.first)
    ended = certpush("resolve", "wiki")
    assert (ended.code, ended.out) == (0, "nothing to resolve: no deployment to wiki was left half-way\n")
    (record, _) = certpush("history", "wiki", "--output=json").document["deployments"]
    assert record["outcome"] == "rolled-back"
    assert ": nginx was wedged; the reload command failed" in record["error"]
    assert certpush("deploy", "--output=json").document["targets"][0]["outcome"] == "unchanged"  # it stays, as after a rollback


def test_somebody_elses_is_accepted_with_the_word_alone(certpush, stranded, authority):
    theirs = authority.issue("wiki.home.example")
    (stranded.directory / "wiki.crt").write_bytes(theirs.fullchain_pem)
    (stranded.directory / "wiki.key").write_bytes(theirs.key.reveal_pem())
    subprocess.run(stranded.servers["wiki"].reload_command, check=True)
    assert "--accept --adopt" in certpush("resolve", "wiki").err
    assert certpush("resolve", "wiki", "--accept").code == 5
    assert certpush("resolve", "wiki", "--accept", "--adopt").code == 0
    assert stranded.served("wiki") == theirs.fingerprint


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["wiki", "--adopt"], "--adopt goes with --accept"),
        (["nope"], "there is no target 'nope'"),
        (["wiki", "--accept", "--finish"], "not allowed"),
    ],
)
def test_wrong_words_end_with_the_right_ones(certpush, yard, words, said):
    yard.describe("wiki")
    ended = certpush("resolve", *words)
    assert ended.code == 2
    assert said in ended.err
