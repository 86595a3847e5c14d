"""Run one command: parse, set up logging and console, and turn errors into messages and exit codes."""

from __future__ import annotations

import argparse
import contextlib
import importlib
import io
import itertools
import os
import sys
from collections.abc import Sequence
from typing import Protocol, cast

from certpush.cli.commands import COMMANDS, split
from certpush.cli.console import Console
from certpush.cli.exits import OK, code_of
from certpush.cli.logs import set_up_logging
from certpush.cli.options import HelpWanted, parser_for
from certpush.errors import CertpushError, ConfigError, Interrupted


class Command(Protocol):
    """What a command's module offers."""

    def configure(self, parser: argparse.ArgumentParser) -> None:
        """Add the command's own options."""
        ...

    def run(self, arguments: argparse.Namespace, console: Console) -> int:
        """Do it; gives the exit code."""
        ...


def run_command(name: str, words: Sequence[str]) -> int:
    """Run a built-in command; gives its exit code."""
    _prepare_streams()
    _leave_no_core()
    console = Console.plain(json=_wants_json(words), command=name)
    verbose = False
    try:
        module = cast("Command", importlib.import_module(f"certpush.cli.{name}"))
        console.command = _whole_name(name, module, words)
        arguments = _parsed(name, module, words)
        verbose = arguments.verbose > 1
        set_up_logging(verbosity=arguments.verbose, form=arguments.log_format)
        console = Console.from_arguments(arguments, console.command, os.environ)
        return console.finish(module.run(arguments, console))
    except HelpWanted as wanted:
        return show(str(wanted), OK, words, command=console.command)
    except CertpushError as error:
        failure = error
    except KeyboardInterrupt:
        failure = Interrupted("interrupted", hint="nothing is left in the middle of a switch; run it again when you like")
    except MemoryError:
        hint = "give this process more (ulimit -v, MemoryMax= of its unit); the next run settles what was begun"
        failure = CertpushError("there is not enough memory for it", hint=hint)
    except Exception as error:  # noqa: BLE001 - a person gets a message, not a traceback with who knows what in it
        failure = CertpushError(
            f"certpush itself failed: {type(error).__name__}",
            hint="please report it, with what -vv shows; the next run settles what was begun",
        )
        failure.__cause__ = error
    console.error(failure, trace=verbose)
    return console.finish(code_of(failure))


def _whole_name(name: str, module: Command, words: Sequence[str]) -> str:
    """The command with its subcommand, where the words name one: ``ca health``."""
    subcommand, _ = split(words)
    return f"{name} {subcommand}" if subcommand in getattr(module, "SUBCOMMANDS", ()) else name


def _parsed(name: str, module: Command, words: Sequence[str]) -> argparse.Namespace:
    parser = parser_for(name, COMMANDS[name])
    module.configure(parser)
    return parser.parse_args(words)


def unknown_command(name: str, words: Sequence[str]) -> int:
    """Say that there is no such command, and which is the nearest; gives the exit code."""
    import difflib

    near = difflib.get_close_matches(name, COMMANDS, n=1)
    hint = f"did you mean `certpush {near[0]}`?" if near else "certpush --help lists the commands"
    return refuse(f"there is no command {name[:80]!a}", hint, words)


def refuse(message: str, hint: str, words: Sequence[str]) -> int:
    """Say that these words mean no command; gives the exit code."""
    return _end(ConfigError(message, hint=hint), words)


def show(text: str, code: int, words: Sequence[str], *, command: str = "") -> int:
    """Show a help or the version; gives the exit code."""
    _prepare_streams()
    console = Console.plain(json=_wants_json(words), command=command)
    console.document["help"] = text
    console.result(text)
    return console.finish(code)


def interrupted(words: Sequence[str]) -> int:
    """Say that Ctrl-C came before the command began; gives the exit code."""
    command, _ = split(words)
    return _end(Interrupted("interrupted", hint="nothing was begun"), words, command=command if command and command in COMMANDS else "")


def _end(error: CertpushError, words: Sequence[str], *, command: str = "") -> int:
    _prepare_streams()
    console = Console.plain(json=_wants_json(words), command=command)
    console.error(error)
    return console.finish(code_of(error))


def _wants_json(words: Sequence[str]) -> bool:
    """Whether a machine listens; for errors that come before the words could be parsed."""
    return "--output=json" in words or ("--output", "json") in itertools.pairwise(words)


def _leave_no_core() -> None:
    """Have the system write no memory of ours to the disk when it ends us: there are keys in it."""
    import resource

    _, hard = resource.getrlimit(resource.RLIMIT_CORE)
    resource.setrlimit(resource.RLIMIT_CORE, (0, hard))


def _prepare_streams() -> None:
    """No character and no closed stream may end a command that works on a firewall."""
    # Where a standard stream was closed, the next file of ours, a key perhaps, would take its place.
    while (spare := os.open(os.devnull, os.O_RDWR)) <= 2:
        pass
    os.close(spare)
    sys.stdin = sys.stdin or open(os.devnull)  # noqa: SIM115, PTH123 - stays open until the process ends
    sys.stdout = sys.stdout or open(os.devnull, "w")  # noqa: SIM115, PTH123 - likewise
    sys.stderr = sys.stderr or open(os.devnull, "w")  # noqa: SIM115, PTH123 - likewise
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            with contextlib.suppress(OSError):  # what waits in it cannot be written: whoever writes next is told
                stream.reconfigure(errors="backslashreplace")
