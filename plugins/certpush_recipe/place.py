"""Where in a recipe something stands, for the message that says what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from certpush.errors import ConfigError


@contextmanager
def at(path: str) -> Iterator[None]:
    """Put the path of what is looked at before whatever is wrong with it."""
    try:
        yield
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.message}", hint=error.hint) from None
