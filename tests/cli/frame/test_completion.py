"""Completion in real shells: commands, options, choices, targets, kinds and tags; no plugin, no noise."""

from __future__ import annotations

import argparse
import json
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from certpush.cli import completing
from certpush.cli.commands import COMMANDS
from certpush.cli.completing import TAKES_A_TARGET, TAKES_TARGETS, configuration_tables, names_in, parser_for_line
from certpush.config import default_state_directory, from_tables, locate
from cli.frame.conftest import environment
from conftest import need

CONFIGURATION = """
[target.wiki]
kind = "ssh"
tags = ["web", "edge"]
[target.mail]
kind = "file"
tags = ["web"]
[target."a b"]
kind = "file"
[observer.chat]
kind = "notify"
"""
WEIRD = '[target]\ny = 3\n[target.x]\nkind = 7\ntags = 5\n[target.ok]\nkind = "file"\ntags = ["t", 6]\n[other]\nz = 1\n'
BROKEN = ["", "[target", "target = 3", "\x00", "target = [1]", WEIRD.encode("utf-16").decode("latin-1"), "a = " + "[" * 5000]

BASH = """
source {script}
COMP_LINE={line}; COMP_POINT=${{#COMP_LINE}}; COMP_TYPE=9; COMP_KEY=9; COMP_WORDBREAKS=$' \\t\\n"\\'><=;|&(:'
_python_argcomplete certpush
[[ ${{#COMPREPLY[@]}} == 0 ]] || printf '%s\\n' "${{COMPREPLY[@]}}"
"""
# compinit wants a terminal; what it would call is in its place.
ZSH = """
compdef() {{ }}
_describe() {{ shift; local name=$1; [[ ${{#${{(P)name}}}} == 0 ]] || print -l -- "${{(@P)name}}" }}
source {script}
BUFFER={line}; CURSOR=${{#BUFFER}}; words=(certpush)
_python_argcomplete
"""
FISH = "source {script}; complete -C {line}"
COMMAND = {"bash": ["bash", "--norc", "--noprofile", "-c"], "zsh": ["zsh", "-f", "-c"], "fish": ["fish", "--no-config", "-c"]}


class Shell:
    """A shell in which Tab is pressed."""

    def __init__(self, name: str, home: Path, shim: Path) -> None:
        need(name)
        self.name, self.home = name, home
        self.environment = environment(home, PATH=f"{shim}:/usr/bin:/bin")
        self.script = home / f"completion.{name}"
        done = subprocess.run(["certpush", "completion", name], capture_output=True, text=True, check=True, env=self.environment)
        self.script.write_text(done.stdout)

    def tab(self, line: str) -> list[str]:
        """The words offered at the end of the line; nothing may be said beside them."""
        text = {"bash": BASH, "zsh": ZSH, "fish": FISH}[self.name].format(script=shlex.quote(str(self.script)), line=shlex.quote(line))
        done = subprocess.run(
            [*COMMAND[self.name], text],
            capture_output=True,
            text=True,
            check=False,
            env=self.environment,
            cwd=self.home,
            stdin=subprocess.DEVNULL,
        )
        assert done.stderr == ""
        return sorted(self._word(one) for one in done.stdout.splitlines())

    def _word(self, offered: str) -> str:
        """Without the description that zsh and fish show, and without the space that bash is given."""
        if self.name == "zsh":
            offered = offered.replace("\\:", "\0").partition(":")[0].replace("\0", ":")
        return offered.partition("\t")[0].rstrip().replace("\\ ", " ")


@pytest.fixture(params=["bash", "zsh", "fish"])
def shell(request, tmp_path, shim):
    (tmp_path / ".config" / "certpush").mkdir(parents=True)
    (tmp_path / ".config" / "certpush" / "certpush.toml").write_text(CONFIGURATION)
    return Shell(request.param, tmp_path, shim)


def test_commands(shell):
    assert set(COMMANDS) <= set(shell.tab("certpush "))
    assert shell.tab("certpush de") == ["demo", "deploy"]
    assert shell.tab("certpush nosuch") == []


@pytest.mark.parametrize("command", TAKES_TARGETS)
def test_targets_kinds_and_tags_where_several_are_meant(shell, command):
    assert shell.tab(f"certpush {command} ") == ["@edge", "@web", "a b", "file", "mail", "ssh", "wiki"]
    assert shell.tab(f"certpush {command} wiki @w") == ["@web"]


