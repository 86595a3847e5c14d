"""Types that msgspec reads into, made known to it before threads use them."""

from __future__ import annotations

import threading
from typing import TypeVar

import msgspec

T = TypeVar("T")
_known: set[object] = set()
_lock = threading.Lock()


def known(shape: type[T]) -> type[T]:
    """Give ``shape`` back, once msgspec has taken it apart.

    It does that when a type is first used. Two threads that do it to the same type at the same
    moment end the process by SIGSEGV (seen with msgspec 0.22 and types that hold ``Annotated``
    or other Structs); afterwards, any number may use it.
    """
    if shape not in _known:
        with _lock:
            msgspec.json.Decoder(shape)
            _known.add(shape)
    return shape
