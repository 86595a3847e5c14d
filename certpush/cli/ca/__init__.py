"""certpush ca: what the CA says, and trusting it. One module a subcommand, loaded when it is called."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from certpush.cli.ca_options import add_ca_options
from certpush.cli.subcommands import add_subcommands, run_subcommand

if TYPE_CHECKING:
    from certpush.cli.console import Console

SUBCOMMANDS = {
    "health": "whether the CA is well: version, names, how long root and intermediate last, clocks",
    "root": "the CA's root as PEM; --install makes this machine and its browsers trust it",
    "bootstrap": "trust a CA by its root's fingerprint, and remember it for certpush and for step",
    "provisioners": "who may ask the CA for certificates, and within which limits",
    "advise": "what to set on the CA so that it signs for a given time",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """The subcommands with their options."""
    added = add_subcommands(parser, SUBCOMMANDS, title="what to ask")
    for name, one in added.items():
        if name != "bootstrap":  # it comes before there is a configuration, and has options of its own
            add_ca_options(one)
    _configure_root(added["root"])
    _configure_bootstrap(added["bootstrap"])
    added["advise"].add_argument("lifetime", metavar="TIME", help="how long a certificate should live: 30d, 395d, 24h")
    added["health"].epilog = "Exit code 0 when the CA is well, 1 when it is not or does not answer, 4 when it is another one."


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Run the subcommand."""
    return run_subcommand(__name__, arguments, console)


def _configure_root(parser: argparse.ArgumentParser) -> None:
    ways = parser.add_mutually_exclusive_group()
    ways.add_argument("--file", metavar="FILE", help="write it there instead of printing it")
    ways.add_argument("--install", action="store_true", help="have the system, and the user's Firefox and Chromium, trust it")
    ways.add_argument("--remove", action="store_true", help="take out what --install put in")
    parser.add_argument("--force", action="store_true", help="with --file: replace a file that is there")
    parser.epilog = (
        "certpush ca root > root.pem\n"
        "Fingerprints go to stderr. While roots are rotated there are several; all of them are meant.\n"
        "The system's trust store takes root: run it with sudo, and the browsers of the user who called sudo are meant."
    )


def _configure_bootstrap(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("url", nargs="?", metavar="URL", help="where the CA answers: https://HOST:PORT")
    parser.add_argument("--ca-url", metavar="URL", help="the same, as `step ca bootstrap` has it")
    parser.add_argument("--fingerprint", metavar="SHA256", help="of its root; without it a person is asked to compare it")
    parser.add_argument("--context", metavar="NAME", help="the step context to keep it in; made where there is none of this name")
    parser.add_argument("--force", action="store_true", help="replace what another CA's bootstrap left")
    parser.add_argument("--install", action="store_true", help="then have the system and the browsers trust the root, too")
    parser.epilog = (
        "On the CA: step certificate fingerprint $(step path)/certs/root_ca.crt\n"
        "In Docker: docker exec CONTAINER step certificate fingerprint certs/root_ca.crt\n"
        "It is kept in $STEPPATH (~/.step), as `step ca bootstrap` does it: commands of both then need nothing else."
    )
