"""Passwords and tokens: they cannot be printed or pickled by accident, only ``reveal`` gives them out."""

from __future__ import annotations

from collections.abc import Callable
from typing import NoReturn


class Secret:
    """A password or token that cannot be printed or pickled; ``reveal()`` is the only way out."""

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Give out the secret text."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(<redacted>)"

    __str__ = __repr__

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is never pickled; hand over reveal() through a pipe instead")


class DeferredSecret(Secret):
    """One that is read when it is first revealed: most runs need none, and a machine may have no right to read it."""

    __slots__ = ("_read",)

    def __init__(self, read: Callable[[], str]) -> None:
        self._read = read

    def reveal(self) -> str:
        """Read it, or give it out again; raises what reading it raises."""
        if not hasattr(self, "_value"):
            self._value = self._read()
        return super().reveal()
