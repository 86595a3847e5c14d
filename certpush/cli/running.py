"""Run one command: parse, set up logging and console, and turn errors into messages and exit codes."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Sequence
from typing import Protocol, cast

from certpush.cli.console import Console
from certpush.cli.exits import code_of
from certpush.cli.logs import set_up_logging
from certpush.cli.options import parser_for
from certpush.errors import CertpushError, ConfigError


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
    from certpush.cli.main import COMMANDS

    module = cast("Command", importlib.import_module(f"certpush.cli.{name}"))
    parser = parser_for(name, COMMANDS[name])
    module.configure(parser)
    return _guarded(name, parser, module, words)


def run_plugin_command(name: str, words: Sequence[str]) -> int:
    """Run a command that a configured plugin adds; an unknown one ends in the nearest known name."""
    import difflib

    from certpush.cli.main import COMMANDS

    del words  # the hook exists; no plugin adds commands yet
    near = difflib.get_close_matches(name, COMMANDS, n=1)
    hint = f"did you mean `certpush {near[0]}`?" if near else "certpush --help lists the commands"
    Console.plain().error(ConfigError(f"there is no command {name[:80]!a}", hint=hint))
    return 2


def _guarded(name: str, parser: argparse.ArgumentParser, module: Command, words: Sequence[str]) -> int:
    console = Console.plain(json="json" in words or "--output=json" in words, command=name)
    verbose = False
    try:
        arguments = parser.parse_args(words)
        verbose = arguments.verbose > 1
        set_up_logging(verbosity=arguments.verbose, form=arguments.log_format)
        console = Console.from_arguments(arguments, name, os.environ)
        return console.finish(module.run(arguments, console))
    except CertpushError as error:
        console.error(error, trace=verbose)
        return console.finish(code_of(error))
    except KeyboardInterrupt:
        console.error(CertpushError("interrupted", hint="nothing is left in the middle of a switch; run it again when you like"))
        return console.finish(1)
    except BrokenPipeError:
        # Whoever read our output went away; Python would complain once more at exit.
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123 - stays open until the process ends
        return 1
    except Exception as error:  # noqa: BLE001 - a person gets a message, not a traceback with who knows what in it
        console.error(
            CertpushError(
                f"certpush itself failed: {type(error).__name__}",
                hint="please report it, with what -vv shows; the next run settles what was begun",
            ),
            trace=verbose,
        )
        return console.finish(1)
