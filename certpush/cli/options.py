"""The options that every command takes, and a parser whose errors end with the next step."""

from __future__ import annotations

import argparse
from typing import NoReturn

from certpush.cli.width import terminal_width
from certpush.errors import ConfigError


class HelpWanted(Exception):
    """Help was asked for; carries the text."""


class Formatter(argparse.RawDescriptionHelpFormatter):
    """Argparse's, which is made for every option that is added, also where no help is shown: so it must come cheaply."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=terminal_width() - 2)


class Parser(argparse.ArgumentParser):
    """Raises instead of exiting or printing: only the way in ends the process, only the console prints."""

    def print_help(self, file: object = None) -> NoReturn:  # noqa: ARG002 - argparse's signature
        """Hand the help over."""
        raise HelpWanted(self.format_help().rstrip())

    def error(self, message: str) -> NoReturn:
        """Turn argparse's complaint into an error of ours."""
        raise ConfigError(f"{self.prog}: {message}", hint=f"{self.prog} --help")


def parser_for(command: str, summary: str) -> Parser:
    """A parser for one command with the options that stand everywhere."""
    parser = Parser(
        prog=f"certpush {command}",
        description=f"{summary[0].upper()}{summary[1:]}.",
        formatter_class=Formatter,
        allow_abbrev=False,
    )
    everywhere(parser)
    return parser


def everywhere(parser: argparse.ArgumentParser, *, again: bool = False) -> None:
    """Add the options that stand everywhere; ``again`` for a subcommand, where they may stand too and change nothing when left out."""

    def default(value: object) -> object:
        return argparse.SUPPRESS if again else value

    group = parser.add_argument_group("everywhere")
    group.add_argument("-v", "--verbose", action="count", default=default(0), help="say more (-vv: even more)")
    group.add_argument("-q", "--quiet", action="store_true", default=default(value=False), help="say only what went wrong")
    group.add_argument("--output", choices=("text", "json"), default=default("text"), help="json: one document on stdout")
    group.add_argument("--no-color", action="store_true", default=default(value=False), help="no colours (also $NO_COLOR)")
    group.add_argument("--config", metavar="FILE", default=default(None), help="the configuration to use")
    group.add_argument("--log-format", choices=("text", "json"), default=default("text"), help="how log lines on stderr look")
