"""Log lines: ours by request, strangers' never below a warning, and no body at any verbosity."""

from __future__ import annotations

import io
import json
import logging
import os
import re
import sys
import warnings

import pytest

from certpush.cli.logs import set_up_logging, show_times

CANARY = "-----BEGIN PRIVATE KEY-----canary"


@pytest.fixture
def log(monkeypatch):
    """Set up logging as a command does; gives what stands on stderr then."""
    root = logging.getLogger()
    before, level, raising = root.handlers[:], root.level, logging.raiseExceptions

    def set_up(verbosity: int, form: str = "text") -> io.StringIO:
        stream = io.StringIO()
        monkeypatch.setattr(sys, "stderr", stream)
        set_up_logging(verbosity=verbosity, form=form)
        return stream

    yield set_up
    logging.captureWarnings(False)
    root.handlers, logging.raiseExceptions = before, raising
    root.setLevel(level)


@pytest.mark.parametrize("verbosity", [0, 1, 2, 9])
@pytest.mark.parametrize(
    "name", ["proxmoxer.core", "proxmoxer.backends.https", "paramiko", "paramiko.transport.sftp", "urllib3.connectionpool", "certpushx"]
)
def test_no_stranger_shows_a_body_at_any_verbosity(log, caplog, verbosity, name):
    said = log(verbosity)
    logger = logging.getLogger(name)
    for one in (name, name.partition(".")[0]):
        caplog.set_level(logging.DEBUG, one)  # as anybody may; for this test alone
    logger.info("POST https://pve:8006/api2/json with %s", CANARY)
    logger.debug("body %s", CANARY)
    assert said.getvalue() == ""


@pytest.mark.parametrize(
    ("verbosity", "shown"),
    [(0, ["warning"]), (1, ["warning", "info"]), (2, ["warning", "info", "debug"]), (5, ["warning", "info", "debug"])],
)
@pytest.mark.parametrize("name", ["certpush", "certpush.test", "certpush_file.hands"])
def test_ours_are_shown_as_asked_for(log, verbosity, shown, name):
    said = log(verbosity)
    logger = logging.getLogger(name)
    for level in ("warning", "info", "debug"):
        getattr(logger, level)("it is %s", level)
    assert said.getvalue().splitlines() == [f"{level}: {name}: it is {level}" for level in shown]


def test_a_stranger_s_warning_shows_once_a_person_asks_for_more(log):
    said = log(0)
    logging.getLogger("paramiko").warning("odd")
    assert said.getvalue() == ""
    said = log(1)
    logging.getLogger("paramiko").warning("odd")
    assert said.getvalue() == "warning: paramiko: odd\n"


def test_a_python_warning_is_a_log_line_like_others(log):
    said = log(1, "json")
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        warnings.warn("soon gone", UserWarning, stacklevel=1)
    (line,) = said.getvalue().splitlines()
    assert json.loads(line)["logger"] == "py.warnings"


@pytest.mark.parametrize("form", ["text", "json"])
def test_a_record_is_one_line_without_what_an_exception_says(log, form):
    said = log(2, form)
    try:
        int(CANARY)
    except ValueError:
        logging.getLogger("certpush.test").exception("it failed\nerror: \x1b[2Jowned\u202e")
    (line,) = said.getvalue().splitlines()
    assert "ValueError" in line
    assert "canary" not in line
    assert "\x1b" not in line
    assert "\u202e" not in line


def test_json_lines_parse_and_say_when_and_who(log):
    said = log(2, "json")
    logging.getLogger("certpush.test").info("Zürich\n%s", "wiki")
    (line,) = said.getvalue().splitlines()
    record = json.loads(line)
    assert set(record) == {"at", "level", "logger", "message"}
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record["at"])
    assert (record["level"], record["logger"], record["message"]) == ("info", "certpush.test", "Zürich\nwiki")


def test_where_times_are_shown_a_line_of_text_begins_with_its_own_unless_the_journal_reads_it(log, monkeypatch, tmp_path):
    def line(form: str, environ: dict[str, str]) -> str:
        said = log(1, form)
        show_times(environ)
        logging.getLogger("certpush.test").info("it is %s", "well")
        return said.getvalue()

    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ info: certpush\.test: it is well\n", line("text", {}))
    assert "at" in json.loads(line("json", {}))
    with (tmp_path / "journal").open("w") as stream:
        monkeypatch.setattr(sys, "stderr", stream)
        here = os.fstat(stream.fileno())
        for device, shown in ((here.st_dev, False), (here.st_dev + 1, True)):  # the variable is inherited by what is redirected
            set_up_logging(verbosity=1, form="text")
            show_times({"JOURNAL_STREAM": f"{device}:{here.st_ino}"})
            logging.getLogger("certpush.test").info("it is well")
            assert (tmp_path / "journal").read_text().startswith("info: ") is not shown
            stream.seek(0)
            stream.truncate()


def test_a_record_that_cannot_be_made_ends_nothing(log):
    said = log(2)
    logging.getLogger("certpush.test").info("%s and %s", "one")  # noqa: PLE1206 - on purpose
    assert said.getvalue() == ""


def test_beside_a_document_every_line_on_stderr_is_json(place):
    place.targets = place.targets.replace("/bin/true", "/bin/false")
    done = place.run("--output", "json", "--log-format", "json", "-vv", "deploy")
    assert done.returncode == 1
    lines = [json.loads(line) for line in done.stderr.splitlines()]
    assert {line["logger"].partition(".")[0] for line in lines} <= {"certpush", "certpush_file"}
    assert any(line["level"] == "warning" for line in lines)
    assert json.loads(done.stdout)["targets"][0]["outcome"] == "rolled-back"
    everything = done.stdout + done.stderr
    assert "PRIVATE KEY" not in everything
    assert place.ca.password not in everything
