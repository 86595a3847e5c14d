"""How long a plugin may take, how much it may say, and what its process may use."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from types import MappingProxyType

LARGEST_MESSAGE = 1024 * 1024
LOGGED_OUTPUT = 64 * 1024
"""Bytes of output that are logged of one call; what follows is thrown away."""
LARGEST_OUTPUT = 16 * 1024 * 1024
"""Bytes of output in one call after which the process is ended: nobody has that much to say."""
LONGEST_TEXT = 2000
"""Characters of one message of a plugin that a person is shown."""

_SHORT, _ASK, _CHANGE = timedelta(seconds=30), timedelta(minutes=2), timedelta(minutes=5)
DEADLINES: Mapping[str, timedelta] = MappingProxyType(
    {
        "load": timedelta(minutes=1),
        "check": _SHORT,
        "endpoints": _SHORT,
        "footprint": _SHORT,
        "writes": _SHORT,
        "hear": _SHORT,
        "overhear": _SHORT,
        "stage": _CHANGE,
        "activate": _CHANGE,
        "rollback": _CHANGE,
        "csr": _CHANGE,  # a management controller makes an RSA key
    }
)


def deadline_of(verb: str) -> timedelta:
    """How long the plugin may take for this verb."""
    return DEADLINES.get(verb, _ASK)


OPEN_FILES = 4096
MEMORY = 4 * 1024**3
"""Address space, not memory in use: threads reserve much that they never touch."""
THREAD_STACK = 2 * 1024**2
