"""`certpush status --watch`: a line for each change, moving lines for a person, and an end that leaves the terminal as it was."""

from __future__ import annotations

import io
import os
import signal
from dataclasses import replace
from datetime import timedelta

import pytest

from certpush.cli.console import Console
from certpush.cli.status.looking import Sight
from certpush.cli.status.screen import Screen
from certpush.cli.status.watch import watch
from certpush.errors import ConfigError, StateError
from certpush.model import Standing, Waiting
from cli.frame.conftest import place
from cli.frame.screen import OnTerminal
from cli.status.sights import HOSTILE, NOW, certificate, every_standing, hostile, hours, many, status
from cli.targets.remembered import remembered

__all__ = ["place", "remembered"]  # fixtures

pytestmark = pytest.mark.timeout(120)


def seconds(count: float) -> timedelta:
    return timedelta(seconds=count)


def sights(*rows, at=NOW):
    return [Sight(at + seconds(30 * number), row, {}) for number, row in enumerate(rows)]


def watched(looks, *, end=KeyboardInterrupt, quiet=False) -> tuple[int, list[str]]:
    """Give the looks one after another, raise those that are errors, and then Ctrl-C."""
    out, ahead, slept = io.StringIO(), iter(looks), []

    def look() -> Sight:
        one = next(ahead, None)
        if one is None:
            raise end
        if isinstance(one, Exception):
            raise one
        return one

    code = watch(look, Console(out=out, err=io.StringIO(), quiet=quiet), seconds(7), sleep=slept.append)
    assert set(slept) == {7.0}
    return code, out.getvalue().splitlines()


WIKI = status("wiki", "ssh", Standing.OK, hours(6))
MAIL = status("mail", "ssh", Standing.OK, hours(2))


def test_at_first_how_each_stands_and_then_what_changes():
    code, lines = watched(
        sights(
            [WIKI, MAIL],
            [WIKI, MAIL],
            [
                WIKI,
                replace(MAIL, standing=Standing.UNREACHABLE, served=(), not_after=None, due=None, problems=("mail:25: no\nlook there",)),
            ],
            [status("wiki", "ssh", Standing.OK, hours(0)), replace(MAIL, standing=Standing.DUE, due=NOW)],
            [MAIL],
        )
    )
    assert code == 0
    assert lines == [
        "2026-11-27T06:31:00Z wiki: ok, 18h left, due in 9h",
        "2026-11-27T06:31:00Z mail: ok, 22h left, due in 13h",
        "2026-11-27T06:32:00Z mail: unreachable: mail:25: no; look there (was ok)",
        f"2026-11-27T06:32:30Z wiki: {WIKI.served[0].fingerprint[:12]} -> {certificate(0)[:12]}, ok, 23h left, due in 15h",
        "2026-11-27T06:32:30Z mail: due, 21h left, due now (was unreachable)",
        "2026-11-27T06:33:00Z mail: ok, 21h left, due in 13h (was due)",
        "2026-11-27T06:33:00Z wiki: no longer looked at",
    ]


def test_another_problem_is_a_change_and_with_q_only_what_is_wrong_is_told():
    bad = replace(MAIL, standing=Standing.UNKNOWN, problems=("one",))
    looks = sights([WIKI, bad], [WIKI, replace(bad, problems=("two",))], [WIKI, MAIL])
    _, lines = watched(looks, quiet=True)
    assert [line.partition(" ")[2] for line in lines] == [
        "mail: unknown, 22h left, due in 13h: one",
        "mail: unknown, 21h left, due in 13h: two",
    ]


def test_waiting_after_a_failure_is_a_change_and_so_is_its_end():
    waits = replace(WIKI, waiting=Waiting(1, NOW + hours(1), "the reload failed"))
    _, lines = watched(sights([WIKI], [waits], [waits], [WIKI]))
    assert [line.partition("Z ")[2] for line in lines] == [
        "wiki: ok, 18h left, due in 9h",
        "wiki: ok, 17h left, due in 9h: waiting until 11-27 07:31 UTC, because it failed once; the last time: the reload failed",
        "wiki: ok, 17h left, due in 9h",
    ]


def test_a_look_that_fails_is_told_and_the_last_one_decides_the_exit_code():
    damaged = StateError("the journal is damaged:\nrecord 1")
    code, lines = watched([*sights([WIKI]), damaged])
    assert code == 5
    assert lines[-1].endswith("Z nothing could be looked at: the journal is damaged:; record 1")
    assert watched([*sights([WIKI]), damaged, *sights([WIKI])])[0] == 0


