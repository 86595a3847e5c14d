"""What an observer remembers from run to run: one small file that only its owner reads, replaced in one step."""

from __future__ import annotations

import contextlib
import json
import logging
import os
from pathlib import Path
from typing import TypeVar

from certpush.kit.files import Directory
from certpush.model import JsonValue

_log = logging.getLogger(__name__)
T = TypeVar("T")
LIMIT = 64 * 1024 * 1024
"""Tens of thousands of targets fit; what is larger was not written by an observer."""


class Memory:
    """A JSON object in a file of the state directory; never put a secret into it."""

    def __init__(self, path: Path) -> None:
        self._path = path

    @property
    def path(self) -> Path:
        """Where it is kept."""
        return self._path

    def read(self) -> dict[str, JsonValue]:
        """What was written last; empty where nothing was yet, or where it cannot be read any more (which is logged).

        Raises:
            SafetyRefusal: something that others planted is in the way.
            OSError: it may not be read.

        """
        try:
            with Directory.open(str(self._path.parent)) as directory:
                text = directory.read(self._path.name, limit=LIMIT)
        except FileNotFoundError:
            return {}
        with contextlib.suppress(ValueError):
            known = json.loads(text)
            if isinstance(known, dict):
                return known
        _log.warning("%s is damaged: what was remembered there is lost, and written anew", self._path)
        return {}

    def read_as(self, form: type[T]) -> T:
        """The same as an object of this form (a dataclass, or a msgspec Struct); a new one where it is of another form, or of none yet.

        Raises:
            SafetyRefusal: something that others planted is in the way.
            OSError: it may not be read.

        """
        import msgspec

        try:
            return msgspec.convert(self.read(), form)
        except msgspec.ValidationError:
            return form()

    def write(self, known: dict[str, JsonValue]) -> None:
        """Put this in the place of what was there; durable afterwards, and never seen in part.

        Raises:
            SafetyRefusal: something that others planted is in the way.
            OSError: the disk is full, or the state directory not ours to write to.

        """
        text = json.dumps(known, separators=(",", ":"), ensure_ascii=False).encode()
        with Directory.open(str(self._path.parent.parent)) as state:
            state.make(self._path.parent.name, mode=0o700)
        with Directory.open(str(self._path.parent)) as directory:
            directory.refuse_odd(self._path.name)
            directory.replace(self._path.name, text)


class PassingMemory(Memory):
    """One that lasts as long as this process does, and needs no disk: for where that is what is ill."""

    def __init__(self) -> None:
        super().__init__(Path(os.devnull))
        self._known: dict[str, JsonValue] = {}

    def read(self) -> dict[str, JsonValue]:
        """What was written last."""
        return self._known

    def write(self, known: dict[str, JsonValue]) -> None:
        """Put this in the place of what was there."""
        self._known = known
