"""The words of a command line: found wherever they may stand, refused with the next step where they mean nothing."""

from __future__ import annotations

import importlib
import importlib.util
import json
import re

import pytest

from certpush.cli.commands import COMMANDS, GROUPS, split
from certpush.cli.main import help_text, run
from certpush.cli.options import parser_for
from certpush.errors import ConfigError


@pytest.fixture
def said(capsys, monkeypatch, tmp_path):
    """Call in this process: ``said("deploy")`` gives code, stdout, stderr."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("XDG_CONFIG_HOME", raising=False)
    monkeypatch.delenv("CERTPUSH_CONFIG", raising=False)

    def call(*words: str) -> tuple[int, str, str]:
        code = run(list(words))
        printed = capsys.readouterr()
        return code, printed.out, printed.err

    return call


@pytest.mark.parametrize(
    ("words", "command", "rest"),
    [
        (["deploy", "wiki"], "deploy", ["wiki"]),
        (["-v", "deploy", "wiki"], "deploy", ["-v", "wiki"]),
        (["--config", "deploy", "status"], "status", ["--config", "deploy"]),
        (["--config=x", "--output", "json", "status"], "status", ["--config=x", "--output", "json"]),
        (["--output", "json"], None, ["--output", "json"]),
        (["--no-color", "--log-format", "json", "-q", "plugins"], "plugins", ["--no-color", "--log-format", "json", "-q"]),
        ([], None, []),
    ],
)
def test_a_command_is_found_behind_options_that_take_a_word(words, command, rest):
    assert split(words) == (command, rest)


def test_every_command_of_the_table_is_in_the_help_and_has_a_module():
    text = help_text()
    for name, summary in COMMANDS.items():
        assert f"  {name:<12}{summary}\n" in text
        assert importlib.util.find_spec(f"certpush.cli.{name}") is not None
    assert len(COMMANDS) == sum(len(commands) for _, commands in GROUPS)


def test_the_help_fits_a_terminal_of_a_hundred_and_twenty_columns():
    assert max(map(len, help_text().splitlines())) <= 120
    assert help_text().isascii()


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_its_two_functions_and_a_help_with_the_options_that_stand_everywhere(said, name):
    module = importlib.import_module(f"certpush.cli.{name}")
    assert callable(module.configure)
    assert callable(module.run)
    code, out, err = said(name, "--help")
    assert (code, err) == (0, "")
    assert out.startswith(f"usage: certpush {name} ")
    for option in ("--verbose", "--quiet", "--output", "--no-color", "--config", "--log-format"):
        assert option in out


def test_nothing_at_all_shows_the_help_and_is_a_mistake(said):
    assert said() == (2, f"{help_text()}\n", "")
    assert said("--help") == (0, f"{help_text()}\n", "")


@pytest.mark.parametrize(("typed", "meant"), [("deplyo", "deploy"), ("stats", "status"), ("rolback", "rollback"), ("plugns", "plugins")])
def test_an_unknown_command_names_the_nearest(said, typed, meant):
    code, out, err = said(typed, "wiki")
    assert (code, out) == (2, "")
    assert f"there is no command '{typed}'" in err
    assert f"did you mean `certpush {meant}`?" in err


@pytest.mark.parametrize("typed", ["xyzzy", "", "\x1b[31mred", "a\nerror: b", "\u202egnp", "x" * 5000])
def test_a_word_that_is_like_no_command_leads_to_the_list(said, typed):
    code, out, err = said(typed)
    assert (code, out) == (2, "")
    assert "certpush --help" in err
    assert len(err) < 400
    assert re.sub(r"[ -~]", "", err) == "\n\n"  # two lines of printable ASCII


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["--nonsense"], "there is no command in: --nonsense"),
        (["deploy", "--nonsense"], "unrecognized arguments: --nonsense"),
        (["--nonsense", "deploy"], "unrecognized arguments: --nonsense"),
        (["deploy", "--forc"], "unrecognized arguments: --forc"),
        (["deploy", "--verb"], "unrecognized arguments: --verb"),
        (["deploy", "--output", "xml"], "--output: invalid choice: 'xml'"),
        (["deploy", "--output"], "--output: expected one argument"),
        (["rollback"], "required: TARGET"),
        (["rollback", "a", "b"], "unrecognized arguments: b"),
        (["history", "--limit", "0"], "--limit: '0' is not a number from 1 to 100000"),
        (["history", "--limit", "²"], "--limit: '\\xb2' is not a number from 1 to 100000"),
        (["history", "--limit", "-1"], "--limit: '-1' is not a number from 1 to 100000"),
        (["completion", "tcsh"], "invalid choice: 'tcsh'"),
        (["completion"], "required: shell"),
        (["revoke", "1", "--reason", "because"], "--reason: invalid choice: 'because'"),
        (["deploy", "--previous", "a"], "--previous: expected 2 arguments"),
        (["deploy", "--previous", "a", "b"], "--previous goes with --adopt"),
        (["deploy", "--adopt", "--previous", "a", "b", "--config", "/nowhere"], "there is no configuration file /nowhere"),
        (["deploy", "\x1b[31m", "--nonsense"], "unrecognized arguments: --nonsense"),
        (["deploy", "--\x1b]0;owned\x07"], "unrecognized arguments: --\\x1b]0;owned\\x07"),
    ],
    ids=lambda value: repr(value)[:40],
)
def test_a_mistake_is_one_error_with_the_next_step_and_code_2(said, words, says):
    code, out, err = said(*words)
    assert (code, out) == (2, "")
    assert says in err
    assert err.startswith("error: ")
    assert err.count("error:") == err.count("hint:") == 1
    assert "Traceback" not in err
    assert re.sub(r"[ -~\n]", "", err) == ""


@pytest.mark.parametrize(
    "words", [["deplyo"], ["--nonsense"], ["deploy", "--nonsense"], ["rollback"], ["history", "--limit", "x"]], ids=str
)
@pytest.mark.parametrize("form", [["--output", "json"], ["--output=json"]], ids=str)
@pytest.mark.parametrize("first", [True, False], ids=["before", "behind"])
def test_a_mistake_is_one_document_where_a_machine_listens(said, words, form, first):
    code, out, err = said(*([*form, *words] if first else [*words, *form]))
    assert (code, err) == (2, "")
    document = json.loads(out)
    assert document["exit"] == 2
    assert document["error"]["type"] == "ConfigError"
    assert document["error"]["hint"]


@pytest.mark.parametrize(
    ("words", "command"),
    [
        (["ca", "health", "--nonsense"], "ca health"),
        (["--config", "health", "ca", "root", "--file"], "ca root"),
        (["ca", "--config", "health", "advise", "--help"], "ca advise"),
        (["config", "-v", "schema", "--kind"], "config schema"),
        (["config"], "config"),
        (["ca", "healht"], "ca"),
        (["rollback", "health"], "rollback"),
        (["deplyo"], ""),
    ],
    ids=str,
)
def test_a_document_names_the_command_with_its_subcommand(said, words, command):
    _, out, _ = said(*words, "--output", "json")
    assert json.loads(out)["command"] == command


def test_without_a_configuration_the_way_to_one_is_named(said):
    code, out, err = said("deploy")
    assert (code, out) == (2, "")
    assert "there is no configuration yet" in err
    assert "`certpush init`" in err
    assert "`certpush demo`" in err


@pytest.mark.parametrize("words", [["-v", "completion", "bash"], ["completion", "-v", "bash"], ["completion", "bash", "-v"]], ids=str)
def test_options_that_stand_everywhere_may_stand_anywhere(said, words):
    code, out, _ = said(*words)
    assert code == 0
    assert "complete" in out


def test_the_parser_raises_where_argparse_would_end_the_process():
    with pytest.raises(ConfigError, match="certpush deploy: unrecognized") as raised:
        parser_for("deploy", "x").parse_args(["--nonsense"])
    assert raised.value.hint == "certpush deploy --help"
