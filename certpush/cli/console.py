"""What a person or a machine gets to see. All output goes through here; all that comes from outside is escaped."""

from __future__ import annotations

import argparse
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self, TextIO

from certpush._version import __version__
from certpush.errors import CertpushError

_COLOURS = {"red": "31", "green": "32", "yellow": "33", "dim": "2", "bold": "1", "cyan": "36"}


@dataclass
class Console:
    """Prints for people (``text``) or gathers one document for machines (``json``)."""

    out: TextIO = field(default_factory=lambda: sys.stdout)
    err: TextIO = field(default_factory=lambda: sys.stderr)
    command: str = ""
    json: bool = False
    colour: bool = False
    live: bool = False
    """Whether a person watches: then lines may move."""
    quiet: bool = False
    verbosity: int = 0
    document: dict[str, Any] = field(default_factory=dict)

    @classmethod
    def plain(cls, *, json: bool = False, command: str = "") -> Self:
        """For errors that come before the options are known."""
        return cls(json=json, command=command)

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace, command: str, environ: Mapping[str, str]) -> Self:
        """As the options say."""
        terminal = sys.stdout.isatty() and environ.get("TERM") != "dumb"
        colour = terminal and not arguments.no_color and "NO_COLOR" not in environ
        json = arguments.output == "json"
        return cls(
            command=command,
            json=json,
            colour=colour and not json,
            live=sys.stderr.isatty() and environ.get("TERM") != "dumb" and not json and not arguments.quiet,
            quiet=arguments.quiet,
            verbosity=arguments.verbose,
        )

    def line(self, text: str = "") -> None:
        """One line for a person; nothing when a machine listens or silence was asked for."""
        if not self.json and not self.quiet:
            print(text, file=self.out, flush=True)

    def result(self, text: str) -> None:
        """What the command was called for: printed even with -q, but not beside a JSON document."""
        if not self.json:
            print(text, file=self.out, flush=True)

    def note(self, text: str) -> None:
        """A line on the side, to stderr, that does not belong to the result."""
        if not self.json and not self.quiet:
            print(text, file=self.err, flush=True)

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
        """Columns of equal width; colours do not count."""
        if self.json or (self.quiet and not rows):
            return
        shown = [[self.paint(heading, "dim") for heading in headings], *rows]
        widths = [max(_width(row[column]) for row in shown) for column in range(len(headings))]
        for row in shown:
            cells = (cell + " " * (width - _width(cell)) for cell, width in zip(row, widths, strict=True))
            print("  ".join(cells).rstrip(), file=self.out)
        self.out.flush()

    def error(self, error: CertpushError, *, trace: bool = False) -> None:
        """What happened, and what to do next."""
        if self.json:
            self.document.setdefault("error", describe(error))
            return
        print(f"{self.paint('error:', 'red')} {safe(error.message)}", file=self.err)
        if error.hint:
            print(f"  {self.paint('hint:', 'cyan')} {safe(error.hint)}", file=self.err)
        if trace:
            # Places only: what exceptions say and hold may be secret.
            for frame in traceback.extract_tb(error.__traceback__):
                print(f"    at {frame.filename}:{frame.lineno} in {frame.name}", file=self.err)
        self.err.flush()

    def finish(self, code: int) -> int:
        """Print the document where a machine listens; gives the code back."""
        if self.json:
            import json

            head = {"certpush": __version__, "command": self.command, "exit": code}
            print(json.dumps({**head, **self.document}, indent=2), file=self.out, flush=True)
        return code

    def paint(self, text: str, colour: str) -> str:
        """Colour a text, where colours are wanted."""
        return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if self.colour else text


def describe(error: CertpushError) -> dict[str, Any]:
    """An error for a machine."""
    return {"type": type(error).__name__, "message": error.message, "hint": error.hint, "retryable": error.retryable}


def safe(text: str) -> str:
    """Text from outside with everything escaped that could move a cursor, ring a bell, or read backwards."""
    return "".join(letter if letter.isprintable() or letter == "\n" else _escape(letter) for letter in text)


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")


def _width(text: str) -> int:
    import re
    import unicodedata

    plain = re.sub(r"\x1b\[[0-9;]*m", "", text)
    return sum(0 if unicodedata.combining(letter) else 2 if unicodedata.east_asian_width(letter) in "WF" else 1 for letter in plain)
