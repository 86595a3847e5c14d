"""certpush status --watch: the table as it is now for a person at a terminal, a line for each change otherwise."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from datetime import timedelta
from typing import Protocol

from certpush.cli.console import Console
from certpush.cli.exits import OK, code_of
from certpush.cli.status.changes import Changes
from certpush.cli.status.looking import Sight
from certpush.cli.stopping import ended_by_signals
from certpush.errors import CertpushError


class Shown(Protocol):
    """Where the looks are shown."""

    def saw(self, sight: Sight) -> None:
        """Show what was seen."""
        ...

    def failed(self, error: CertpushError) -> None:
        """Say why nothing could be seen."""
        ...

    def waiting(self, seconds: float) -> None:
        """Say how long it is until the next look."""
        ...


def watch(look: Callable[[], Sight], console: Console, interval: timedelta, *, sleep: Callable[[float], None] = time.sleep) -> int:
    """Look again and again until Ctrl-C or SIGTERM; gives the exit code of the last look.

    Raises:
        CertpushError: already the first look could not be made.

    """
    sight, code = look(), OK
    with ended_by_signals(), _shown(console) as shown:
        try:
            shown.saw(sight)
            while True:
                shown.waiting(interval.total_seconds())
                sleep(interval.total_seconds())
                code = _again(look, shown)
        except KeyboardInterrupt:
            return code


def _again(look: Callable[[], Sight], shown: Shown) -> int:
    try:
        shown.saw(look())
    except CertpushError as error:  # perhaps the configuration is being edited right now: the next look may be better
        shown.failed(error)
        return code_of(error)
    return OK


def _shown(console: Console) -> AbstractContextManager[Shown]:
    """Moving lines need a person who watches them."""
    if console.live and console.room is not None:
        from certpush.cli.status.screen import on_screen

        return on_screen(console)
    return _as_lines(console)


@contextmanager
def _as_lines(console: Console) -> Iterator[Shown]:
    yield Changes(console)
