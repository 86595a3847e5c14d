"""A command with subcommands, one module each, which is loaded when it is called."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Protocol, cast

from certpush.cli.options import Formatter, everywhere

if TYPE_CHECKING:
    from certpush.cli.console import Console


class _Subcommand(Protocol):
    def run(self, arguments: argparse.Namespace, console: Console) -> int:
        """Do it; gives the exit code."""
        ...


def add_subcommands(parser: argparse.ArgumentParser, summaries: Mapping[str, str], *, title: str) -> dict[str, argparse.ArgumentParser]:
    """The parser of each subcommand by its name; ``summaries`` says what each does."""
    actions = parser.add_subparsers(dest="subcommand", metavar="|".join(summaries), required=True, title=title)
    return {name: _added(actions, name, summary) for name, summary in summaries.items()}


def run_subcommand(package: str, arguments: argparse.Namespace, console: Console) -> int:
    """Run the one that was called, a module of ``package``; gives the exit code."""
    subcommand = cast("_Subcommand", importlib.import_module(f"{package}.{arguments.subcommand}"))
    return subcommand.run(arguments, console)


def _added(actions: argparse._SubParsersAction[argparse.ArgumentParser], name: str, summary: str) -> argparse.ArgumentParser:
    parser = actions.add_parser(
        name,
        help=summary,
        description=f"{summary[0].upper()}{summary[1:]}.",
        formatter_class=Formatter,
        allow_abbrev=False,
    )
    everywhere(parser, again=True)
    return parser
