"""The way in: finds the command, loads that one module, and turns what comes out into an exit code.

Top-level help and version are made from the table of commands alone, and import nothing else, because
people and shells ask for them all the time.
"""

from __future__ import annotations

import gc
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

from certpush._version import __version__
from certpush.cli.commands import COMMANDS, GROUPS, split


def main() -> NoReturn:
    """Run the command line and exit."""
    # What is imported stays to the end. Looking through it for garbage, again and again and once more at
    # exit, would cost as much CPU time as two starts of Python.
    gc.set_threshold(100_000, 2)
    try:
        code = run(sys.argv[1:])
    except KeyboardInterrupt:
        from certpush.cli.running import interrupted

        code = interrupted(sys.argv[1:])
    _let_go_of_output()
    gc.freeze()
    sys.exit(code)


def _let_go_of_output() -> None:
    """What could not be written still waits in its stream: Python would try again at exit, and end with 120 instead of the code."""
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream is not None:
                stream.flush()
        except (OSError, ValueError):
            from certpush.cli.console import forget_output

            forget_output(stream)


def run(words: Sequence[str]) -> int:
    """Run one command; gives its exit code. Raises nothing but a KeyboardInterrupt that came before the command began."""
    if "_ARGCOMPLETE" in os.environ:
        from certpush.cli.completing import complete

        complete()
    command, rest = split(words)
    if command is None:
        return _without_command(rest)
    from certpush.cli.running import run_command, unknown_command

    return run_command(command, rest) if command in COMMANDS else unknown_command(command, rest)


def help_text() -> str:
    """The top-level help, from the table."""
    lines = [
        "Usage: certpush COMMAND [OPTION ...]",
        "",
        "Certificates from your private CA: installed, verified by handshake, or rolled back.",
        "",
    ]
    for title, commands in GROUPS:
        lines += [f"{title}:", *(f"  {name:<12}{summary}" for name, summary in commands), ""]
    lines += [
        "Everywhere:",
        "  -v, -q             say more, or only what went wrong",
        "  --output FORMAT    text (default), or json: one document on stdout",
        "  --config FILE      instead of ~/.config/certpush/certpush.toml or /etc/certpush/certpush.toml",
        "  --no-color         no colours (also $NO_COLOR)",
        "  --log-format F     text (default) or json, on stderr",
        "",
        "`certpush COMMAND --help` tells more. Exit codes: 0 served, 1 not rotated, 2 usage, 3 a person is needed,",
        "4 identity refused, 5 refused for safety, 6 another run at work, 7 in danger (check).",
    ]
    return "\n".join(lines)


def _without_command(words: Sequence[str]) -> int:
    if "--version" in words:
        return _show(f"certpush {__version__}", 0, words)
    if not words or "-h" in words or "--help" in words:
        return _show(help_text(), 0 if words else 2, words)
    from certpush.cli.running import refuse

    return refuse(f"there is no command in: {' '.join(words)[:200]}", "certpush --help lists the commands", words)


def _show(text: str, code: int, words: Sequence[str]) -> int:
    """Print what needs no import; gives the code."""
    try:
        if not any("json" in word for word in words):
            print(text, flush=True)
            return code
    except OSError:
        pass  # what follows says it, or forgets the stream that nobody reads
    from certpush.cli.running import show

    return show(text, code, words)


if __name__ == "__main__":
    main()
