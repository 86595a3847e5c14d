"""certpush plugin: write a plugin, get one, let it go. One module a subcommand, loaded when it is called."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from certpush.cli.subcommands import add_subcommands, run_subcommand

if TYPE_CHECKING:
    from certpush.cli.console import Console

SUBCOMMANDS = {
    "new": "write a whole project for a kind of your own: it installs, passes its contract test, and rotates before a line is changed",
    "install": "get a plugin into the environment that certpush runs in: by pip, pipx or uv, whichever looks after it",
    "remove": "let a plugin go again",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """The subcommands with their options."""
    added = add_subcommands(parser, SUBCOMMANDS, title="what to do")
    added["new"].add_argument("name", metavar="NAME", help='the kind, as in kind = "acme-nas"; the package is called certpush-acme-nas')
    added["new"].add_argument("--directory", metavar="DIR", help="where to write it; ./certpush-NAME when left out")
    added["new"].epilog = "Nothing that is there is overwritten. docs/tutorial.md goes on from what it writes."
    added["install"].add_argument("package", metavar="PACKAGE", help="a name in the package index, a wheel, or a project's directory")
    added["install"].epilog = "Nothing of it runs before a configuration names one of its kinds."
    added["remove"].add_argument("package", metavar="PACKAGE", help="its name, or the name of a kind that it offers")
    added["remove"].epilog = "Not while the configuration names one of its kinds."
    for name in ("install", "remove"):
        added[name].add_argument("--print", action="store_true", help="only show the command")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Run the subcommand."""
    return run_subcommand(__name__, arguments, console)
