"""What happens meanwhile: moving lines for a person who watches, plain lines otherwise."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from certpush.cli.console import Console, safe
from certpush.model import Event

if TYPE_CHECKING:
    from rich.table import Table

_DOING = {
    "inspect": "looking",
    "plan": "planning",
    "preflight": "checking",
    "obtain": "asking the CA",
    "stage": "staging",
    "activate": "switching",
    "verify": "verifying",
    "settle": "settling",
    "confirm": "confirming",
    "rollback": "GOING BACK",
    "rescue": "waiting for the device",
}
_ENDED = ("done", "rolled back")
_LINES = 12  # more targets than this are counted, not listed


class Progress:
    """Hears events; one line a target."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._doing: dict[str, str] = {}
        self._ended: Counter[str] = Counter()
        self._lock = threading.Lock()
        self._shown = False

    def observe(self, event: Event) -> None:
        """Take note of an event; safe from any thread."""
        with self._lock:
            if event.phase in _ENDED:
                self._doing.pop(event.target, None)
                self._ended[event.phase] += 1
            elif event.phase in _DOING:
                self._doing[event.target] = _DOING[event.phase]
        if event.phase == "warning" or (event.phase == "rollback" and not self._shown):
            self._console.note(f"{event.target}: {safe(event.message)}")
        elif not self._shown and self._console.verbosity:
            text = f" ({safe(event.message)})" if event.message else ""
            self._console.note(f"{event.target}: {_DOING.get(event.phase, event.phase)}{text}")

    def ended(self, target: str) -> None:
        """A target's receipt is there."""
        with self._lock:
            self._doing.pop(target, None)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """While inside, a person who watches sees the lines move; for anybody else nothing is drawn."""
        if not self._console.live:
            yield
            return
        from rich.console import Console as Screen
        from rich.live import Live

        screen = Screen(file=self._console.err, no_color=not self._console.colour_errors)
        self._shown = True
        try:
            with Live(get_renderable=self._lines, console=screen, transient=True, refresh_per_second=8):
                yield
        finally:
            self._shown = False

    def _lines(self) -> Table:
        from rich.spinner import Spinner
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        with self._lock:
            rows, more = list(self._doing.items())[:_LINES], len(self._doing) - _LINES
        for target, doing in rows:
            table.add_row(Spinner("dots", style="cyan"), Text(safe(target), style="bold"), Text(doing))
        if more > 0:
            table.add_row("", f"and {more} more", "")
        return table
