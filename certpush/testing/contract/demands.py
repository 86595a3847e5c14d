"""How the suite insists."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator

import pytest

from certpush.errors import CertpushError


@contextlib.contextmanager
def must_raise(wanted: type[CertpushError], complaint: str, *, unless: bool = False) -> Iterator[None]:
    """Insist on this error; ``unless`` lets a success pass too."""
    began = time.monotonic()
    try:
        yield
    except wanted:
        return
    except CertpushError as error:
        pytest.fail(f"{complaint}, not {type(error).__name__}: {error}", pytrace=False)
    if not unless:
        pytest.fail(f"{complaint}; it returned after {time.monotonic() - began:.1f} s as if all were well", pytrace=False)
