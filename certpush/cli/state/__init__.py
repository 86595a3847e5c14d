"""certpush state: copy what certpush remembers, look through it, put it back. One module a subcommand, loaded when it is called."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from certpush.cli.subcommands import add_subcommands, run_subcommand

if TYPE_CHECKING:
    from certpush.cli.console import Console

SUBCOMMANDS = {
    "backup": "copy journal and certificates into one file, also while a run is at work; it holds private keys",
    "check": "look through every record and every certificate with its key, here or in a backup; changes nothing",
    "restore": "put a backup in the place of the state; the one before is kept aside",
}


def configure(parser: argparse.ArgumentParser) -> None:
    """The subcommands with their options."""
    added = add_subcommands(parser, SUBCOMMANDS, title="what to do")
    added["backup"].add_argument("file", metavar="FILE", help="where to (an older backup there is replaced); - is stdout")
    added["check"].add_argument("file", metavar="FILE", nargs="?", help="a backup, instead of the state that is here; - is stdin")
    added["restore"].add_argument("file", metavar="FILE", help="the backup; - is stdin")
    added["restore"].add_argument("--replace", action="store_true", help="also where there is a state: that one is kept aside")
    for one in added.values():
        one.add_argument("--passphrase", metavar="REFERENCE", help='of the backup: "file:/path", "cred:NAME", "env:NAME", "cmd:COMMAND"')
    added["backup"].epilog = (
        "Without --passphrase the backup is a tar archive, which `tar tf` lists; with it, AES-256-GCM under a key made by scrypt.\n"
        "certpush.toml, and the secrets that it names, are not in it: keep them beside it."
    )
    added["check"].epilog = (
        "Exit code 5 when something is damaged or open to others, 0 when there are warnings at most.\n"
        "A backup is unpacked into a private folder for as long as that takes: beside the state, where there is one."
    )
    added["restore"].epilog = (
        "Looked through wholly before anything is touched. A state that is older than what the targets serve is no danger:\n"
        "the next run finds a newer certificate of the CA there, and leaves it until it is due."
    )


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Run the subcommand."""
    return run_subcommand(__name__, arguments, console)
