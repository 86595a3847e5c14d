"""Completion: what a shell gets when a person presses Tab. No plugin is imported, and nothing is looked up but the configuration."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from certpush.cli.commands import COMMANDS, split
from certpush.cli.options import everywhere

TAKES_TARGETS = ("deploy", "renew", "status", "check", "history", "doctor")
TAKES_A_TARGET = ("rollback", "resolve", "forget", "trust", "revoke")
"""Their words are names of the configuration; kinds and tags too where several may be meant."""
TAKES_MEMBERS = (*TAKES_A_TARGET, "history")


def complete() -> NoReturn:
    """Answer the shell, and end the process; Tab is no place for an error."""
    with contextlib.suppress(Exception):
        _answer(os.environ["COMP_LINE"][: int(os.environ["COMP_POINT"])])
    raise SystemExit(1)  # argcomplete has ended the process by now, unless it failed


def _answer(line: str) -> None:
    from argcomplete.completers import SuppressCompleter
    from argcomplete.finders import CompletionFinder

    parser = parser_for_line(line.split()[1:], unfinished=not line.endswith(" "))
    CompletionFinder()(parser, always_complete_options=False, default_completer=SuppressCompleter())


def parser_for_line(words: list[str], *, unfinished: bool) -> argparse.ArgumentParser:
    """A parser that knows every command by name, and the one that stands in the line in full."""
    parser = argparse.ArgumentParser(prog="certpush", allow_abbrev=False)
    everywhere(parser)
    _files_after(parser)
    parser.add_argument("--version", action="store_true")
    commands = parser.add_subparsers()
    chosen, _ = split(words[:-1] if unfinished else words)
    for name, summary in COMMANDS.items():
        command = commands.add_parser(name, help=summary, allow_abbrev=False)
        everywhere(command, again=True)
        if name == chosen:
            _configure(name, command)
        _files_after(command)
    return parser


def _configure(name: str, parser: argparse.ArgumentParser) -> None:
    importlib.import_module(f"certpush.cli.{name}").configure(parser)
    if name in (*TAKES_TARGETS, *TAKES_A_TARGET):
        named: Any = next(one for one in parser._actions if not one.option_strings)  # noqa: SLF001 - as below
        named.completer = lambda parsed_args, **_: _words(name, configuration_tables(parsed_args.config, os.environ))
    if name == "observer":
        test = next(one for one in parser._actions if isinstance(one, argparse._SubParsersAction)).choices["test"]  # noqa: SLF001 - as below
        named = next(one for one in test._actions if not one.option_strings)  # noqa: SLF001 - likewise
        named.completer = lambda parsed_args, **_: [*configuration_tables(parsed_args.config, os.environ).get("observer", {})]


def _words(command: str, tables: Mapping[str, Any]) -> list[str]:
    members = members_in(tables, os.environ) if command in TAKES_MEMBERS else ()
    return [*names_in(tables, groups=command in TAKES_TARGETS), *members]


def _files_after(parser: argparse.ArgumentParser) -> None:
    """Where a path is wanted the shell may offer files; elsewhere a file name would only mislead."""
    from argcomplete.completers import FilesCompleter

    every = [*parser._actions]  # noqa: SLF001 - argparse shows what it was given nowhere else
    for action in every:
        if isinstance(action, argparse._SubParsersAction):  # noqa: SLF001 - likewise
            for subcommand in action.choices.values():
                _files_after(subcommand)
        metavar = action.metavar if isinstance(action.metavar, tuple) else (action.metavar or "",)
        if any(word.startswith(("FILE", "CERT", "KEY", "PATH", "DIR")) for word in metavar):
            action.completer = FilesCompleter()  # type: ignore[attr-defined] # the way argcomplete takes it


def names_in(tables: Mapping[str, Any], *, groups: bool) -> Iterator[str]:
    """The words that mean targets; kinds and tags too, where several targets may be meant."""
    targets = {name: table for name, table in tables.get("target", {}).items() if isinstance(table, dict)}
    yield from targets
    if groups:
        yield from sorted({kind for one in targets.values() if isinstance(kind := one.get("kind"), str)})
        lists = [tags for one in targets.values() if isinstance(tags := one.get("tags"), list)]
        yield from sorted({f"@{tag}" for tags in lists for tag in tags if isinstance(tag, str)})


def members_in(tables: Mapping[str, Any], environ: Mapping[str, str]) -> Iterator[str]:
    """The members of the targets, ``TARGET/MEMBER``, as far as certpush has worked on them: each left a lock."""
    try:
        locks = sorted(path.stem for path in (_state_directory(tables, environ) / "locks").glob("*+*.lock"))
    except OSError:
        return
    yield from (name.replace("+", "/") for name in locks if name.partition("+")[0] in tables.get("target", {}))


def _state_directory(tables: Mapping[str, Any], environ: Mapping[str, str]) -> Path:
    # As certpush.config.default_state_directory; a test keeps the two alike.
    named = tables.get("state", {}).get("directory")
    if isinstance(named, str) and named:
        return Path(os.path.expanduser(named))  # noqa: PTH111 - Path.expanduser raises for a home of nobody
    if "STATE_DIRECTORY" in environ:
        return Path(environ["STATE_DIRECTORY"].split(":")[0])
    if os.geteuid() == 0:
        return Path("/var/lib/certpush")
    return Path(environ.get("XDG_STATE_HOME") or Path(environ.get("HOME", "/")) / ".local" / "state") / "certpush"


def configuration_tables(explicit: str | None, environ: Mapping[str, str]) -> dict[str, Any]:
    """The raw tables of the configuration; whatever cannot be read is passed over: Tab is no place for an error."""
    found: dict[str, Any] = {}
    for path in _files(explicit, environ):
        try:
            tables = tomllib.loads(path.read_text())
        except (OSError, ValueError, RecursionError):
            continue
        for section, content in tables.items():
            if isinstance(content, dict):
                found.setdefault(section, {}).update(content)
    return found


def _files(explicit: str | None, environ: Mapping[str, str]) -> list[Path]:
    # As certpush.config.locate, which would bring cryptography and msgspec with it; a test keeps the two alike.
    named = explicit or environ.get("CERTPUSH_CONFIG")
    home = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "/")) / ".config")
    places = [Path(os.path.expanduser(named))] if named else [home / "certpush" / "certpush.toml", Path("/etc/certpush/certpush.toml")]  # noqa: PTH111 - Path.expanduser raises for a home of nobody
    main = next((path for path in places if os.access(path, os.R_OK)), None)
    return [] if main is None else [main, *sorted(main.parent.glob("conf.d/*.toml"))]
