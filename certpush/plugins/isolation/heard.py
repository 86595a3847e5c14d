"""What a plugin says beside its answers, output and log records: capped, without secrets, and under its name."""

from __future__ import annotations

import logging
import re
import threading
from collections.abc import Iterable

from certpush.kit.escaping import escaped
from certpush.plugins.isolation.crossing import Unreadable, converted
from certpush.plugins.isolation.limits import LARGEST_OUTPUT, LOGGED_OUTPUT, LONGEST_TEXT

_SHORTEST_SECRET = 6  # what is shorter stands in any text by chance


class Heard:
    """Passes on what a plugin says; its methods give what is wrong with it, where it says too much."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._log = logging.getLogger(f"certpush.plugin.{re.sub(r'[^A-Za-z0-9_-]', '_', name)}")
        self._lock = threading.Lock()
        self._secrets: set[str] = set()
        self._said = 0
        self._begun = bytearray()

    @property
    def level(self) -> int:
        """From which level on somebody listens."""
        return self._log.getEffectiveLevel()

    def keep_out(self, secrets: Iterable[str]) -> None:
        """Never pass these on."""
        with self._lock:
            self._secrets.update(one for one in secrets if len(one) >= _SHORTEST_SECRET)

    def without_secrets(self, text: str) -> str:
        """The text, with a mark in the place of every secret that this plugin was given."""
        with self._lock:
            secrets = sorted(self._secrets, key=len, reverse=True)
        for one in secrets:
            text = text.replace(one, "<secret>").replace(repr(one)[1:-1], "<secret>")
        return text

    def begin(self) -> None:
        """A call begins: what may be said in it is measured anew."""
        self._said = 0

    def record(self, data: object) -> str:
        """A log record: level, logger, text."""
        try:
            level, logger, text = converted(data, tuple[int, str, str])
        except Unreadable:
            return "sent a log record that is none"
        if self._may_say(len(text)):
            self._log.log(max(logging.DEBUG, min(level, logging.CRITICAL)), "%s: %s", escaped(logger[:100]), self._safe(text))
        return self._too_much()

    def output(self, piece: bytes) -> str:
        """Something on its standard output or error."""
        if self._may_say(len(piece)) and self._log.isEnabledFor(logging.DEBUG):
            *lines, self._begun = (self._begun + piece).split(b"\n")  # a secret may stand across two pieces
            for line in lines:
                self._wrote(line)
            del self._begun[LOGGED_OUTPUT:]
        return self._too_much()

    def silent(self) -> None:
        """Its output has ended; perhaps in the middle of a line."""
        self._wrote(self._begun)

    def _wrote(self, line: bytes | bytearray) -> None:
        if line.strip():
            self._log.debug("it wrote: %s", self._safe(line.decode("utf-8", "replace")))

    def _safe(self, text: str) -> str:
        return escaped(self.without_secrets(text)[:LONGEST_TEXT])

    def _may_say(self, length: int) -> bool:
        before, self._said = self._said, self._said + length
        if before < LOGGED_OUTPUT <= self._said:
            self._log.debug("what else it says in this call is thrown away")
        return before < LOGGED_OUTPUT

    def _too_much(self) -> str:
        return f"wrote more than {LARGEST_OUTPUT // 1024**2} MiB in one call" if self._said > LARGEST_OUTPUT else ""
