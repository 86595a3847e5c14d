"""What the guides tell people to type and to write must work: commands, configurations, units, links."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import pytest

from certpush.cli.commands import COMMANDS, split
from certpush.cli.options import parser_for
from certpush.config import load
from certpush.errors import ConfigError
from certpush.fleet.config_check import check_configuration
from certpush.model import Secret, Severity
from certpush.plugins import PluginLoader
from docs.reading import PAGES, ROOT, Command, anchors, blocks, commands, links, name_of

GUIDE = ROOT / "docs" / "getting-started.md"
ALL_COMMANDS = sorted({command for page in PAGES for command in commands(page)}, key=str)


def configurations(page: Path) -> list[str]:
    return [block for block in blocks(page, "toml") if any(line.startswith(("[ca", "[target.")) for line in block.splitlines())]


def problem_of(command: Command) -> str:
    """Why certpush would not take these words; empty when it would."""
    name, words = split(command.words)
    if name is None:
        return "" if set(words) & {"--help", "--version"} else "there is no command in it"
    if name == "COMMAND":
        return ""
    if name not in COMMANDS:
        return f"there is no command {name}"
    parser = parser_for(name, COMMANDS[name])
    importlib.import_module(f"certpush.cli.{name}").configure(parser)
    try:
        parser.parse_args(words)
    except SystemExit:
        return "" if "--help" in words else "it ends"
    except ConfigError as error:
        # A sentence may name a command, or an option of it, without all that belongs to it.
        only_mentioned = not command.typed and ("are required" in error.message or "expected one argument" in error.message)
        return "" if only_mentioned else error.message
    return ""


@pytest.mark.parametrize("command", ALL_COMMANDS, ids=str)
def test_every_command_line_is_one_that_certpush_takes(command: Command) -> None:
    assert problem_of(command) == ""


def test_commands_are_found_at_prompts_in_units_and_in_sentences() -> None:
    own = [(command.words, command.typed) for command in commands(GUIDE)]
    assert (("deploy", "wiki", "--force"), True) in own
    assert own.count((("deploy",), True)) >= 3
    assert (("init",), False) in own
    units = [(command.words, command.typed) for command in commands(ROOT / "docs" / "unattended.md")]
    assert (("daemon", "--config", "/etc/certpush/certpush.toml"), True) in units
    assert any("--set" in words and "check=nginx -t" in words for words, _ in own)


@pytest.mark.parametrize("wrong", ["deploy --dry-run", "deplyo", "trust wiki extra", "--config x"])
def test_a_command_line_that_certpush_does_not_take_is_found(wrong: str) -> None:
    assert problem_of(Command("page", tuple(wrong.split()), typed=True)) != ""


@pytest.mark.parametrize(
    ("page", "block"),
    [pytest.param(page, block, id=f"{name_of(page)}-{index}") for page in PAGES for index, block in enumerate(configurations(page))],
)
def test_every_configuration_is_read_as_a_run_would_read_it(page: Path, block: str, tmp_path: Path) -> None:
    path = tmp_path / "certpush.toml"
    path.write_text(with_files_of(page, block, tmp_path))
    path.chmod(0o600)
    configuration = load(path, {"HOME": str(tmp_path)})
    known = {"url": "https://ca.local.lan:9000", "fingerprint": "0" * 64}
    complete = {name: table or known for name, table in configuration.ca_tables.items()}
    object.__setattr__(configuration, "ca_tables", complete)  # a block may leave the CA to the one before it
    named = ("acme-nas",) if page.name == "plugins.md" else ()  # the guide's own plugin is not installed
    found = [
        finding
        for where, finding in check_configuration(configuration, PluginLoader(), Secret, {"HOME": str(tmp_path)})
        if finding.severity in (Severity.ERROR, Severity.WARNING) and not any(kind in finding.message for kind in named)
    ]
    assert found == []


def with_files_of(page: Path, block: str, directory: Path) -> str:
    """The configuration with the files that the page shows, each below its full path as a comment, laid down elsewhere."""
    for text in blocks(page, "toml"):
        name = re.match(r"# (/\S+\.toml)\n", text)
        if name and name[1] in block:
            file = directory / Path(name[1]).name
            file.write_text(text)
            block = block.replace(name[1], str(file))
    return block


def test_the_guides_configuration_is_among_them() -> None:
    assert len(configurations(GUIDE)) == len(blocks(GUIDE, "toml")) == 2


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_every_link_leads_to_something(page: Path) -> None:
    dead = []
    for link in links(page):
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        if not target.exists() or (anchor and anchor not in anchors(target)):
            dead.append(link)
    assert dead == []
