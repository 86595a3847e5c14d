"""What a person or a machine gets to see. All output goes through here; all that comes from outside is escaped."""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Self, TextIO

from certpush._version import __version__
from certpush.cli.width import terminal_width
from certpush.errors import CertpushError

_COLOURS = {"red": "31", "green": "32", "yellow": "33", "dim": "2", "bold": "1", "cyan": "36"}
_LOUD = "STRANDED: "


class Console:
    """Prints for people (``text``) or gathers one document for machines (``json``)."""

    def __init__(  # noqa: PLR0913 - each stands for an option, or for what the streams are
        self,
        *,
        out: TextIO | None = None,
        err: TextIO | None = None,
        command: str = "",
        json: bool = False,
        colour: bool = False,
        colour_errors: bool = False,
        live: bool = False,
        room: int | None = None,
        quiet: bool = False,
        verbosity: int = 0,
    ) -> None:
        self.out = out or sys.stdout
        self.err = err or sys.stderr
        self.command = command
        self.json = json
        self.colour = colour
        self.colour_errors = colour_errors
        """Apart from ``colour``: either stream may be a file while the other is a terminal."""
        self.live = live
        """Whether a person watches: then lines may move."""
        self.room = room
        """How wide a line may be, where stdout is a terminal."""
        self.quiet = quiet
        self.verbosity = verbosity
        self.document: dict[str, Any] = {}
        self.above: Callable[[str], None] | None = None
        """Where lines of ours go while others move: above them."""
        self.lost: OSError | None = None
        """Why the result could not be written out, where it could not."""

    @classmethod
    def plain(cls, *, json: bool = False, command: str = "") -> Self:
        """For errors that come before the options are known."""
        return cls(json=json, command=command)

    @classmethod
    def from_arguments(cls, arguments: argparse.Namespace, command: str, environ: Mapping[str, str]) -> Self:
        """As the options say."""
        moving = environ.get("TERM") != "dumb"
        # https://no-color.org: set and not empty.
        colours = moving and not arguments.no_color and not environ.get("NO_COLOR")
        json = arguments.output == "json"
        return cls(
            command=command,
            json=json,
            colour=colours and sys.stdout.isatty() and not json,
            colour_errors=colours and sys.stderr.isatty() and not json,
            live=moving and sys.stderr.isatty() and not json and not arguments.quiet,
            room=terminal_width() if sys.stdout.isatty() else None,
            quiet=arguments.quiet,
            verbosity=arguments.verbose,
        )

    def line(self, text: str = "") -> None:
        """One line for a person; nothing when a machine listens or silence was asked for."""
        if not self.json and not self.quiet:
            self._write(text)

    def result(self, text: str) -> None:
        """What the command was called for: printed even with -q, but not beside a JSON document."""
        if not self.json:
            self._write(text)

    def note(self, text: str) -> None:
        """A line on the side, to stderr, that does not belong to the result; never fails, whoever went away."""
        if not self.json and not self.quiet:
            self._tell(text)

    def warn(self, text: str) -> None:
        """What is not as it should be and alters no result: a line on the side, which a machine finds in its document."""
        if self.json:
            self.document.setdefault("warnings", []).append(text)
        self.note(indented(text))

    def table(self, headings: Sequence[str], rows: Sequence[Sequence[str]], *, wrap: Sequence[str] = ()) -> None:
        """Columns of equal width; on a terminal the last one is wrapped to its width, and those named if need be."""
        if self.json or (self.quiet and not rows):
            return
        from certpush.cli.columns import columns

        cells = ([cell.replace("\n", " ") for cell in row] for row in rows)
        shown = [[self.paint(heading, "dim") for heading in headings], *cells]
        self._write(columns(shown, self.room, [headings.index(heading) for heading in wrap]))

    def error(self, error: CertpushError, *, where: str = "", trace: bool = False) -> None:
        """What happened (on ``where``, a target's name), and what to do next."""
        if self.json:
            self.document.setdefault("error", describe(error))
            return
        self._tell(f"{_painted('error:', 'red', wanted=self.colour_errors)} {indented(_naming(where, error.message))}")
        if error.hint:
            self._tell(f"  {_painted('hint:', 'cyan', wanted=self.colour_errors)} {indented(error.hint)}")
        for place in _places(error) if trace else ():
            self._tell(f"    {place}")

    def complain(self, error: CertpushError, target: str) -> None:
        """Tell a person about the error of one target; a machine finds it in that target's part of the document."""
        if not self.json:
            self.error(error, where=target)

    def finish(self, code: int) -> int:
        """Print the document where a machine listens; gives the code, or 1 when what was asked for could not be written."""
        if self.json:
            import json

            head = {"certpush": __version__, "command": self.command, "exit": code}
            self._write(json.dumps({**head, **self.document}, indent=2, default=_named))
        if self.lost is None or isinstance(self.lost, BrokenPipeError):
            return code  # who closed the pipe has seen enough
        self._tell(f"{_painted('error:', 'red', wanted=self.colour_errors)} the output could not be written: {self.lost.strerror}")
        return code or 1

    def paint(self, text: str, colour: str) -> str:
        """Colour a text for stdout, where colours are wanted."""
        return _painted(text, colour, wanted=self.colour)

    def _write(self, text: str) -> None:
        """Write a part of the result. What was done is done: output that cannot be written must not look like a failed deploy."""
        try:
            print(text, file=self.out, flush=True)
        except OSError as error:
            self.lost = self.lost or error
            forget_output(self.out)

    def _tell(self, text: str) -> None:
        try:
            with contextlib.suppress(OSError, ValueError):  # nobody reads it, or it is closed
                if self.above is not None:
                    self.above(text)
                else:
                    print(text, file=self.err, flush=True)
        except RuntimeError:  # we answer a signal that came while the same stream was being written to: past its buffer, then
            with contextlib.suppress(OSError, ValueError):
                os.write(self.err.fileno(), f"{text}\n".encode(self.err.encoding or "utf-8", "backslashreplace"))


