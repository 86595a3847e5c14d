"""The environment of a process that lives long: a secret in it is read again and again, and the commands that it runs never get it."""

from __future__ import annotations

from collections.abc import MutableMapping


class KeptEnvironment(dict[str, str]):
    """A copy that keeps what is taken out of it; taken out it is of the ``real`` environment, from which children inherit."""

    def __init__(self, real: MutableMapping[str, str]) -> None:
        super().__init__(real)
        self._real = real

    def pop(self, name: str, *_default: object) -> str:  # nobody here takes out what is not there
        """Give it, and take it out of the real one."""
        self._real.pop(name, None)
        return self[name]
