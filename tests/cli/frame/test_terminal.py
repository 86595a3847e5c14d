"""On a real terminal: lines move while something happens, and nothing of them is left behind."""

from __future__ import annotations

import fcntl
import os
import subprocess
from pathlib import Path

import pytest

from cli.frame.conftest import file_target, until
from cli.frame.screen import OnTerminal

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def waiting(place, gate):
    """The place, with a reload that waits for the test."""
    place.targets = file_target(place.directory, "mail", reload=gate.command)
    return place


def rotated(lines: list[str]) -> bool:
    heading, row = lines
    return heading.startswith("target  was") and row.startswith("mail") and row.endswith("rotated (installed, not seen)")


def test_a_line_moves_and_nothing_of_it_is_left_behind(waiting, gate):
    with OnTerminal(waiting, "deploy") as terminal:
        gate.entered()
        terminal.until(lambda screen: any("mail" in line and "switching" in line for line in screen.lines), "the switch")
        assert not terminal.screen.cursor_seen
        gate.open()
        assert terminal.end() == 0
        assert rotated(terminal.screen.lines)
        assert terminal.screen.cursor_seen
        assert "32" in terminal.screen.styles  # green


@pytest.mark.parametrize("how", ["--no-color", "NO_COLOR"])
def test_lines_move_without_any_colour_where_none_is_wanted(waiting, gate, how):
    words = ["--no-color"] if how == "--no-color" else []
    waiting.more = {} if words else {"NO_COLOR": "1"}
    with OnTerminal(waiting, *words, "deploy") as terminal:
        gate.entered()
        terminal.until(lambda screen: any("switching" in line for line in screen.lines), "the switch")
        gate.open()
        assert terminal.end() == 0
        assert terminal.screen.styles == set()
        assert rotated(terminal.screen.lines)


def test_a_dumb_terminal_gets_plain_lines(place):
    place.more = {"TERM": "dumb"}
    with OnTerminal(place, "deploy") as terminal:
        assert terminal.end() == 0
        assert "\x1b" not in terminal.raw
        assert rotated(terminal.screen.lines)


def test_colours_go_where_the_terminal_is_and_not_into_a_file(waiting, gate):
    with OnTerminal(waiting, "deploy", stdout=subprocess.PIPE) as terminal:
        gate.entered()
        terminal.until(lambda screen: any("switching" in line for line in screen.lines), "the switch")
        gate.open(1)
        gate.entered()
        gate.open()
        assert terminal.end() == 1
        table = terminal.process.stdout.read()
        terminal.process.stdout.close()
        assert "\x1b" not in table
        assert "rolled-back" in table
        assert "31" in terminal.screen.styles  # the error, on stderr


def test_stderr_in_a_file_has_no_colours_and_no_moving_lines(place):
    place.targets = file_target(place.directory, "mail", reload=["/bin/false"])
    with OnTerminal(place, "deploy", stderr=subprocess.PIPE) as terminal:
        assert terminal.end() == 1
        said = terminal.process.stderr.read()
        terminal.process.stderr.close()
        assert "\x1b" not in said
        assert "error: mail: the reload command failed" in said
        assert "33" in terminal.screen.styles  # rolled back, on stdout


def test_quiet_and_json_draw_nothing(waiting, gate):
    for words in (["-q"], ["--output", "json"]):
        with OnTerminal(waiting, *words, "deploy", "--force") as terminal:
            gate.entered()
            gate.open()
            assert terminal.end() == 0
            assert "\x1b" not in terminal.raw
            assert ("exit" in terminal.raw) == (words != ["-q"])


def test_a_note_stands_above_the_moving_lines_and_stays(waiting, gate):
    with OnTerminal(waiting, "deploy") as terminal:
        gate.entered()
        terminal.until(lambda screen: any("switching" in line for line in screen.lines), "the switch")
        terminal.type("\x03")
        terminal.until(lambda screen: any("stopping: nothing new is begun" in line for line in screen.lines), "the note")
        terminal.until(lambda screen: any("switching" in line for line in screen.lines), "the line again")
        gate.open()
        assert terminal.end() == 0
        first, *note, heading, row = [line.replace("^C", "") for line in terminal.screen.lines]
        assert (first + "".join(note)).strip() == "stopping: nothing new is begun; what is being switched is brought to its end first"
        assert rotated([heading, row])


