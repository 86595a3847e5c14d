"""Receipts as they come; dropped before the first was asked for, they say that nothing was done."""

from __future__ import annotations

import warnings
from collections.abc import Generator, Iterator

from certpush.model import Receipt


class Receipts(Iterator[Receipt]):
    """What ``Fleet.deploy`` and ``renew`` give. A call that nobody iterates over would else look like a deployment."""

    def __init__(self, told: Generator[Receipt, None, None], *, verb: str = "deploy") -> None:
        self._told = told
        self._verb = verb
        self._begun = False

    def __next__(self) -> Receipt:
        self._begun = True
        return next(self._told)

    def close(self) -> None:
        """Begin nothing more, and bring what is being switched to its end."""
        self._begun = True
        self._told.close()

    def __del__(self) -> None:
        if not self._begun:
            warnings.warn(f"Fleet.{self._verb}() was not iterated over: nothing was deployed", RuntimeWarning, stacklevel=2)
