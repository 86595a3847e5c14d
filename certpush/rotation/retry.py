"""Try again what is safe to repeat: looking, and going back. Never a switch."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from certpush.errors import CertpushError

T = TypeVar("T")
_PAUSES = (1.0, 3.0)  # seconds before the second and the third attempt


def persistently(attempt: Callable[[], T], pause: Callable[[float], None]) -> T:
    """Give what ``attempt`` gives; up to three times while its error says that trying again may help."""
    for seconds in _PAUSES:
        try:
            return attempt()
        except CertpushError as error:
            if not error.retryable:
                raise
            pause(seconds)
    return attempt()