def test_a_first_look_that_fails_ends_it():
    with pytest.raises(ConfigError):
        watched([ConfigError("no such target")])


def test_a_signal_ends_it_as_ctrl_c_does_and_is_answered_as_before_afterwards():
    before = signal.getsignal(signal.SIGTERM)

    def look() -> Sight:
        if signal.getsignal(signal.SIGTERM) is not before:
            os.kill(os.getpid(), signal.SIGTERM)
        return Sight(NOW, [WIKI], {})

    assert watch(look, Console(out=io.StringIO()), seconds(5), sleep=lambda _: None) == 0
    assert signal.getsignal(signal.SIGTERM) is before


def test_what_strangers_wrote_moves_no_cursor():
    _, lines = watched([hostile()])
    assert len(lines) == 1
    assert lines[0].isprintable()
    assert HOSTILE not in lines[0]


# --- the screen -------------------------------------------------------------------------------


def shown(sight: Sight, height: int = 40) -> list[str]:
    screen = Screen(Console(out=io.StringIO()))
    screen.saw(sight)
    return screen.lines(height).plain.split("\n")


def test_what_needs_attention_is_on_top_with_the_reason_below():
    lines = shown(every_standing())
    assert lines[0].startswith("7 ok \N{MIDDLE DOT} 10 need attention \N{MIDDLE DOT} first due: ")
    assert [line.split()[0] for line in lines[1:5]] == ["target", "nas", "backup", "switch"]
    assert lines[-4] == "backup: backup.home.example:8007: expired on 2026-11-27 04:31 UTC"
    assert lines[-1] == "looked at 06:31:00 UTC, looking; Ctrl-C ends"


def test_a_thousand_are_cut_to_what_fits():
    lines = shown(many(1000), height=24)
    assert len(lines) <= 23
    assert lines[1].startswith("target")
    assert " danger" in lines[2]
    assert lines[-2] == "and 981 more, none of them worse"


def test_the_last_line_counts_down_and_says_what_failed():
    screen = Screen(Console(out=io.StringIO()))
    assert screen.lines(24).plain == "looking; Ctrl-C ends"
    screen.saw(every_standing())
    screen.waiting(30)
    assert screen.lines(24).plain.endswith("looked at 06:31:00 UTC, looks again in 30s; Ctrl-C ends")
    screen.failed(StateError("the journal\nis damaged"))
    assert screen.lines(24).plain.endswith("\nnothing could be looked at: the journal")
    assert "wiki" in screen.lines(40).plain


def test_on_a_terminal_lines_move_until_ctrl_c_and_the_table_stays(place):
    assert place.run("deploy").returncode == 0
    with OnTerminal(place, "status", "--watch") as terminal:
        terminal.until(lambda screen: any("looks again in" in line for line in screen.lines), "the first look")
        assert not terminal.screen.cursor_seen
        terminal.type("\x03")
        assert terminal.end() == 0
        heading, row = terminal.screen.lines
        assert heading.startswith("target  kind")
        assert row.startswith("mail    file")
        assert row.endswith("ok")
        assert terminal.screen.cursor_seen


# --- the words --------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--watch", "--interval=4s"], "too short"),
        (["--watch", "--interval=soon"], "is not a length of time"),
        (["--interval=1m"], "how long --watch waits"),
        (["--watch", "--output=json"], "prints one document"),
    ],
)
def test_words_that_do_not_go_together_are_refused(certpush, remembered, words, says):
    ended = certpush("status", *words)
    assert ended.code == 2
    assert says in ended.out + ended.err


def test_a_page_is_written_and_named(certpush, remembered, tmp_path):
    remembered.describe("mail")
    remembered.tell("mail")
    ended = certpush("status", "--html", tmp_path / "page.html")
    assert ended.code == 0
    assert f"page: {tmp_path}/page.html" in ended.err
    assert "never" not in (tmp_path / "page.html").read_text()
    assert certpush("status", "--html", tmp_path / "page.html", "--output=json").document["page"] == str(tmp_path / "page.html")
    ended = certpush("status", "--html", tmp_path / "nowhere" / "page.html")
    assert ended.code == 1
    assert "cannot be written" in ended.err
