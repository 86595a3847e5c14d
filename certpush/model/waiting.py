"""What keeps a target from being tried again unattended."""

from __future__ import annotations

from datetime import datetime
from typing import NamedTuple


class Waiting(NamedTuple):
    """A target failed so often in a row, the last time with this ``error``: nothing is tried on it unattended before ``until``."""

    tries: int
    until: datetime
    error: str

    @property
    def often(self) -> str:
        """How often it failed, in words."""
        return "once" if self.tries == 1 else f"{self.tries} times in a row"