def test_a_closed_terminal_ends_nothing_half_way(waiting, gate):
    with OnTerminal(waiting, "deploy") as terminal:
        gate.entered()
        terminal.until(lambda screen: any("switching" in line for line in screen.lines), "the switch")
        terminal.hang_up()
        gate.open()
        # The result could not be written, and nobody is there to be told; what was being switched is.
        assert terminal.end() in (0, 1)
    (record,) = waiting.document("history")["deployments"]
    assert (record["phase"], record["outcome"]) == ("confirmed", "rotated")


def test_a_hundred_targets_are_readable(place):
    lock = place.directory / "lock"
    with lock.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        reload = ["/usr/bin/flock", "--shared", str(lock), "/bin/true"]
        place.targets = '[fleet]\nworkers = 20\n[certificate.shared]\nnames = ["mail.home.example"]\n' + "".join(
            file_target(place.directory, f"target-{number:03}", reload=reload, more='certificate = "shared"').replace(
                "names =", "# names ="
            )
            for number in range(100)
        )
        with OnTerminal(place, "deploy") as terminal:
            terminal.until(lambda screen: sum("switching" in line for line in screen.lines) >= 12, "twelve lines")
            terminal.until(lambda screen: any("and 8 more" in line for line in screen.lines), "the rest, counted")
            assert any("0 of 100 done" in line for line in terminal.screen.lines)
            assert len(terminal.screen.lines) == 14
            fcntl.flock(held, fcntl.LOCK_UN)
            assert terminal.end() == 0
            heading, *rows = terminal.screen.lines
            assert heading.startswith("target")
            assert [row.split()[0] for row in rows] == [f"target-{number:03}" for number in range(100)]
            assert all(row.endswith("rotated (installed, not seen)") for row in rows)


def test_a_plan_counts_and_leaves_nothing_behind(place):
    place.targets = "".join(file_target(place.directory, f"target-{number}") for number in range(3))
    with OnTerminal(place, "deploy", "--plan", columns=250) as terminal:
        assert terminal.end() == 0
        named = [line.split()[:2] for line in terminal.screen.lines if not line.startswith(" ")]
        assert named == [[f"target-{number}", "rotate"] for number in range(3)]
        assert terminal.screen.cursor_seen


def test_a_question_is_asked_on_stderr_and_answered_from_the_terminal(place):
    for answer, code, said in (("no\n", 1, "nothing was revoked"), ("yes\n", 0, "revoked  12")):
        with OnTerminal(place, "revoke", "12", columns=120) as terminal:
            terminal.until(lambda screen: any("Revoke it? [yes/no]" in line for line in screen.lines), "the question")
            terminal.type(answer)
            assert terminal.end() == code
            assert any(said in line for line in terminal.screen.lines)


def test_the_end_of_the_input_is_a_no(place):
    with OnTerminal(place, "revoke", "12", columns=120) as terminal:
        terminal.until(lambda screen: any("[yes/no]" in line for line in screen.lines), "the question")
        terminal.type("\x04")
        assert terminal.end() == 1
        assert any("nothing was revoked" in line for line in terminal.screen.lines)


def test_ctrl_c_at_a_question_is_a_no(place):
    with OnTerminal(place, "revoke", "12", columns=120) as terminal:
        terminal.until(lambda screen: any("[yes/no]" in line for line in screen.lines), "the question")
        assert terminal.stop("\x03") == 1
        assert any("interrupted" in line for line in terminal.screen.lines)


def test_nobody_is_asked_where_stderr_is_no_terminal(place):
    with Path(os.devnull).open("w") as nowhere, OnTerminal(place, "revoke", "13", stderr=nowhere, columns=120) as terminal:
        assert terminal.end() == 0
        until(lambda: terminal.process.poll() is not None, "the end")
        assert "revoked  13" in "".join(terminal.screen.lines)
