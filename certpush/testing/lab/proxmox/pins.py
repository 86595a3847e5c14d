"""Which certificates a worker takes for its neighbours': fingerprints of their files, kept longer than they are true."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass
class PinCache:
    """The fingerprints that one worker remembers, by node."""

    since: float = field(default_factory=time.monotonic)
    _known: dict[str, str] = field(default_factory=dict)

    def learn(self, node: str, of_file: Callable[[str], str]) -> None:
        """Read a node's fingerprint, unless it is known already."""
        if node not in self._known:
            self._read(node, of_file)

    def accepts(self, fingerprint: str, of_file: Callable[[str], str], refresh_after: float) -> bool:
        """Whether any node is known by this fingerprint; a stranger's makes it read all anew, once in ``refresh_after`` seconds."""
        if fingerprint in self._known.values():
            return True
        if time.monotonic() - self.since < refresh_after:
            return False
        self.since = time.monotonic()
        for node in tuple(self._known):
            self._read(node, of_file)
        return fingerprint in self._known.values()

    def _read(self, node: str, of_file: Callable[[str], str]) -> None:
        if found := of_file(node):  # a file that cannot be read teaches nothing
            self._known[node] = found
