"""Translate a library's errors into certpush's at the edge where the library is called."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any, TypeAlias

from certpush.errors import CertpushError
from certpush.kit.escaping import escaped

Translation: TypeAlias = Callable[[str], CertpushError]
"""An error class (called with the message), or a function that makes the error from the library's own words."""


@contextmanager
def translate(table: Mapping[type[BaseException], Translation], *, where: str = "", from_cause: bool = True) -> Iterator[None]:
    """Turn the library errors in ``table`` into certpush's, the nearest class first; as ``with`` block or decorator.

    Each value is an error class, called with the message, or a function that makes the error, with
    a hint perhaps: ``{NasRefused: lambda said: TargetRefused(said, hint="give the user the role admin")}``.
    ``where`` is put before the library's words, which are escaped. ``from_cause=False`` cuts the
    library's error off, for calls whose arguments could show up in it as secrets. Errors of
    certpush pass untouched.
    """
    try:
        yield
    except CertpushError:
        raise
    except tuple(table) as error:
        translated = _nearest(table, type(error))(_words(error, where))
        raise translated from (error if from_cause else None)


def _nearest(table: Mapping[type[BaseException], Translation], raised: type[BaseException]) -> Translation:
    return next(table[ancestor] for ancestor in raised.__mro__ if ancestor in table)


def _words(error: BaseException, where: str) -> str:
    said: Any = getattr(error, "strerror", None) or str(error) or type(error).__name__
    return f"{where}: {escaped(str(said))}" if where else escaped(str(said))


def place_of(error: BaseException) -> str:
    """The type and the place only, of what a plugin raised: its text may hold a secret."""
    import traceback  # mostly nothing is raised

    last = traceback.extract_tb(error.__traceback__)[-1]
    return f"{type(error).__name__} at {last.filename}:{last.lineno}"
