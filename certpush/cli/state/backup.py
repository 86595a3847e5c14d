"""certpush state backup: what certpush remembers, in one file."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from certpush.cli.console import Console, safe
from certpush.cli.exits import OK
from certpush.cli.state.place import configuration_for, passphrase_of
from certpush.errors import ConfigError, StateError
from certpush.kit.files import write_file
from certpush.kit.tls import utc_now
from certpush.model import Secret
from certpush.state.backup import is_backup, pack
from certpush.state.directory import open_state_directory, refuse_half_restored
from certpush.state.snapshot import take_snapshot

_STDOUT = "-"


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Copy, pack, write; the file is private from its first byte."""
    passphrase = passphrase_of(arguments.passphrase)
    if arguments.file == _STDOUT:
        _refuse_to_show_keys(console)
    directory = configuration_for(arguments.config).state_directory
    if directory.exists():
        open_state_directory(directory)
        refuse_half_restored(directory)
    snapshot = take_snapshot(directory)
    packed = pack(snapshot, utc_now(), passphrase)
    _write(arguments.file, packed)
    _tell(console, arguments.file, len(snapshot.files), len(packed), passphrase)
    return OK


def _refuse_to_show_keys(console: Console) -> None:
    if console.json:
        raise ConfigError("the backup and the document cannot both go to stdout", hint="name a file")
    if sys.stdout.isatty():
        raise ConfigError(
            "the backup holds private keys, which belong on no screen", hint="certpush state backup - > FILE, or name the file"
        )


def _write(name: str, packed: bytes) -> None:
    try:
        if name == _STDOUT:
            sys.stdout.buffer.write(packed)
            sys.stdout.buffer.flush()
        else:
            _refuse_other_files(Path(name).absolute())
            write_file(os.path.abspath(name), packed)  # noqa: PTH100 - links in it are looked at, not resolved
    except OSError as error:
        raise StateError(f"the backup cannot be written to {safe(name)}: {error.strerror}", hint="name another place") from error


def _refuse_other_files(path: Path) -> None:
    """A mistyped name must not cost somebody a file; an older backup is meant to make way."""
    if not path.exists() or path.is_dir():
        return
    with path.open("rb") as file:
        if not is_backup(file.read(64)):
            raise ConfigError(f"{safe(str(path))} is there already, and is no backup of certpush's", hint="name another file, or remove it")


def _tell(console: Console, name: str, files: int, size: int, passphrase: Secret | None) -> None:
    path = None if name == _STDOUT else os.path.abspath(name)  # noqa: PTH100 - only to name it
    console.document.update(file=path, files=files, bytes=size, encrypted=passphrase is not None)
    kept = "encrypted" if passphrase else "NOT encrypted"
    tell = console.note if path is None else console.line
    tell(f"{files} files, {size} bytes, {kept}: {safe(path) if path else 'to stdout'}")
    if passphrase is None:
        console.note("it holds private keys: keep it where nobody else reads it, or use --passphrase")
