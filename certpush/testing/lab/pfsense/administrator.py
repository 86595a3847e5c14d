"""Another administrator of a box: saves pages of the GUI, edits config.xml by hand, now or at a chosen moment."""

from __future__ import annotations

import subprocess
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Literal

from certpush.testing.lab.process import LabError, wait_until

Moment = Literal[
    "php-start", "config-read", "write-config", "config-written", "config-saved", "lock", "unlock", "rename", "renamed", "restart"
]
"""When the box waits: PHP is called; the configuration is loaded; write_config begins, has renamed the file, is done; lockf begins,
has run its command; mv replaces config.xml, has done so; rc.restart_webgui begins."""

_PATIENCE_SECONDS = 60.0


class Page:
    """A page of the GUI that an administrator has opened: what ``save`` writes is based on the configuration of that time."""

    def __init__(self, command: Sequence[str]) -> None:
        self._php = subprocess.Popen(list(command), stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)  # noqa: S603 -- in the box
        said = self._php.stdout.readline() if self._php.stdout else b""
        if said != b"loaded\n":
            raise LabError(f"the page could not be opened: {said.decode(errors='replace')}{self._finish(b'')}")

    def save(self, php: str) -> None:
        """Change ``$config`` by this PHP, and save.

        Raises:
            LabError: it was not saved.

        """
        answer = self._finish(php.encode())
        if not answer.endswith("saved\n") or answer.endswith("not saved\n"):
            raise LabError(f"the page was not saved: {answer}")

    def close(self) -> None:
        """Leave the page without saving."""
        self._finish(b"")

    def _finish(self, php: bytes) -> str:
        return self._php.communicate(php, timeout=_PATIENCE_SECONDS)[0].decode(errors="replace")


class Appointment:
    """Something to do when the box comes to a moment; the box waits meanwhile."""

    def __init__(self, folder: Path, moment: str, deed: Callable[[], None]) -> None:
        self._armed, self._reached = folder / moment, folder / f"{moment}.reached"
        self._deed = deed
        self._cancelled = threading.Event()
        self._failure: Exception | None = None
        self._armed.touch()
        self._thread = threading.Thread(target=self._keep, daemon=True)
        self._thread.start()

    @property
    def kept(self) -> bool:
        """Whether the moment came, and the deed was done."""
        return not self._thread.is_alive() and not self._cancelled.is_set() and self._failure is None

    def wait(self) -> None:
        """Wait until it is done.

        Raises:
            LabError: the moment does not come, or the deed failed.

        """
        self._thread.join(_PATIENCE_SECONDS)
        if not self.kept:
            raise LabError(f"the box did not come to {self._armed.name}" if self._failure is None else f"{self._failure}")

    def cancel(self) -> None:
        """Let the moment pass."""
        self._armed.unlink(missing_ok=True)
        self._cancelled.set()
        self._reached.unlink(missing_ok=True)
        self._thread.join(_PATIENCE_SECONDS)

    def _keep(self) -> None:
        try:
            wait_until(lambda: self._cancelled.is_set() or self._reached.exists(), self._armed.name, 3600)
            if not self._cancelled.is_set():
                self._deed()
        except Exception as error:  # noqa: BLE001 -- `wait` tells it; the box must go on
            self._failure = error
        finally:
            self._reached.unlink(missing_ok=True)
