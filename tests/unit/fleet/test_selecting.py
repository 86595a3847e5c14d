"""Names, kinds and tags: which targets a person means."""

from __future__ import annotations

import pytest

from certpush.config import from_tables
from certpush.errors import ConfigError
from certpush.fleet.selecting import named, select

TABLES = {
    "target": {
        "wiki": {"kind": "ssh", "names": ["wiki.lan"], "tags": ["edge", "web"]},
        "mail": {"kind": "file", "names": ["mail.lan"], "tags": ["edge"]},
        "old": {"kind": "ssh", "names": ["old.lan"], "tags": ["edge", "attic"], "enabled": False},
        "file": {"kind": "ssh", "names": ["file.lan"]},
    }
}
TARGETS = from_tables(TABLES, {"HOME": "/nonexistent"}).targets


def names(*words: str) -> list[str]:
    return [one.name for one in select(TARGETS, words)]


@pytest.mark.parametrize(
    ("words", "meant"),
    [
        ((), ["wiki", "mail", "file"]),
        (("mail", "wiki"), ["mail", "wiki"]),
        (("ssh",), ["wiki", "file"]),
        (("@edge",), ["wiki", "mail"]),
        (("@web", "@edge", "wiki"), ["wiki", "mail"]),
        (("old",), ["old"]),
        (("@edge", "old"), ["wiki", "mail", "old"]),
        (("file",), ["file"]),
    ],
    ids=str,
)
def test_words_mean_targets_each_once(words, meant):
    assert names(*words) == meant


@pytest.mark.parametrize(
    ("word", "hint"),
    [
        ("wikki", "did you mean 'wiki'?"),
        ("@egde", "did you mean '@edge'?"),
        ("shh", "did you mean 'ssh'?"),
        ("edge", "did you mean '@edge'?"),
        ("@", "there are targets: wiki, mail, old, file; kinds: ssh, file; tags: @edge, @web, @attic"),
        ("@ssh", "tags: @edge, @web, @attic"),
        ("WIKI", "there are targets"),
        ("", "there are targets"),
    ],
)
def test_a_word_that_means_nothing_is_answered_with_what_there_is(word, hint):
    with pytest.raises(ConfigError) as refused:
        names(word)
    assert refused.value.message == f"no target, kind or @tag is called {word!r}"
    assert hint in refused.value.hint


def test_a_member_is_not_taken_alone():
    with pytest.raises(ConfigError) as refused:
        names("wiki/one")
    assert refused.value.message == "'wiki/one': a target is taken as a whole, with all its members"
    assert refused.value.hint == "name wiki"


def test_one_wrong_word_among_good_ones_is_enough():
    with pytest.raises(ConfigError):
        names("wiki", "nope")


def test_where_all_that_is_meant_is_disabled_nothing_is_done_silently():
    with pytest.raises(ConfigError) as refused:
        names("@attic")
    assert refused.value.message == "every target that '@attic' means is disabled: old"
    assert "name the target itself" in refused.value.hint


def test_hostile_words_are_escaped_and_cut():
    with pytest.raises(ConfigError) as refused:
        names("\x1b[2J" + "x" * 500)
    assert refused.value.message.isprintable()
    assert len(refused.value.message) < 200


def test_where_there_are_no_targets_the_hint_says_how_to_make_one():
    with pytest.raises(ConfigError) as refused:
        select({}, ["wiki"])
    assert "[target.NAME]" in refused.value.hint
    assert select({}, []) == ()


def test_a_thousand_names_do_not_hide_the_message():
    many = from_tables({"target": {f"host{number}": {"kind": "file", "names": ["a.lan"]} for number in range(1000)}}, {"HOME": "/x"})
    with pytest.raises(ConfigError) as refused:
        select(many.targets, ["@zzz"])
    assert "host11 and 988 more" in refused.value.hint


def test_one_name_means_one_target_and_no_kind_or_tag():
    assert named(TARGETS, "old").name == "old"
    for word in ("ssh", "@edge", "", "wikki"):
        with pytest.raises(ConfigError, match="there is no target"):
            named(TARGETS, word)
