"""Asking a person. Never guess whether one is there: both ends must be a terminal."""

from __future__ import annotations

import sys

from certpush.cli.console import Console


def can_ask() -> bool:
    """Whether a person sits there to be asked."""
    return sys.stdin is not None and sys.stdin.isatty() and sys.stderr.isatty()


def agreed(console: Console, question: str) -> bool:
    """Ask a question that only the word yes agrees to; the end of the input is a no."""
    print(f"{question} [yes/no] ", end="", file=console.err, flush=True)
    answer = sys.stdin.readline()
    if not answer.endswith("\n"):
        print(file=console.err)  # the input ended: the shell's prompt belongs on a line of its own
    return answer.strip().lower() == "yes"
