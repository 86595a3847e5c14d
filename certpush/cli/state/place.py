"""Where the state is, and under which passphrase a backup of it."""

from __future__ import annotations

import os

from certpush.config import Configuration, load, locate
from certpush.errors import ConfigError
from certpush.model import Secret
from certpush.references import References


def configuration_for(explicit: str | None) -> Configuration:
    """The configuration, which says where the state is.

    Raises:
        ConfigError: there is none, or it is wrong.

    """
    found = locate(explicit, os.environ)
    if found is None:
        raise ConfigError(
            "there is no configuration, which says where the state is",
            hint="put certpush.toml back first, or name it with --config; `certpush init` writes one",
        )
    return load(found, os.environ)


def passphrase_of(reference: str | None) -> Secret | None:
    """The passphrase that a reference names.

    Raises:
        ConfigError: it names none that can be read safely.

    """
    return None if reference is None else References(os.environ, place="on the command line, where others see it,").read(reference)
