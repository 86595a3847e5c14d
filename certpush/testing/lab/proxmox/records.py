"""What came in: a list that tests read while the server writes it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from certpush.model import JsonValue


@dataclass
class Recorded:
    """One request as it came; ``status`` is how it was answered, also where the answer was lost.

    ``parameters`` are those of the query and the form or JSON body; they stay empty where the
    body was not read. ``proxied`` says that another node handed it on.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(repr=False)
    parameters: Mapping[str, JsonValue] = field(default_factory=dict, repr=False)
    status: int | None = None
    caller: str = ""

    @property
    def proxied(self) -> bool:
        """Whether another node handed it on."""
        return "pvedisableproxy" in self.headers
