"""certpush ca <TAB>: subcommands, their options, files where files are meant; nothing is loaded that talks to a CA."""

from __future__ import annotations

import subprocess
import sys

import pytest

BASH_LIKE = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n", "COMP_TYPE": "9", "PATH": "/usr/bin:/bin"}


@pytest.fixture
def tab(tmp_path):
    """What a shell is offered for a line."""

    def press(line, *, python=()) -> list[str]:
        environment = BASH_LIKE | {
            "COMP_LINE": line,
            "COMP_POINT": str(len(line)),
            "_ARGCOMPLETE_STDOUT_FILENAME": str(tmp_path / "offered"),
        }
        (tmp_path / "offered").unlink(missing_ok=True)
        command = [sys.executable, *python, "-m", "certpush"]
        done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=True)
        press.told = done.stderr
        return [word.strip() for word in (tmp_path / "offered").read_text().split("\n") if word.strip()]

    return press


def test_the_subcommands_are_offered(tab):
    assert tab("certpush ca ") == ["health", "root", "bootstrap", "provisioners", "advise"]
    assert tab("certpush ca pro") == ["provisioners"]
    assert tab("certpush --output json ca he") == ["health"]


def test_a_subcommand_s_own_options_are_offered(tab):
    assert {"--install", "--remove", "--file", "--ca-url", "--output"} <= set(tab("certpush ca root --"))
    offered = tab("certpush ca bootstrap --")
    assert "--context" in offered
    assert "--ca" not in offered


def test_files_are_offered_where_a_file_is_meant_and_nowhere_else(tab, tmp_path):
    (tmp_path / "root.pem").write_text("")
    assert tab("certpush ca root --file ro") == ["root.pem"]
    assert tab("certpush ca root --fingerprint ro") == []


def test_nothing_is_loaded_that_talks_to_a_ca(tab):
    tab("certpush ca root --", python=("-X", "importtime"))
    loaded = {line.rpartition("|")[2].strip() for line in tab.told.splitlines()}
    assert "certpush.cli.ca_options" in loaded
    assert not loaded & {"requests", "cryptography", "msgspec", "certpush.stepca", "certpush.config"}
