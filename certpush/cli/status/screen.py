"""Status on a terminal: what needs attention on top, as much as fits, and when the next look is."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from typing import IO, TYPE_CHECKING, cast

from certpush.cli.columns import columns
from certpush.cli.console import Console, safe
from certpush.cli.exits import code_of_standing
from certpush.cli.progress import Unfailing
from certpush.cli.status.looking import Sight
from certpush.cli.status.table import HEADINGS, row, show_statuses
from certpush.errors import CertpushError
from certpush.kit.tls import utc_now

if TYPE_CHECKING:
    from rich.text import Text

_BESIDE = 5  # lines: headings, summary, what is left out, the last line, and one that stays free
_PROBLEMS = 3  # of those that need attention, as many are told why


@contextmanager
def on_screen(console: Console) -> Iterator[Screen]:
    """Moving lines on stdout while inside; at the end the last table stays."""
    from rich.console import Console as Terminal
    from rich.live import Live

    terminal = Terminal(file=cast("IO[str]", Unfailing(console.out)), color_system="auto" if console.colour else None)
    shown = Screen(console)
    try:
        with Live(get_renderable=lambda: shown.lines(terminal.height), console=terminal, transient=True, refresh_per_second=2):
            yield shown
    finally:
        shown.leave()


class Screen:
    """The last look, drawn anew as time passes."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._sight: Sight | None = None
        self._error: CertpushError | None = None
        self._next: float | None = None

    def saw(self, sight: Sight) -> None:
        """From now on this is shown."""
        self._sight, self._error, self._next = sight, None, None

    def failed(self, error: CertpushError) -> None:
        """What was seen before stays, and why there is nothing newer stands below it."""
        self._error, self._next = error, None

    def waiting(self, seconds: float) -> None:
        """Count down to the next look."""
        self._next = time.monotonic() + seconds

    def leave(self) -> None:
        """What stays on the terminal."""
        if self._sight is not None:
            show_statuses(self._console, self._sight.statuses, self._sight.at)

    def lines(self, height: int) -> Text:
        """Everything that fits into so many lines; too long ones are cut."""
        from rich.text import Text

        text = "\n".join([*(self._table(self._sight, height) if self._sight else []), self._last_line()])
        return Text.from_ansi(text, no_wrap=True, overflow="ellipsis")

    def _table(self, sight: Sight, height: int) -> list[str]:
        """The worst first, for the others may not fit."""
        now = utc_now()
        worst_first = sorted(sight.statuses, key=lambda one: one.standing.rank)
        problems = [f"{safe(one.target)}: {safe(one.problems[0].splitlines()[0])}" for one in worst_first if one.problems][:_PROBLEMS]
        room = max(1, height - _BESIDE - len(problems))
        headings = [self._console.paint(heading, "dim") for heading in HEADINGS]
        rows = [row(self._console, one, now) for one in worst_first[:room]]
        more = [f"and {len(worst_first) - room} more, none of them worse"] if len(worst_first) > room else []
        return [_summary(sight, now), columns([headings, *rows]), *more, *problems]

    def _last_line(self) -> str:
        if self._error is not None:
            return self._console.paint(f"nothing could be looked at: {safe(self._error.message.splitlines()[0])}", "red")
        left = "looking" if self._next is None else f"looks again in {max(0, round(self._next - time.monotonic()))}s"
        at = f"looked at {self._sight.at:%H:%M:%S} UTC, " if self._sight else ""
        return self._console.paint(f"{at}{left}; Ctrl-C ends", "dim")


def _summary(sight: Sight, now: datetime) -> str:
    from certpush.cli.receipts import left

    bad = sum(1 for one in sight.statuses if code_of_standing(one.standing))
    parts = [f"{len(sight.statuses) - bad} ok", f"{bad} need attention" if bad != 1 else "1 needs attention"]
    due = min(((one.due, one.target) for one in sight.statuses if one.due), default=None)
    if due is not None:
        parts.append(f"first due: {safe(due[1])}, {'now' if due[0] <= now else 'in ' + left(due[0], now)}")
    return " \N{MIDDLE DOT} ".join(parts)