@pytest.mark.parametrize("command", TAKES_A_TARGET)
def test_targets_where_one_is_meant(shell, command):
    assert shell.tab(f"certpush {command} ") == ["a b", "mail", "wiki"]
    assert shell.tab(f"certpush {command} w") == ["wiki"]


def test_members_where_one_is_meant(shell):
    locks = shell.home / "state" / "locks"
    locks.mkdir(parents=True)
    for name in ("wiki", "wiki+two", "wiki+one", "certificate+wiki", "certificate+wiki+two", "gone+one"):
        (locks / f"{name}.lock").touch()
    with (shell.home / ".config" / "certpush" / "certpush.toml").open("a") as file:
        file.write(f'[state]\ndirectory = "{shell.home}/state"\n')
    assert shell.tab("certpush rollback w") == ["wiki", "wiki/one", "wiki/two"]
    assert shell.tab("certpush history wiki/t") == ["wiki/two"]
    assert shell.tab("certpush deploy w") == ["wiki"]


def test_options(shell):
    assert shell.tab("certpush deploy --p") == ["--plan", "--previous"]
    assert shell.tab("certpush deploy wiki --fo") == ["--force"]
    assert shell.tab("certpush --no") == ["--no-color"]


def test_choices(shell):
    assert shell.tab("certpush status --output ") == ["json", "text"]
    assert shell.tab("certpush --log-format j") == ["json"]
    assert shell.tab("certpush completion ") == ["bash", "fish", "zsh"]
    assert shell.tab("certpush observer test ") == ["chat"]
    assert shell.tab("certpush revoke 12 --reason key") == ["key-compromise"]


def test_files_only_where_a_file_is_wanted(shell):
    (shell.home / "other.toml").write_text("[target.elsewhere]\n")
    assert "other.toml" in shell.tab("certpush --config oth")
    assert "other.toml" not in shell.tab("certpush deploy ")
    assert shell.tab("certpush --config other.toml rollback ") == ["elsewhere"]


def test_a_broken_configuration_gives_nothing_and_no_noise(shell):
    for text in BROKEN:
        (shell.home / ".config" / "certpush" / "certpush.toml").write_text(text)
        assert shell.tab("certpush rollback ") == []
    (shell.home / ".config" / "certpush" / "certpush.toml").write_text(WEIRD)
    assert shell.tab("certpush deploy ") == ["@t", "file", "ok", "x"]
    (shell.home / ".config" / "certpush" / "certpush.toml").unlink()
    assert shell.tab("certpush deploy ") == []


# --- the same without a shell ---------------------------------------------------------------------

HEAVY = {
    "certpush_file",
    "certpush_proxmox",
    "certpush_ssh",
    "cryptography",
    "importlib.metadata",
    "msgspec",
    "paramiko",
    "pluggy",
    "proxmoxer",
    "requests",
    "sqlite3",
    "ssl",
}
ANSWER = """
import json, os, sys
modules = os.open(sys.argv[1], os.O_WRONLY | os.O_CREAT)
leave = os._exit
def tell(code):
    os.write(modules, json.dumps(sorted(sys.modules)).encode())
    leave(code)
os._exit = tell
from certpush.cli.main import run
run([])
"""


def tab(home: Path, line: str, **more: str) -> tuple[list[str], set[str], str]:
    """Press Tab without a shell; gives the words, what was imported, and what was said."""
    words, modules = home / "words", home / "modules"
    modules.unlink(missing_ok=True)
    asked = {"_ARGCOMPLETE": "1", "_ARGCOMPLETE_IFS": "\n", "COMP_LINE": line, "COMP_POINT": str(len(line)), "COMP_TYPE": "9"}
    own = environment(home, **asked, **more)
    own["_ARGCOMPLETE_STDOUT_FILENAME"] = str(words)
    words.write_text("")
    done = subprocess.run([sys.executable, "-c", ANSWER, str(modules)], capture_output=True, text=True, check=False, env=own)
    return words.read_text().split("\n"), set(json.loads(modules.read_text())), done.stdout + done.stderr


