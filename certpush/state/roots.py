"""The roots that a CA named over a connection that was trusted already: kept beside the configured one while it changes its root."""

from __future__ import annotations

from contextlib import suppress
from datetime import datetime
from pathlib import Path

from cryptography import x509

from certpush.errors import BundleInvalid, StateError
from certpush.kit.files import Directory
from certpush.model import read_certificates, to_pem
from certpush.state.lock import Locks

_WRITING = "+roots"
"""The lock of who writes; no target is called so."""
_WAIT_SECONDS = 2.0


class LearnedRoots:
    """Two files for each CA in the state directory: ``roots/NAME.pem``, and when it was last asked, ``roots/NAME.asked``."""

    def __init__(self, directory: Path, ca: str) -> None:
        self._directory = directory
        self._file = f"{ca}.pem"
        self._asked = f"{ca}.asked"

    def recall(self) -> tuple[x509.Certificate, ...]:
        """What was learned last; nothing where nothing was, or the file is damaged: it is learned anew then."""
        with suppress(OSError, BundleInvalid):
            return read_certificates((self._directory / self._file).read_bytes())
        return ()

    def remember(self, roots: tuple[x509.Certificate, ...]) -> None:
        """Write them down, durably, in place of those before; who has no state, as one that only wants a certificate, gets none by that.

        Raises:
            StateError: they cannot be written.

        """
        self._write(self._file, to_pem(*roots))

    def asked(self) -> datetime | None:
        """When the CA was last asked; None where it never was, or that cannot be read."""
        with suppress(OSError, ValueError):
            return datetime.fromisoformat((self._directory / self._asked).read_text("utf-8").strip())
        return None

    def note_asked(self, now: datetime) -> None:
        """Write down that the CA was asked just now, whatever came of it.

        Raises:
            StateError: it cannot be written.

        """
        self._write(self._asked, f"{now.isoformat()}\n".encode("ascii"))

    def _write(self, name: str, content: bytes) -> None:
        if not self._directory.parent.is_dir():
            return
        try:
            # Targets of one CA learn side by side, and so do other runs; a file is put in its place by one at a time.
            with Locks(self._directory.parent / "locks").hold(_WRITING, wait=_WAIT_SECONDS):
                self._replace(name, content)
        except OSError as error:
            raise StateError(
                f"the CA's roots cannot be kept in {self._directory}: {error.strerror}", hint="free space on its disk"
            ) from error

    def _replace(self, name: str, content: bytes) -> None:
        with Directory.open(str(self._directory.parent)) as state:
            state.make(self._directory.name, mode=0o700)
        with Directory.open(str(self._directory)) as folder:
            folder.replace(name, content)
