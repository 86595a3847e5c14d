"""certpush state restore: a backup in the place of the state."""

from __future__ import annotations

import argparse
from pathlib import Path

from certpush.cli.console import Console
from certpush.cli.exits import OK
from certpush.cli.receipts import moment
from certpush.cli.state.place import configuration_for, read_backup
from certpush.kit.tls import utc_now
from certpush.state.backup import Backup
from certpush.state.restore import restore


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Read, look through, put in place."""
    backup = read_backup(arguments.file, arguments.passphrase)
    directory = configuration_for(arguments.config).state_directory.absolute()
    kept = restore(backup, directory, utc_now(), replace=arguments.replace)
    console.document.update(
        directory=str(directory),
        files=len(backup.snapshot.files),
        made=moment(backup.made),
        kept=str(kept) if kept else None,
    )
    _tell(console, backup, directory, kept)
    return OK


def _tell(console: Console, backup: Backup, directory: Path, kept: Path | None) -> None:
    console.line(f"restored: {len(backup.snapshot.files)} files of {backup.made:%Y-%m-%d %H:%M} UTC in {directory}")
    if kept:
        console.line(f"the state before is kept in {kept}; it holds private keys: remove it when you need it no more")
    console.line("what was deployed since then is not known to this state; the next run looks, leaves newer certificates of the")
    console.line("CA where they are, and takes them for its own until they are due. Next: certpush state check, certpush status")
