"""Two boxes as a pair: what the primary saves arrives at the secondary a while later, in whole sections."""

from __future__ import annotations

import contextlib
import threading
from pathlib import Path
from typing import Any, Self

from certpush.testing.lab.pfsense.box import PfSense
from certpush.testing.lab.process import LabError, answers
from certpush.testing.server import Server


class PfSensePair(Server):
    """A primary and a secondary; ``wishes`` are those of both boxes.

    ``delay``: seconds from a save on the primary to its arrival. ``held``: nothing arrives while it
    is set, as while the secondary cannot be reached; what was sent meanwhile arrives afterwards.
    """

    def __init__(
        self,
        version: str = "2.7.2",
        *,
        primary: str | bytes = "ha-primary",
        secondary: str | bytes = "ha-secondary",
        delay: float = 0.2,
        **wishes: Any,
    ) -> None:
        self.delay = delay
        self.held = False
        self.primary = PfSense(version, primary, **wishes)
        try:
            self.secondary = PfSense(version, secondary, **wishes)
        except BaseException:
            self.primary.close()
            raise
        self._let_one_key_in()
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> Self:
        """Switch both on, and let the primary's changes arrive from then on."""
        self.primary.start()
        if self.primary.initial and not self.secondary.initial:
            self.secondary.same = self.primary.initial.pairs  # as after a synchronisation
        self.secondary.start()
        self._ended.clear()
        self._thread = threading.Thread(target=self._carry, daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Switch both off."""
        self._ended.set()
        if self._thread:
            self._thread.join()
            self._thread = None
        self.primary.stop()
        self.secondary.stop()

    def close(self) -> None:
        """End both for good."""
        self.stop()
        self.primary.close()
        self.secondary.close()

    def _let_one_key_in(self) -> None:
        """The primary's client key opens the secondary as well, as where one administrator looks after both."""
        for home in {"/root", self.secondary.home}:
            with self.secondary.path(f"{home}/.ssh/authorized_keys").open("ab") as keys:
                keys.write(self.primary.path(f"{home}/.ssh/authorized_keys").read_bytes())

    def _carry(self) -> None:
        outbox = self.primary.path("/lab/outbox")
        while not self._ended.wait(0.02):
            sent = sorted(outbox.glob("[0-9]*"))
            if sent and not self.held and not self._ended.wait(self.delay):
                self._deliver(sent[-1], sent)

    def _deliver(self, newest: Path, sent: list[Path]) -> None:
        """Over the port of the GUI, so it must answer; whether with a good certificate does not matter."""
        text = newest.read_text()
        for one in sent:
            one.unlink()
        if self.secondary.running and answers(self.secondary.host, self.secondary.gui_port):
            with contextlib.suppress(LabError):  # switched off meanwhile
                self.secondary.run("/usr/local/bin/php-cgi", "-f", "/lab/receive.php", text=text)
