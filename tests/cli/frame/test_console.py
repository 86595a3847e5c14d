"""What a person gets to see: escaped, aligned, coloured where that is wanted, and quiet on request."""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from certpush.cli.console import Console, describe, indented, safe
from certpush.errors import CertpushError, ConfigError, IssuerUnreachable

ANSI = re.compile(r"\x1b\[[0-9;]*m")
HOSTILE = [
    ("\x1b[2J", "\\x1b[2J"),
    ("\x1b]0;title\x07", "\\x1b]0;title\\x07"),
    ("a\rb", "a\\rb"),
    ("a\nerror: b", "a\\nerror: b"),
    ("a\tb", "a\\tb"),
    ("\x9b31m", "\\x9b31m"),
    ("abc\u202egnp.exe", "abc\\u202egnp.exe"),
    ("\u2066x\u2069", "\\u2066x\\u2069"),
    ("\u200bzero\ufeff", "\\u200bzero\\ufeff"),
    ("a\u2028b\u0085c", "a\\u2028b\\x85c"),
    ("\udcff", "\\udcff"),
    ("\U000e0041", "\\U000e0041"),
    ("Zürich, שלום, 東京", "Zürich, שלום, 東京"),
]


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def made(**options) -> Console:
    return Console(out=io.StringIO(), err=io.StringIO(), **options)


@pytest.mark.parametrize(("text", "shown"), HOSTILE, ids=ascii)
def test_text_from_outside_cannot_move_a_cursor_or_read_backwards(text, shown):
    assert safe(text) == shown


@given(st.text())
def test_what_is_shown_is_one_printable_line(text):
    assert safe(text).isprintable()


@given(st.text(), st.integers(1, 20))
def test_no_line_of_somebody_else_s_text_begins_where_ours_do(text, by):
    first, *more = indented(text, by).split("\n")
    assert first.isprintable()
    for line in more:
        assert line.startswith(" " * by)
        assert line.isprintable()


def test_an_error_says_what_happened_where_and_what_to_do():
    console = made()
    console.error(ConfigError("it is wrong\nin two lines", hint="mend it\nthen run it"), where="wiki")
    assert console.err.getvalue() == "error: wiki: it is wrong\n    in two lines\n  hint: mend it\n    then run it\n"
    assert console.out.getvalue() == ""


@pytest.mark.parametrize(
    ("message", "shown"),
    [
        ("it is wrong", "wiki: it is wrong"),
        ("wiki: it is wrong", "wiki: it is wrong"),
        ("STRANDED: it is wrong", "STRANDED: wiki: it is wrong"),
        ("STRANDED: wiki: it is wrong", "STRANDED: wiki: it is wrong"),
    ],
)
def test_the_target_is_named_once_and_stranded_before_all(message, shown):
    console = made()
    console.error(ConfigError(message), where="wiki")
    assert console.err.getvalue() == f"error: {shown}\n"


def test_an_error_cannot_pass_for_two():
    console = made()
    console.error(ConfigError("a\nerror: b\x1b[1A\r", hint="\x1b[8m"))
    assert console.err.getvalue() == "error: a\n    error: b\\x1b[1A\\r\n  hint: \\x1b[8m\n"


@contextlib.contextmanager
def _becoming_ours():
    try:
        yield
    except ValueError as cause:
        raise ConfigError("it failed") from cause


def test_a_trace_shows_places_and_types_and_nothing_that_exceptions_say():
    console = made()
    with pytest.raises(ConfigError) as raised, _becoming_ours():
        int("canary-password")
    console.error(raised.value, trace=True)
    said = console.err.getvalue()
    assert "test_console.py" in said
    assert "because of ValueError" in said
    assert "canary" not in said


def test_columns_stand_below_each_other_whatever_is_in_them():
    console = made(colour=True)
    console.table(("target", "state"), [["東京", console.paint("ok", "green")], ["e\u0301u\ufe0f", "due"], ["wiki\nhome", "x"]])
    lines = ANSI.sub("", console.out.getvalue()).splitlines()
    assert lines == ["target     state", "東京       ok", "e\u0301u\ufe0f         due", "wiki home  x"]


def test_a_table_has_no_blanks_at_its_ends():
    console = made()
    console.table(("a", "b"), [["x", ""], ["", "long"]])
    assert console.out.getvalue() == "a  b\nx\n   long\n"


LONG = [["umask", "text", "the rights that a new file has, unless it holds a key, which nobody else may ever read"]]


