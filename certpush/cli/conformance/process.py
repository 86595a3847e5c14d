"""The suite as a process of its own: what is tried may exit, crash or hang, and the card still tells of it."""

from __future__ import annotations

import contextlib
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

if TYPE_CHECKING:
    from certpush.testing.conformance.events import Event

_START_SECONDS = 120.0  # on a busy machine, until the cases are read
_TEST_SECONDS = 300.0  # longer than every deadline inside of a test
_END_SECONDS = 15.0  # to bring down the servers of a case
_CHUNK = 65536


class SuiteProcess:
    """Runs the order in ``folder``; what it prints goes into a file there. It is gone at the end of ``with``."""

    def __init__(self, folder: Path, environment: Mapping[str, str]) -> None:
        self._said = folder / "said.log"
        self._patience = _START_SECONDS
        self._silent = False
        self._pipe, theirs = os.pipe()
        try:
            with self._said.open("wb") as log:
                self._popen = _start(folder, theirs, log, environment)
        finally:
            os.close(theirs)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        os.close(self._pipe)
        _end(self._popen)

    def events(self) -> Iterator[Event]:
        """What it tells, as it comes, until it ends or is silent for too long."""
        import msgspec

        from certpush.testing.conformance.events import Event

        decoder: msgspec.json.Decoder[Event] = msgspec.json.Decoder(Event)
        for line in self._lines():
            self._patience = _TEST_SECONDS
            yield decoder.decode(line)

    def how_it_ended(self) -> str:
        """In words, for a test that never did."""
        if self._silent:
            return f"it did not end within {self._patience:g} s, and was broken off"
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._popen.wait(_END_SECONDS)
        code = self._popen.returncode
        by = "" if code is None else f" by {signal.Signals(-code).name}" if code < 0 else f" with exit status {code}"
        return f"it ended the whole process{by}: a plugin raises errors, and ends nothing (os._exit, a signal, a crash of native code)"

    def last_words(self) -> str:
        """The end of what it printed."""
        return self._said.read_text(errors="replace").strip()[-1000:]

    def _lines(self) -> Iterator[bytes]:
        waiting = b""
        while select.select([self._pipe], [], [], self._patience)[0]:
            received = os.read(self._pipe, _CHUNK)
            if not received:
                return
            *lines, waiting = (waiting + received).split(b"\n")
            yield from lines
        self._silent = True


def _start(folder: Path, pipe: int, log: Any, environment: Mapping[str, str]) -> subprocess.Popen[bytes]:
    # How somebody's own tests are set up must not matter here.
    clean = {name: value for name, value in environment.items() if not name.startswith("PYTEST_")}
    return subprocess.Popen(  # noqa: S603 -- our own suite
        [sys.executable, "-P", "-m", "certpush.testing.conformance", str(pipe), str(folder)],
        stdin=subprocess.DEVNULL,
        stdout=log,
        stderr=subprocess.STDOUT,
        env=clean,
        pass_fds=[pipe],
        start_new_session=True,  # Ctrl-C at the terminal reaches us alone, and we end it in order
    )


def _end(popen: subprocess.Popen[bytes]) -> None:
    """Let it bring down what it started; a plugin that does not let it is ended all the same."""
    if popen.poll() is None:
        popen.send_signal(signal.SIGINT)
    try:
        popen.wait(_END_SECONDS)
    except subprocess.TimeoutExpired:
        popen.kill()
        popen.wait()
