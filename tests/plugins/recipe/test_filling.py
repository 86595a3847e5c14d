"""What stands in a value stays a value."""

from __future__ import annotations

import base64

from certpush_recipe.answers import pointed
from certpush_recipe.filling import filled, filled_json, filled_words

NASTY = '"}, {"admin": true, "x": "{other}/../{{'
VALUES = {"x": NASTY, "n": 7, "yes": True, "no": False, "words": ("a b", "c")}


def test_a_value_is_never_read_again():
    assert filled("<{x}>", VALUES) == f"<{NASTY}>"
    assert filled("{{x}} {{{n}}}", VALUES) == "{x} {7}"


def test_json_keeps_the_type_of_what_stands_alone():
    made = filled_json({"a": "{n}", "b": ["{yes}", "{no}", 1.5, None], "c": "v{n}", "d": {"e": "{words}"}, "{n}": "{x}"}, VALUES)
    assert made == {"a": 7, "b": [True, False, 1.5, None], "c": "v7", "d": {"e": ["a b", "c"]}, "{n}": NASTY}


def test_words_that_stand_alone_become_as_many_arguments():
    assert filled_words(("run", "{words}", "-n={n}", "[{words}]", "{x}"), VALUES) == ("run", "a b", "c", "-n=7", "[a b c]", NASTY)


def test_base64_is_of_the_whole_value():
    assert base64.b64decode(filled("{x|base64}", VALUES)).decode() == NASTY
    assert filled("{yes|base64}", VALUES) == base64.b64encode(b"true").decode()


def test_a_pointer_finds_what_is_there_and_nothing_else():
    answer = {"a": [{"name": "x", "id": 1}, {"name": "y", "id": 2}, 3], "b/c": {"~": 5}}
    assert pointed(answer, "/a/1/id") == pointed(answer, "/a/[name=y]/id") == 2
    assert pointed(answer, "/b~1c/~0") == 5
    assert pointed(answer, "") == answer
    for nowhere in ("/a/9/id", "/a/[name=z]/id", "/a/x", "/z/y", "/a/2/name", "/a/99999999999999"):
        assert pointed(answer, nowhere) is None