def test_on_a_terminal_a_long_last_column_is_wrapped_between_words():
    console = made(room=50)
    console.table(("key", "type", "for"), LONG)
    assert console.out.getvalue().splitlines() == [
        "key    type  for",
        "umask  text  the rights that a new file has,",
        "             unless it holds a key, which nobody",
        "             else may ever read",
    ]


def test_elsewhere_a_row_is_one_line():
    console = made()
    console.table(("key", "type", "for"), LONG)
    assert len(console.out.getvalue().splitlines()) == 2


@pytest.mark.parametrize("room", [0, 1, 13, 32])
def test_where_there_is_no_room_for_words_the_terminal_breaks_the_line(room):
    console = made(room=room)
    console.table(("key", "type", "for"), LONG)
    assert len(console.out.getvalue().splitlines()) == 2


def test_another_column_is_wrapped_where_that_of_the_last_is_not_enough():
    console = made(room=44)
    console.table(("key", "type", "for"), [["order", '"leaf-chain-key" | "key-leaf-chain"', "what stands where"]], wrap=("type",))
    assert console.out.getvalue().splitlines() == [
        "key    type                for",
        'order  "leaf-chain-key" |  what stands where',
        '       "key-leaf-chain"',
    ]


def test_what_cannot_be_broken_stays_whole():
    console = made(room=40)
    console.table(("a", "b"), [["x", f"see {'/very' * 20}/long and more"]])
    assert console.out.getvalue().splitlines() == ["a  b", "x  see", f"   {'/very' * 20}/long", "   and more"]


def test_a_colour_ends_with_its_line_and_goes_on_in_the_next():
    console = made(room=32, colour=True)
    console.table(("a", "b"), [["x", console.paint("one two three four five six seven", "red") + " plain"]])
    _, first, second = console.out.getvalue().splitlines()
    assert first.endswith("\x1b[31mone two three four five six\x1b[0m")
    assert second == "   \x1b[31mseven\x1b[0m plain"


@given(st.lists(st.text(alphabet="ab \u6771\u0301", max_size=60), min_size=1, max_size=4), st.integers(0, 80))
def test_wrapping_loses_no_word_and_keeps_to_the_width_where_words_do(texts, room):
    console = made(room=room)
    console.table(("a", "b"), [["x", text] for text in texts])
    _, *lines = console.out.getvalue().splitlines()
    assert " ".join(" ".join(lines).split()) == " ".join(" ".join(f"x {text}" for text in texts).split())


@pytest.mark.parametrize(("out", "room"), [(True, 70), (False, None)])
def test_the_width_is_the_terminal_s(monkeypatch, out, room):
    monkeypatch.setenv("COLUMNS", "70")
    assert from_arguments(monkeypatch, out=out, err=False).room == room


def arguments(**changes) -> argparse.Namespace:
    return argparse.Namespace(**{"output": "text", "no_color": False, "quiet": False, "verbose": 0, **changes})


def from_arguments(monkeypatch, *, out: bool, err: bool, environ: dict[str, str] | None = None, **changes) -> Console:
    monkeypatch.setattr("sys.stdout", Terminal() if out else io.StringIO())
    monkeypatch.setattr("sys.stderr", Terminal() if err else io.StringIO())
    return Console.from_arguments(arguments(**changes), "deploy", environ if environ is not None else {"TERM": "xterm"})


@pytest.mark.parametrize(("out", "err"), [(True, True), (True, False), (False, True), (False, False)])
def test_either_stream_may_be_a_terminal_by_itself(monkeypatch, out, err):
    console = from_arguments(monkeypatch, out=out, err=err)
    assert (console.colour, console.colour_errors, console.live) == (out, err, err)


@pytest.mark.parametrize(
    ("environ", "changes", "colours", "live"),
    [
        ({"TERM": "xterm", "NO_COLOR": "1"}, {}, False, True),
        ({"TERM": "xterm", "NO_COLOR": ""}, {}, True, True),
        ({}, {}, True, True),
        ({"TERM": "xterm"}, {"no_color": True}, False, True),
        ({"TERM": "dumb"}, {}, False, False),
        ({"TERM": "xterm"}, {"quiet": True}, True, False),
        ({"TERM": "xterm"}, {"output": "json"}, False, False),
    ],
    ids=str,
)
def test_colours_and_moving_lines_only_where_they_are_wanted(monkeypatch, environ, changes, colours, live):
    console = from_arguments(monkeypatch, out=True, err=True, environ=environ, **changes)
    assert (console.colour, console.colour_errors, console.live) == (colours, colours, live)
    console.paint("x", "red")
    console.error(CertpushError("wrong", hint="mend it"))
    assert ("\x1b" in console.err.getvalue()) == colours


