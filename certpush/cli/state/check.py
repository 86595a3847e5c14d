"""certpush state check: look through everything that certpush remembers, or that a backup holds."""

from __future__ import annotations

import argparse
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from certpush.cli.console import Console
from certpush.cli.exits import OK, SAFETY
from certpush.cli.findings import show_findings
from certpush.cli.receipts import moment
from certpush.cli.state.place import configuration_for, configuration_if_any, read_backup
from certpush.cli.stopping import ended_by_signals
from certpush.config import Configuration
from certpush.errors import ConfigError
from certpush.state.checking import Found, check_backup, check_state
from certpush.state.directory import open_state_directory


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Look, and show each finding."""
    if arguments.file is not None:
        return _show(console, _in_a_backup(arguments, console))
    if arguments.passphrase is not None:
        raise ConfigError("--passphrase is for a backup, and none is named", hint="certpush state check FILE --passphrase REFERENCE")
    configuration = configuration_for(arguments.config)
    directory = configuration.state_directory.absolute()
    console.document["directory"] = str(directory)
    if not directory.exists():
        console.document["findings"] = []
        console.line(f"there is no state in {directory} yet: nothing was deployed")
        return OK
    open_state_directory(directory)
    return _show(console, check_state(directory, configuration.targets))


def _show(console: Console, found: Iterable[Found]) -> int:
    return SAFETY if show_findings(console, found)["error"] else OK


def _in_a_backup(arguments: argparse.Namespace, console: Console) -> Iterable[Found]:
    """Whoever has but the backup at hand looks through it without a configuration."""
    backup = read_backup(arguments.file, arguments.passphrase)
    configuration = configuration_if_any(arguments.config)
    file = "-" if arguments.file == "-" else os.path.abspath(arguments.file)  # noqa: PTH100 - only to name it
    console.document.update(file=file, files=len(backup.snapshot.files), made=moment(backup.made))
    console.line(f"{len(backup.snapshot.files)} files of {backup.made:%Y-%m-%d %H:%M} UTC")
    console.line()
    with ended_by_signals():
        return check_backup(backup.snapshot, _private_place(configuration), configuration.targets if configuration else None)


def _private_place(configuration: Configuration | None) -> Path:
    """Beside the keys that are here already, where there are any."""
    if configuration and configuration.state_directory.exists():
        return open_state_directory(configuration.state_directory)
    return Path(tempfile.gettempdir())
