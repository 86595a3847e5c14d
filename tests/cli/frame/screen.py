"""A terminal in memory: understands what moving lines are made of, and a command can run on it."""

from __future__ import annotations

import codecs
import fcntl
import os
import pty
import re
import select
import struct
import subprocess
import sys
import termios
from collections.abc import Callable
from typing import Any, Self

from cli.frame.conftest import PATIENCE_SECONDS, Place, environment

_PIECE = re.compile(r"\x1b\[(?P<private>\??)(?P<numbers>[0-9;]*)(?P<verb>[A-Za-z])|(?P<text>[^\x1b])", re.DOTALL)
_BEGUN = re.compile(r"(.*?)((?:\x1b(?:\[[?0-9;]*)?)?)", re.DOTALL)
# A session and a controlling terminal of its own, so that Ctrl-C is typed and not sent.
_ON_TERMINAL = "import fcntl, os, sys, termios; os.setsid(); fcntl.ioctl(0, termios.TIOCSCTTY, 0); os.execv(sys.argv[1], sys.argv[1:])"


class Screen:
    """What stands on a terminal, and whether the cursor is seen. Anything that it does not understand is an error."""

    def __init__(self, rows: int, columns: int) -> None:
        self.rows, self.columns = rows, columns
        self._lines = [[" "] * columns for _ in range(rows)]
        self._row = self._column = 0
        self.cursor_seen = True
        self.scrolled: list[str] = []
        self.styles: set[str] = set()

    @property
    def lines(self) -> list[str]:
        """All lines down to the last that has something on it, those that were scrolled away first."""
        shown = [*self.scrolled, *("".join(line).rstrip() for line in self._lines)]
        while shown and not shown[-1]:
            shown.pop()
        return shown

    def feed(self, text: str) -> None:
        position = 0
        for found in _PIECE.finditer(text):
            assert found.start() == position, f"not understood: {text[position : position + 20]!r}"
            position = found.end()
            self._letter(found["text"]) if found["text"] else self._move(found["private"], found["numbers"], found["verb"])
        assert position == len(text), f"not understood: {text[position:]!r}"

    def _letter(self, letter: str) -> None:
        if letter == "\r":
            self._column = 0
        elif letter == "\n":
            self._down()
        else:
            assert letter.isprintable(), f"a raw control character: {letter!r}"
            if self._column == self.columns:
                self._column = 0
                self._down()
            self._lines[self._row][self._column] = letter
            self._column += 1

    def _down(self) -> None:
        if self._row + 1 < self.rows:
            self._row += 1
        else:
            self.scrolled.append("".join(self._lines.pop(0)).rstrip())
            self._lines.append([" "] * self.columns)

    def _move(self, private: str, numbers: str, verb: str) -> None:
        if private:
            assert numbers == "25", f"not understood: ?{numbers}{verb}"
            self.cursor_seen = verb == "h"
        elif verb == "m":
            self.styles.add(numbers)
        elif verb == "A":
            self._row = max(0, self._row - int(numbers or 1))
        elif verb == "K":
            assert numbers in ("", "0", "2")
            for column in range(0 if numbers == "2" else self._column, self.columns):
                self._lines[self._row][column] = " "
        else:
            raise AssertionError(f"not understood: {numbers}{verb}")


class OnTerminal:
    """A command whose stdin, and stdout and stderr unless said otherwise, are one terminal."""

    def __init__(self, place: Place, *words: str, rows: int = 24, columns: int = 80, **streams: Any) -> None:
        self.screen = Screen(rows, columns)
        self.raw = ""
        self._utf8 = codecs.getincrementaldecoder("utf-8")()
        self._begun = ""
        self._ours, theirs = pty.openpty()
        fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        command = [sys.executable, "-I", "-S", "-c", _ON_TERMINAL, *place.command(*words)]
        given = {"stdin": theirs, "stdout": theirs, "stderr": theirs, **streams}
        self.process = subprocess.Popen(command, text=True, env=environment(place.directory, **place.more), **given)
        os.close(theirs)

    def until(self, true: Callable[[Screen], object], what: str) -> None:
        """Read until something stands on the screen."""
        while not true(self.screen):
            assert self._read(), f"ended before {what}: {self.screen.lines}"

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def hang_up(self) -> None:
        """Close the terminal, as closing its window does."""
        os.close(self._ours)
        self._ours = -1

    def end(self) -> int:
        """Read to the end; gives the exit code."""
        while self._ours >= 0 and self._read():
            pass
        return self.process.wait(PATIENCE_SECONDS)

    def stop(self, key: str) -> int:
        """Press it until that is heard: Python misses a signal that comes just before it begins to read."""
        self.type(key)
        while not self._shows_something_within(1) or self._read():
            if not self._shows_something_within(1):
                self.type(key)
        return self.process.wait(PATIENCE_SECONDS)

    def _shows_something_within(self, seconds: float) -> bool:
        return bool(select.select([self._ours], [], [], seconds)[0])

    def _read(self) -> bool:
        assert self._shows_something_within(PATIENCE_SECONDS), f"nothing more came: {self.screen.lines}"
        try:
            piece = os.read(self._ours, 65536)
        except OSError:  # Linux says EIO once nobody has the other end open
            return False
        text = self._utf8.decode(piece)
        self.raw += text
        # What is read may end within a sequence.
        whole, self._begun = _BEGUN.fullmatch(self._begun + text).groups()
        self.screen.feed(whole)
        return bool(piece)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        if self._ours >= 0:
            os.close(self._ours)