def test_quiet_says_the_result_and_what_went_wrong():
    console = made(quiet=True)
    console.line("a line")
    console.note("a note")
    console.table(("heading",), [])
    console.result("the result")
    console.table(("heading",), [["row"]])
    console.error(CertpushError("wrong"))
    assert console.out.getvalue() == "the result\nheading\nrow\n"
    assert console.err.getvalue() == "error: wrong\n"
    assert console.finish(1) == 1


def test_a_machine_gets_one_document_and_nothing_beside_it():
    console = made(json=True, command="status", verbosity=2)
    console.line("a line")
    console.result("the result")
    console.note("a note")
    console.warn("wiki: leftovers\nstay")
    console.table(("heading",), [["row"]])
    console.complain(ConfigError("of one target"), "wiki")
    console.document["targets"] = ["Zürich\u2028"]
    console.error(IssuerUnreachable("wrong", hint="mend it"))
    console.error(ConfigError("a second one"))
    assert console.finish(4) == 4
    assert console.err.getvalue() == ""
    assert console.out.getvalue().isascii()  # whatever the locale says
    document = json.loads(console.out.getvalue())
    assert list(document) == ["certpush", "command", "exit", "warnings", "targets", "error"]
    assert document["warnings"] == ["wiki: leftovers\nstay"]
    assert (document["command"], document["exit"], document["targets"]) == ("status", 4, ["Zürich\u2028"])
    assert document["error"] == {"type": "IssuerUnreachable", "message": "wrong", "hint": "mend it", "retryable": True}
    assert document["error"] == describe(IssuerUnreachable("wrong", hint="mend it"))


def test_a_person_gets_a_warning_as_a_note_with_everything_escaped():
    console = made()
    console.warn("wiki: leftovers\nerror: \x1b[2J")
    assert (console.out.getvalue(), console.err.getvalue()) == ("", "wiki: leftovers\n    error: \\x1b[2J\n")


def test_what_is_no_json_is_named_and_the_document_comes_out():
    console = made(json=True, command="doctor")
    console.document["findings"] = [{"message": b"canary"}]
    assert console.finish(1) == 1
    assert json.loads(console.out.getvalue())["findings"] == [{"message": "(bytes)"}]


class Failing(io.StringIO):
    def __init__(self, error: Exception) -> None:
        super().__init__()
        self._error = error

    def write(self, _text: str) -> int:
        raise self._error


def test_a_reader_that_left_has_seen_enough():
    console = made()
    console.out = Failing(BrokenPipeError(32, "Broken pipe"))
    console.result("a")
    console.result("b")
    assert console.finish(0) == 0
    assert console.finish(5) == 5
    assert console.err.getvalue() == ""


def test_a_result_that_cannot_be_written_is_told_and_covers_no_worse_code():
    console = made()
    console.out = Failing(OSError(28, "No space left on device"))
    console.result("a")
    assert console.finish(0) == 1
    assert console.finish(3) == 3
    assert console.err.getvalue() == "error: the output could not be written: No space left on device\n" * 2


@pytest.mark.parametrize("error", [OSError(5, "Input/output error"), RuntimeError("reentrant call"), ValueError("closed")], ids=repr)
def test_notes_and_errors_never_fail_whoever_went_away(error):
    console = made()
    console.err = Failing(error)
    console.note("a note")
    console.error(ConfigError("wrong", hint="mend it"))
    assert console.finish(2) == 2


def test_a_note_for_a_signal_that_came_within_a_write_goes_past_the_buffer(tmp_path):
    class Busy(io.TextIOWrapper):
        def write(self, text: str) -> int:
            raise RuntimeError("reentrant call inside <_io.BufferedWriter>")

    with (tmp_path / "err").open("wb") as raw, Busy(raw, encoding="ascii") as busy:
        console = made()
        console.err = busy
        console.note("zurück")
    assert (tmp_path / "err").read_bytes() == b"zur\\xfcck\n"


def test_while_lines_move_ours_go_above_them():
    above: list[str] = []
    console = made()
    console.above = above.append
    console.note("a note")
    console.error(ConfigError("wrong"))
    console.result("the result")
    assert above == ["a note", "error: wrong"]
    assert (console.out.getvalue(), console.err.getvalue()) == ("the result\n", "")
