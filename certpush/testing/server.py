"""What the servers of tests and demo have in common: they run inside ``with``, and leave nothing behind."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Self

from certpush.testing.own_directory import OwnDirectory


class Server(ABC):
    """A server between ``start`` and ``close``; ``with`` calls both."""

    @abstractmethod
    def start(self) -> Self:
        """Start it, and wait until it answers."""

    @abstractmethod
    def stop(self) -> None:
        """End it, so that ``start`` brings the same one back at the same address."""

    def close(self) -> None:
        """End it for good."""
        self.stop()

    def restart(self) -> None:
        """End it and start it again at the same address."""
        self.stop()
        self.start()

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(self, *_: object) -> None:
        self.close()


class HousedServer(Server):
    """A server with a directory of its own, which is gone after ``close``."""

    def __init__(self, kind: str) -> None:
        self._own = OwnDirectory(f"certpush-{kind}-")
        self.directory = self._own.path

    def close(self) -> None:
        """End it and remove its directory."""
        self.stop()
        self._own.remove()