@pytest.mark.parametrize("line", ["certpush ", "certpush dep", "certpush deploy ", "certpush --no-color status ", "certpush trust w"])
def test_no_plugin_and_nothing_heavy_is_imported(tmp_path, line):
    (tmp_path / "f.toml").write_text(f'{CONFIGURATION}[target.node]\nkind = "proxmox"\n')
    words, modules, said = tab(tmp_path, line, CERTPUSH_CONFIG=str(tmp_path / "f.toml"))
    assert words != [""]
    assert said == ""
    assert not modules & HEAVY


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_completes_its_options_and_imports_nothing_heavy(tmp_path, command):
    words, modules, said = tab(tmp_path, f"certpush {command} --")
    assert {"--verbose", "--output", "--help"} <= {word.strip() for word in words}
    assert said == ""
    assert not modules & HEAVY


@pytest.mark.parametrize("point", ["", "x", "²", "-1", "99999"])
def test_an_odd_cursor_is_no_error(tmp_path, point):
    own = environment(
        tmp_path, _ARGCOMPLETE="1", COMP_LINE="certpush ", COMP_POINT=point, _ARGCOMPLETE_STDOUT_FILENAME=str(tmp_path / "words")
    )
    done = subprocess.run([sys.executable, "-m", "certpush"], capture_output=True, text=True, check=False, env=own)
    assert done.returncode in (0, 1)
    assert done.stdout + done.stderr == ""


def test_the_same_configuration_is_found_as_by_a_run(tmp_path, monkeypatch):
    home, system = tmp_path / "home", tmp_path / "system.toml"
    monkeypatch.setattr("certpush.config.files.SYSTEM_CONFIGURATION", system)
    (home / ".config" / "certpush").mkdir(parents=True)
    (home / "xdg" / "certpush").mkdir(parents=True)
    for path in (home / "named.toml", home / ".config" / "certpush" / "certpush.toml", home / "xdg" / "certpush" / "certpush.toml"):
        path.write_text("")
    environs = (
        {"HOME": str(home)},
        {"HOME": str(home), "XDG_CONFIG_HOME": str(home / "xdg")},
        {"HOME": str(home), "XDG_CONFIG_HOME": ""},
        {"HOME": str(home), "CERTPUSH_CONFIG": str(home / "named.toml")},
        {"HOME": str(tmp_path / "empty")},
    )
    for environ in environs:
        for explicit in (None, str(home / "named.toml")):
            found = completing._files(explicit, environ)
            assert (found[0] if found else None) == locate(explicit, environ)


@pytest.mark.parametrize("uid", [0, 1000])
def test_state_is_looked_for_where_a_run_keeps_it(monkeypatch, uid):
    monkeypatch.setattr("os.geteuid", lambda: uid)
    for environ in (
        {"HOME": "/home/someone"},
        {"HOME": "/home/someone", "XDG_STATE_HOME": "/state"},
        {"HOME": "/home/someone", "XDG_STATE_HOME": ""},
        {"STATE_DIRECTORY": "/var/lib/one:/var/lib/two", "HOME": "/home/someone"},
        {},
    ):
        assert completing._state_directory({}, environ) == default_state_directory(environ)
    tables = {"state": {"directory": "~/state"}, "target": {}}
    assert completing._state_directory(tables, {}) == from_tables(tables, {"HOME": "/nonexistent"}).state_directory
    assert completing._state_directory({"state": {"directory": 3}}, {"HOME": "/x"}) == default_state_directory({"HOME": "/x"})


def test_conf_d_is_read_too(tmp_path):
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "certpush.toml").write_text("[target.one]\n")
    (tmp_path / "conf.d" / "more.toml").write_text("[target.two]\n")
    assert list(names_in(configuration_tables(str(tmp_path / "certpush.toml"), {}), groups=False)) == ["one", "two"]


def test_the_home_of_nobody_gives_nothing():
    assert configuration_tables("~nobody-of-that-name/x", {}) == {}


@pytest.mark.parametrize("name", COMMANDS)
def test_whoever_takes_targets_completes_them(name):
    parser = parser_for_line([name], unfinished=False)
    (commands,) = [one for one in parser._actions if isinstance(one, argparse._SubParsersAction)]
    named = [one for one in commands.choices[name]._actions if "TARGET" in str(one.metavar).split("|")]
    assert bool(named) == (name in (*TAKES_TARGETS, *TAKES_A_TARGET))
    assert all((one.nargs == "*") == (name in TAKES_TARGETS) for one in named)


def test_the_script_is_in_the_document_too(place):
    document = place.document("completion", "bash")
    assert "_python_argcomplete certpush" in document["script"]
