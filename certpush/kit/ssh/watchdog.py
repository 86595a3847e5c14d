"""A deadline that holds: when it passes, the connection is closed under the feet of whoever waits.

paramiko's own timeouts do not cover every wait: `recv_exit_status` ignores the channel's timeout
(paramiko#1787), and a server that trickles a byte a second keeps any per-read timeout alive.
"""

from __future__ import annotations

import threading
from collections.abc import Callable
from types import TracebackType
from typing import Self

from certpush.errors import TargetUnreachable


class Watchdog:
    """``with Watchdog(close, seconds, "what is waited for")``: afterwards it was in time, or TargetUnreachable is raised."""

    def __init__(self, close: Callable[[], object], seconds: float, what: str) -> None:
        self._what = f"{what} took longer than {seconds:g} s"
        self._close = close
        self._bitten = False
        self._timer = threading.Timer(max(0.0, seconds), self._bite)
        self._timer.daemon = True

    def _bite(self) -> None:
        self._bitten = True
        self._close()

    def __enter__(self) -> Self:
        self._timer.start()
        return self

    def __exit__(self, _type: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None) -> None:
        self._timer.cancel()
        self._timer.join()
        if self._bitten:
            raise TargetUnreachable(self._what, hint="see whether the machine is overloaded, or a firewall swallows packets") from error
