"""Completion: what a shell gets when a person presses Tab. No plugin is imported, and nothing is looked up but the configuration."""

from __future__ import annotations

import argparse
import importlib
import os
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, NoReturn

from certpush.cli.main import COMMANDS, split
from certpush.cli.options import everywhere

TAKES_TARGETS = ("deploy", "status", "doctor")
TAKES_A_TARGET = ("rollback", "history", "trust", "revoke")
"""Their words are names of the configuration, so that completing one needs nothing of the command itself."""


def complete() -> NoReturn:
    """Answer the shell, and end the process."""
    from argcomplete.completers import SuppressCompleter
    from argcomplete.finders import CompletionFinder

    line = os.environ.get("COMP_LINE", "")[: _point(os.environ)]
    parser = parser_for_line(line.split()[1:], unfinished=not line.endswith(" "))
    CompletionFinder()(parser, always_complete_options=False, default_completer=SuppressCompleter())
    raise SystemExit(0)  # argcomplete has ended the process by now


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
            _configure(name, command, typing_option=unfinished and words[-1].startswith("-"))
        _files_after(command)
    return parser


def _configure(name: str, parser: argparse.ArgumentParser, *, typing_option: bool) -> None:
    if name in (*TAKES_TARGETS, *TAKES_A_TARGET) and not typing_option:
        many = name in TAKES_TARGETS
        names: Any = parser.add_argument("names", nargs="*" if many else "?")
        names.completer = lambda parsed_args, **_: list(names_in(configuration_tables(parsed_args.config, os.environ), groups=many))
    else:
        importlib.import_module(f"certpush.cli.{name}").configure(parser)


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
    targets = tables.get("target", {})
    yield from targets
    if groups:
        enabled = [one for one in targets.values() if isinstance(one, dict)]
        yield from sorted({str(one["kind"]) for one in enabled if "kind" in one})
        yield from sorted({f"@{tag}" for one in enabled for tag in one.get("tags", ())})


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


def _point(environ: Mapping[str, str]) -> int | None:
    point = environ.get("COMP_POINT", "")
    return int(point) if point.isdecimal() else None
