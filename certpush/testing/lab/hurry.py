"""Time that passes for a device's own timer alone: each second that it sleeps ends at once. And looks that follow each other sooner."""

from __future__ import annotations

import contextlib
import math
import os
import signal
import time
from collections.abc import Callable, Iterable
from datetime import timedelta
from functools import partialmethod
from pathlib import Path

from certpush.rotation.rotation import Patience
from certpush.testing.lab.process import children

_PROC = Path("/proc")
_SOONER_SECONDS = 0.1
_LOOKS = 20
"""So often nobody waits, in a row, before it is believed: one whose parent ends while the list is made is in no list."""


def looks() -> None:
    """Have each look of this process follow the one before it sooner, where nobody says otherwise: the servers of a lab are near."""
    Patience.__init__ = partialmethod(Patience.__init__, interval=_SOONER_SECONDS)  # type: ignore[assignment] # there is no other way in
    assert Patience().interval == _SOONER_SECONDS


def pass_time(length: timedelta, waiting: Callable[[], Iterable[int]]) -> None:
    """Let so much time pass for these processes, as long as there are any; no more than that passes for everybody else.

    They must wait as `rescue` of steps.sh does, by `sleep 1` again and again.
    """
    left, woken, missed = math.ceil(length.total_seconds()), 0, 0
    until = time.monotonic() + length.total_seconds()
    while left > 0 and time.monotonic() < until and missed < _LOOKS:
        those = [*waiting()]
        missed = 0 if those else missed + 1
        for child in (child for pid in those for child in children(pid) if child != woken and _command(child)[-2:] == ["sleep", "1"]):
            with contextlib.suppress(ProcessLookupError):
                os.kill(child, signal.SIGTERM)
            woken, left = child, left - 1
        time.sleep(0.003)


def timers(below: str | Path, among: Iterable[int] | None = None) -> list[int]:
    """The shells that run a timer of certpush which still waits, and whose script lies below this folder; of all processes or of these."""
    pids = (int(one.name) for one in _PROC.iterdir() if one.name.isdecimal()) if among is None else among
    return [pid for pid in pids for script in _command(pid)[1:2] if script.startswith(f"{below}/") and _armed(pid, script)]


def _armed(pid: int, script: str) -> bool:
    folder, _, name = script.rpartition("/")
    return name == "run" and (_PROC / f"{pid}/root{folder}/armed").exists()


def _command(pid: int) -> list[str]:
    with contextlib.suppress(OSError):
        return (_PROC / f"{pid}/cmdline").read_bytes().decode(errors="replace").rstrip("\0").split("\0")
    return []
