"""Streams that are closed, full, broken, or of a narrow encoding: no word and no stream ends a command that works on a device."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from certpush.cli import running
from cli.frame.conftest import until

CLOSED = {"stdin": "<&-", "stdout": ">&-", "stderr": "2>&-", "all": "<&- >&- 2>&-"}
FULL = Path("/dev/full")
TWO_LINES = re.compile(r"error: .*\n  hint: .*\n")


def through_shell(place, redirection: str, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["/bin/sh", "-c", f'exec "$@" {redirection}', "sh", *place.command(*words)],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name.startswith(("COVERAGE_", "PYTHONPATH"))}
        | {"HOME": str(place.directory)},
    )


@pytest.mark.parametrize("which", CLOSED)
def test_a_closed_stream_changes_nothing(place, which):
    done = through_shell(place, CLOSED[which], "deploy")
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert ("rotated" in done.stdout) == (which not in ("stdout", "all"))
    assert place.document("status")["targets"][0]["standing"] == "ok"


def test_where_a_standard_stream_was_closed_no_file_takes_its_place(place):
    place.targets = place.targets.replace(
        'reload = ["/bin/true"]', f'reload = ["/bin/sh", "-c", "ls -l /proc/$PPID/fd > {place.directory}/open"]'
    )
    assert through_shell(place, CLOSED["all"], "deploy").returncode == 0
    opened = dict(re.findall(r" (\d+) -> (.*)$", (place.directory / "open").read_text(), re.MULTILINE))
    assert {opened[number] for number in "012"} == {"/dev/null"}


@pytest.mark.parametrize("words", [("inspect", "-"), ("trust", "mail")], ids=" ".join)
def test_a_command_that_reads_stdin_finds_it_empty_where_it_is_closed(place, words):
    done = through_shell(place, CLOSED["stdin"], *words)
    assert done.returncode == 2
    assert TWO_LINES.fullmatch(done.stderr)


@pytest.fixture(params=["", "1"], ids=["buffered", "unbuffered"])
def buffering(request, place):
    """As Python is by itself, and as containers often have it."""
    place.more = {"PYTHONUNBUFFERED": request.param}


@pytest.mark.usefixtures("buffering")
@pytest.mark.parametrize("words", [("--help",), ("deploy",), ("--output", "json", "status"), ("completion", "bash")], ids=" ".join)
def test_a_full_disk_under_the_result_is_told(place, words):
    with FULL.open("w") as full:
        done = place.run(*words, stdout=full)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    if words != ("--help",):
        assert "the output could not be written: No space left on device" in done.stderr
    if words == ("deploy",):
        assert place.document("status")["targets"][0]["standing"] == "ok"


def test_a_full_disk_hides_no_worse_code(place):
    place.targets = place.targets.replace('kind = "file"', 'kind = "fil"')
    with FULL.open("w") as full:
        assert place.run("deploy", stdout=full).returncode == 2
        assert place.run("--output", "json", "deploy", stdout=full).returncode == 2


@pytest.mark.usefixtures("buffering")
@pytest.mark.parametrize("words", [("--help",), ("deploy",), ("--output", "json", "status"), ("completion", "bash")], ids=" ".join)
def test_a_reader_that_left_changes_nothing(place, words):
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = place.run(*words, stdout=writing)
    finally:
        os.close(writing)
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.usefixtures("buffering")
def test_a_full_disk_under_stderr_changes_nothing(place):
    place.targets = place.targets.replace("/bin/true", "/bin/false")
    with FULL.open("w") as full:
        done = place.run("-vv", "--log-format", "json", "deploy", stderr=full)
    assert done.returncode == 1
    assert "rolled-back" in done.stdout


def test_a_narrow_encoding_ends_nothing(place):
    place.more = {"PYTHONIOENCODING": "ascii", "LC_ALL": "C"}
    done = place.run("deploy", "wörld")
    assert done.returncode == 2
    assert "w\\xf6rld" in done.stderr
    assert TWO_LINES.fullmatch(done.stderr)


def test_words_that_are_no_text_end_nothing(place):
    for words in (["deploy", b"\xff\xfe"], [b"\xff"], ["inspect", b"\xff.pem"], [b"--\xff"]):
        done = subprocess.run(
            [os.fsencode(word) for word in place.command()] + [os.fsencode(word) for word in words],
            capture_output=True,
            text=True,
            check=False,
            env={"HOME": str(place.directory)},
        )
        assert done.returncode == 2
        assert TWO_LINES.fullmatch(done.stderr), done.stderr


def test_not_a_terminal_gets_plain_lines(place):
    done = place.run("deploy")
    assert done.returncode == 0
    assert done.stderr == ""
    heading, row = done.stdout.splitlines()
    assert heading.split() == ["target", "was", "is", "now", "left", "way", "back", "outcome"]
    assert row.startswith("mail ")
    assert "\x1b" not in done.stdout


def test_verbose_tells_each_step_on_stderr(place):
    done = place.run("-v", "deploy")
    steps = [line.removeprefix("mail: ") for line in done.stderr.splitlines() if line.startswith("mail: ")]
    assert steps == ["looking", "planning", "checking", "asking the CA", "staging", "switching", "verifying", "confirming", "done"]


def test_quiet_says_nothing_where_nothing_went_wrong(place):
    done = place.run("-q", "deploy")
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert place.run("-q", "deploy").stdout == ""


def test_quiet_says_what_went_wrong(place):
    place.targets = place.targets.replace("/bin/true", "/bin/false")
    done = place.run("-q", "deploy")
    assert done.returncode == 1
    assert "mail" in done.stdout
    assert "rolled-back" in done.stdout
    assert TWO_LINES.search(done.stderr)


# --- a crash and Ctrl-C ---------------------------------------------------------------------------


class Broken:
    """A command with a bug."""

    def __init__(self, error: BaseException) -> None:
        self._error = error

    def configure(self, parser) -> None:
        pass

    def run(self, arguments, console) -> int:
        console.document["partial"] = True
        raise self._error


@pytest.fixture
def broken(monkeypatch, capsys):
    def call(error: BaseException, *words: str) -> tuple[int, str, str]:
        monkeypatch.setattr(running.importlib, "import_module", lambda _: Broken(error))
        code = running.run_command("status", words)
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


@pytest.mark.parametrize("error", [RuntimeError("canary"), RecursionError("canary"), UnicodeError("canary")], ids=repr)
def test_a_bug_is_a_message_without_what_the_exception_says(broken, error):
    code, out, err = broken(error)
    assert (code, out) == (1, "")
    assert err.startswith(f"error: certpush itself failed: {type(error).__name__}\n")
    assert "canary" not in err
    code, out, err = broken(error, "-vv")
    assert "canary" not in err
    assert f"because of {type(error).__name__}" in err
    assert "test_streams.py" in err


def test_too_little_memory_is_no_bug(broken):
    code, out, err = broken(MemoryError("canary"))
    assert (code, out) == (1, "")
    assert TWO_LINES.search(err)
    assert err.startswith("error: there is not enough memory for it\n")
    assert "canary" not in err


@pytest.mark.parametrize(
    ("error", "kind", "hint"),
    [(RuntimeError("canary"), "CertpushError", "please report it"), (KeyboardInterrupt(), "Interrupted", "nothing is left")],
    ids=["bug", "Ctrl-C"],
)
def test_whatever_happens_a_machine_gets_one_document(broken, error, kind, hint):
    code, out, err = broken(error, "--output", "json")
    document = json.loads(out)
    assert (code, err) == (1, "")
    assert document["exit"] == 1
    assert document["partial"] is True
    assert document["error"]["type"] == kind
    assert hint in document["error"]["hint"]
    assert "canary" not in out


@pytest.mark.parametrize("words", [[], ["--output", "json"]], ids=str)
def test_ctrl_c_before_the_command_began_is_told_like_any_other(place, words):
    early = "import builtins, certpush.cli.main as main\ndef run(words): raise KeyboardInterrupt\nmain.run = run\nmain.main()"
    done = subprocess.run([sys.executable, "-c", early, *words, "status"], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr
    if words:
        document = json.loads(done.stdout)
        assert (document["command"], document["error"]["type"]) == ("status", "Interrupted")
    else:
        assert TWO_LINES.fullmatch(done.stderr)


@pytest.mark.parametrize("words", [(), ("--output", "json")], ids=str)
def test_ctrl_c_while_looking_ends_with_one_message(place, serve, words):
    server = serve("mail")
    server.faults.stalls = True
    place.targets = place.targets.replace('verify = "files"', f'endpoints = ["127.0.0.1:{server.port}"]')
    process = place.start(*words, "status")
    until(lambda: server.connections, "the look at the endpoint")
    process.send_signal(signal.SIGINT)
    server.close()
    out, err = process.communicate(timeout=30)
    assert process.returncode == 1
    assert "Traceback" not in err
    if words:
        assert json.loads(out)["error"]["type"] == "Interrupted"
    else:
        assert TWO_LINES.fullmatch(err)
        assert err.startswith("error: interrupted")
