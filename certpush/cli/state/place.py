"""Where the state is; what a backup of it holds, and under which passphrase."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from certpush.cli.console import safe
from certpush.config import Configuration, load, locate
from certpush.errors import ConfigError
from certpush.model import Secret
from certpush.references import References
from certpush.state.backup import LARGEST, Backup, unpack

_WHICH = "name the file that `certpush state backup` wrote"


def configuration_if_any(explicit: str | None) -> Configuration | None:
    """The configuration, where there is one.

    Raises:
        ConfigError: it is wrong, or one was named that is not there.

    """
    found = locate(explicit, os.environ)
    return None if found is None else load(found, os.environ)


def configuration_for(explicit: str | None) -> Configuration:
    """The configuration, which says where the state is.

    Raises:
        ConfigError: there is none, or it is wrong.

    """
    found = configuration_if_any(explicit)
    if found is None:
        raise ConfigError(
            "there is no configuration, which says where the state is",
            hint="put certpush.toml back first, or name it with --config; `certpush init` writes one",
        )
    return found


def passphrase_of(reference: str | None) -> Secret | None:
    """The passphrase that a reference names.

    Raises:
        ConfigError: it names none that can be read safely.

    """
    return None if reference is None else References(os.environ, place="on the command line, where others see it,").read(reference)


def read_backup(name: str, passphrase: str | None) -> Backup:
    """The backup in a file, or on stdin where the name is ``-``; the passphrase is a reference.

    Raises:
        ConfigError: there is no such file, or the reference names nothing.
        StateError: it is no backup, or a damaged one, or the passphrase is another.

    """
    return unpack(_content(name), passphrase_of(passphrase))


def _content(name: str) -> bytes:
    try:
        if name == "-":
            text = sys.stdin.buffer.read(LARGEST + 1)
        else:
            with Path(name).open("rb") as file:
                text = file.read(LARGEST + 1)
    except OSError as error:
        raise ConfigError(f"{safe(name)} cannot be read: {error.strerror}", hint=_WHICH) from None
    if len(text) > LARGEST:
        raise ConfigError(f"{safe(name)} is larger than any backup", hint=_WHICH)
    return text
