"""What is asked for all the time starts at once: no test measures time, but what is imported is counted."""

from __future__ import annotations

import json
import subprocess
import sys
from importlib import metadata
from pathlib import Path

import pytest

from cli.frame.conftest import environment

HEAVY = (
    "argcomplete",
    "certpush_file",
    "certpush_ssh",
    "cryptography",
    "idna",
    "importlib.metadata",
    "msgspec",
    "paramiko",
    "pluggy",
    "requests",
    "rich",
    "sqlite3",
    "ssl",
)
TELL = "import json, sys; sys.stderr.write(json.dumps(sorted(sys.modules)))"
CALL = f"""
import sys
sys.argv = ["certpush", *sys.argv[1:]]
from certpush.cli.main import main
try:
    main()
finally:
    {TELL}
"""


def imported_by(*command: str, home: Path) -> set[str]:
    done = subprocess.run([sys.executable, *command], capture_output=True, text=True, check=False, env=environment(home))
    return set(json.loads(done.stderr[done.stderr.index("[") :]))


@pytest.fixture(scope="module")
def with_nothing(tmp_path_factory):
    """What Python imports by itself here, with what measures coverage."""
    return imported_by("-c", TELL, home=tmp_path_factory.mktemp("home"))


def imported(with_nothing: set[str], home: Path, *words: str) -> set[str]:
    return imported_by("-c", CALL, *words, home=home) - with_nothing


@pytest.mark.parametrize("words", [("--help",), ("-h",), ("--version",), ()])
def test_help_and_version_import_nothing_of_certpush_but_the_table(with_nothing, tmp_path, words):
    seen = imported(with_nothing, tmp_path, *words)
    assert {one for one in seen if one.startswith("certpush")} == {"certpush", "certpush._version", "certpush.cli", "certpush.cli.main"}
    assert not seen & {*HEAVY, "argparse", "dataclasses", "importlib", "logging", "tomllib"}


@pytest.mark.parametrize(
    "words",
    [
        ("deplyo",),
        ("--nonsense",),
        *(
            (command, "--help")
            for command in ("deploy", "status", "rollback", "history", "doctor", "trust", "revoke", "plugins", "completion")
        ),
        ("deploy", "--nonsense"),
        ("history", "--limit", "none"),
    ],
    ids=" ".join,
)
def test_the_help_of_a_command_and_a_mistyped_line_import_nothing_heavy(with_nothing, tmp_path, words):
    seen = imported(with_nothing, tmp_path, *words)
    assert not seen & set(HEAVY)
    assert not {one for one in seen if one.startswith("certpush.fleet")}


@pytest.mark.parametrize("command", ["issue", "inspect"])
def test_no_command_s_help_imports_a_plugin(with_nothing, tmp_path, command):
    assert not imported(with_nothing, tmp_path, command, "--help") & {"certpush_file", "certpush_ssh", "paramiko"}


def test_the_console_script_leads_to_the_same_door():
    (script,) = metadata.entry_points(group="console_scripts", name="certpush")
    assert script.value == "certpush.cli.main:main"


def test_running_the_package_is_running_the_command(tmp_path):
    said = subprocess.run(
        [sys.executable, "-m", "certpush", "--version"], capture_output=True, text=True, check=True, env=environment(tmp_path)
    )
    assert said.stdout == f"certpush {metadata.version('certpush')}\n"
