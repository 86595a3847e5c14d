"""Where a secret is, as it stands in the configuration; a secret itself never does."""

from __future__ import annotations

from pathlib import Path

from certpush.errors import ConfigError
from certpush.model import Secret
from certpush.references import read_private_file
from certpush.stepca.bootstrap import user_path

SCHEMES = ("file", "cred", "env", "cmd", "keyring")


def is_reference(text: str) -> bool:
    """Whether a text says where a secret is."""
    scheme, colon, rest = text.partition(":")
    return bool(colon and rest and scheme in SCHEMES)


def full_reference(text: str) -> str:
    """A reference with its path in full: a service is not where the person was who wrote it.

    Raises:
        ConfigError: it is none; the text is not repeated, for it may be the secret.

    """
    if not is_reference(text):
        raise ConfigError(
            "a secret is given by reference, and this is none",
            hint='write "file:/path/of/it" (or "cred:NAME", "env:NAME", "cmd:COMMAND", "keyring:SERVICE/USER"); '
            "a secret that was typed as an option stands in the shell's history now",
        )
    return file_reference(text.removeprefix("file:")) if text.startswith("file:") else text


def file_reference(path: str) -> str:
    """The reference to a secret in this file; ``~`` stays, for it is shorter to read.

    Raises:
        ConfigError: it is no path.

    """
    if not path.strip() or not path.isprintable():
        raise ConfigError(f"{path[:120]!a} is not a path", hint="name the file that holds the secret")
    user_path(path)
    return f"file:{path}" if path.startswith("~") else f"file:{Path(path).absolute()}"


def refuse_open_file(reference: str) -> None:
    """Refuse a file that others may read; one that is not there yet is fine.

    Raises:
        ConfigError: with the chmod that mends it.

    """
    path = referred_file(reference)
    if path is not None and path.exists():
        read_private_file(path)


def referred_file(reference: str) -> Path | None:
    """The file that a reference names; None where it names none."""
    return user_path(reference.removeprefix("file:")) if reference.startswith("file:") else None


def unread(reference: str) -> Secret:
    """Stand for a secret where only the form of its reference is looked at."""
    return Secret(full_reference(reference))
