"""What every page says of the project is so: its shell lines parse, its files are there, its messages are ours, its unit holds."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from certpush.cli.commands import COMMANDS
from conftest import not_run
from docs.reading import PAGES, ROOT, blocks, name_of, named_files, shell_commands

SECURITY = ROOT / "docs" / "security.md"
UNATTENDED = ROOT / "docs" / "unattended.md"
SOURCES = "\n".join(
    path.read_text() for folder in ("certpush", "plugins") for pattern in ("*.py", "*.sh") for path in (ROOT / folder).rglob(pattern)
)
KINDS = sorted(ROOT.glob("plugins/*/README.md"))
PATTERNS = {
    "plugins/certpush_NAME/",
    "plugins/certpush_NAME/conformance.py",
    "tests/contract/test_NAME.py",
    "tests/plugins/NAME/",
    "certpush/cli/NAME.py",
    "fixtures/step-ca/vX.Y.Z/",
}
WRITTEN_AS = {"the public key was not accepted": "the {way} was not accepted"}
SUDOS_OWN = ("a password is required",)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_shell_line_is_one_that_a_shell_can_read(page: Path) -> None:
    wrong = [
        (line, done.stderr)
        for line in shell_commands(page)
        if (done := subprocess.run(["bash", "-n"], input=line, capture_output=True, text=True, check=False)).returncode
    ]
    assert wrong == []


def test_continued_lines_and_loops_are_read_whole() -> None:
    lines = shell_commands(ROOT / "docs" / "getting-started.md")
    assert any(line.startswith("for name in") and line.endswith("done") for line in lines)
    assert any(line.startswith("certpush init") and line.endswith("--endpoint wiki.local.lan:443") for line in lines)
    assert not any("Your CA administrative password" in line for line in lines)


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_file_that_it_names_is_there(page: Path) -> None:
    assert [name for name in named_files(page) if name not in PATTERNS and not (ROOT / name).exists()] == []


def test_files_are_found_in_tables() -> None:
    assert "tests/live/test_secrecy.py" in named_files(SECURITY)


@pytest.mark.parametrize("page", KINDS, ids=name_of)
def test_every_message_that_it_helps_with_is_one_of_ours(page: Path) -> None:
    table = page.read_text().partition("## Troubleshooting")[2]
    messages = re.findall(r"^\| `([^`]+)` \|", table, re.MULTILINE)
    assert messages or "## Troubleshooting" not in page.read_text()
    pieces = [piece.strip(" :,") for message in messages for piece in message.split("...")]
    assert [piece for piece in pieces if WRITTEN_AS.get(piece, piece) not in SOURCES and piece not in SUDOS_OWN] == []


def test_the_unit_of_the_daemon_is_one_that_systemd_takes(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        not_run("there is no systemd-analyze here (systemd)")
    (unit,) = blocks(UNATTENDED, "ini")
    path = tmp_path / "certpush.service"
    path.write_text(unit.replace("/opt/certpush/bin/certpush", "/bin/true"))
    verified = _analysed(["verify", str(path)])
    assert (verified.returncode, [line for line in verified.stderr.splitlines() if "certpush" in line]) == (0, [])


def _analysed(words: list[str]) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8"}
    return subprocess.run(["systemd-analyze", *words], env=environment, capture_output=True, text=True, check=False)


def test_every_command_is_told_of_at_a_release() -> None:
    fragments = "\n".join(path.read_text() for path in (ROOT / "changelog").glob("*.md"))
    released = ROOT / "CHANGELOG.md"
    told = fragments + (released.read_text() if released.exists() else "")
    assert [name for name in COMMANDS if not re.search(rf"`(certpush )?{name}\b", told)] == []


def test_the_index_leads_to_every_page_of_docs() -> None:
    index = (ROOT / "docs" / "README.md").read_text()
    assert [page.name for page in (ROOT / "docs").glob("*.md") if page.name != "README.md" and f"({page.name}" not in index] == []