def forget_output(stream: TextIO) -> None:
    """Lead a stream that nobody reads to nowhere, so that Python does not complain about it at exit."""
    with contextlib.suppress(OSError, ValueError):  # a stream in memory has no number
        number = stream.fileno()
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, number)
        os.close(nowhere)


def _naming(where: str, message: str) -> str:
    """The message with the target's name before it, unless it begins with that; STRANDED stays in front of all."""
    loud = _LOUD if message.startswith(_LOUD) else ""
    rest = message.removeprefix(loud)
    return message if not where or rest.startswith(f"{where}:") else f"{loud}{where}: {rest}"


def _painted(text: str, colour: str, *, wanted: bool) -> str:
    return f"\x1b[{_COLOURS[colour]}m{text}\x1b[0m" if wanted else text


def _places(error: BaseException) -> Iterator[str]:
    """Where an error came from: places only, for what exceptions say and hold may be secret."""
    for frame in traceback.extract_tb(error.__traceback__):
        yield f"at {frame.filename}:{frame.lineno} in {frame.name}"
    if error.__cause__ is not None:
        yield f"because of {type(error.__cause__).__name__}"
        yield from _places(error.__cause__)


def _named(value: object) -> str:
    """What a plugin may have put where text belongs: named, not shown, for it may be secret, and the document must come out."""
    return f"({type(value).__name__})"


def describe(error: CertpushError) -> dict[str, Any]:
    """An error for a machine."""
    return {"type": type(error).__name__, "message": error.message, "hint": error.hint, "retryable": error.retryable}


def safe(text: str) -> str:
    """Text from outside on one line, with everything escaped that could move a cursor, ring a bell, or read backwards."""
    return text if text.isprintable() else "".join(letter if letter.isprintable() else _escape(letter) for letter in text)


def indented(text: str, by: int = 4) -> str:
    """Text from outside that may have several lines: none but the first begins where ours do."""
    return f"\n{' ' * by}".join(safe(line) for line in text.split("\n"))


def _escape(letter: str) -> str:
    return letter.encode("unicode_escape").decode("ascii")
