"""Telling systemd, or a container engine that plays it, how we are: sd_notify(3), without a library for one datagram."""

from __future__ import annotations

import os
import socket
from collections.abc import MutableMapping
from contextlib import suppress
from datetime import timedelta
from typing import Self


class Notifier:
    """Speaks to the socket that the service manager gave us; where there is none, to nobody."""

    def __init__(self, address: str | None, watchdog: timedelta | None) -> None:
        self._address = address
        self.watchdog = watchdog
        """How long it waits for a sign of life; None: it does not."""

    @classmethod
    def from_environment(cls, environ: MutableMapping[str, str], pid: int) -> Self:
        """The service manager's socket; taken out of the environment, for it is not meant for commands that we run."""
        address = environ.pop("NOTIFY_SOCKET", "")
        microseconds, meant = environ.pop("WATCHDOG_USEC", ""), environ.pop("WATCHDOG_PID", str(pid))
        watchdog = timedelta(microseconds=int(microseconds)) if microseconds.isdecimal() and meant == str(pid) else None
        return cls(address or None, watchdog)

    def tell(self, **words: str | int) -> None:
        """Send ``NAME=value`` for each; never fails and never waits, whoever went away or does not listen."""
        if self._address is None:
            return
        name = f"\0{self._address[1:]}" if self._address.startswith("@") else self._address
        text = "\n".join(f"{name}={value}" for name, value in words.items())
        with suppress(OSError), socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as channel:
            channel.sendto(text.encode(), socket.MSG_DONTWAIT, name)

    def alive(self) -> None:
        """A sign of life; the caller says it where work goes on, and nowhere else."""
        self.tell(WATCHDOG=1)

    def be_patient(self, length: timedelta) -> None:
        """Ask for a longer time without a sign of life, or for the usual one again."""
        if self.watchdog is not None:
            self.tell(WATCHDOG_USEC=max(length, self.watchdog) // timedelta(microseconds=1), WATCHDOG=1)


def here(environ: MutableMapping[str, str]) -> Notifier:
    """For this process."""
    return Notifier.from_environment(environ, os.getpid())
