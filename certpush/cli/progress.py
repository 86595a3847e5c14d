"""What happens meanwhile: moving lines for a person who watches, plain lines otherwise."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import IO, TYPE_CHECKING, Any, TextIO, cast

from certpush.cli.console import Console, indented, safe

if TYPE_CHECKING:
    from rich.table import Table

    from certpush.model import Event

_DOING = {
    "members": "asking for its members",
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
    """Hears events; one line a target, which of a cluster shows the member whose turn it is."""

    def __init__(self, console: Console, *, asked_to_go_back: bool = False) -> None:
        """Going back is an alarm, unless a person asked for it."""
        self._console = console
        self._words = {**_DOING, "rollback": "going back"} if asked_to_go_back else _DOING
        self._doing: dict[str, tuple[str, str]] = {}
        self._ended: set[str] = set()
        self._lock = threading.Lock()
        self._shown = False
        self._targets = 0

    def observe(self, event: Event) -> None:
        """Take note of an event; safe from any thread."""
        if event.phase == "ended":  # the receipt is shown in its place
            return
        with self._lock:
            if event.phase in _ENDED:
                self._doing.pop(_whole(event.target), None)
            elif event.phase in self._words:
                self._doing[_whole(event.target)] = (event.target, self._words[event.phase])
        target = safe(event.target)
        if event.phase == "warning":
            self._console.warn(f"{event.target}: {event.message}")
        elif event.phase == "rollback" and not self._shown:
            self._console.note(f"{target}: {self._words[event.phase]}")  # why is said once, at the end
        elif not self._shown and self._console.verbosity:
            text = f" ({indented(event.message)})" if event.message else ""
            self._console.note(f"{target}: {self._words.get(event.phase, event.phase)}{text}")

    def ended(self, target: str) -> None:
        """A target's receipt is there."""
        with self._lock:
            self._doing.pop(_whole(target), None)
            self._ended.add(_whole(target))

    @contextmanager
    def shown(self, targets: int = 0) -> Iterator[None]:
        """While inside, a person who watches sees the lines move, and how many of the targets are done; nobody else sees anything."""
        if not self._console.live:
            yield
            return
        from rich.console import Console as Screen
        from rich.live import Live

        with self._lock:  # what was watched before is over
            self._doing.clear()
            self._ended.clear()
        screen = Screen(file=cast("IO[str]", Unfailing(self._console.err)), color_system="auto" if self._console.colour_errors else None)
        self._targets = targets
        with Live(get_renderable=self._lines, console=screen, transient=True, refresh_per_second=8), self._above(screen):
            yield

    @contextmanager
    def _above(self, screen: Any) -> Iterator[None]:
        """Let lines of ours be printed where moving ones do not wipe them out."""
        self._shown = True
        self._console.above = lambda text: screen.out(text, highlight=False)
        try:
            yield
        finally:
            self._console.above = None
            self._shown = False

    def _lines(self) -> Table:
        from rich.spinner import Spinner
        from rich.table import Table
        from rich.text import Text

        table = Table.grid(padding=(0, 2))
        with self._lock:
            rows, more, done = list(self._doing.values())[:_LINES], len(self._doing) - _LINES, len(self._ended)
        for target, doing in rows:
            table.add_row(Spinner("dots", style="cyan"), Text(safe(target), style="bold", no_wrap=True, overflow="ellipsis"), Text(doing))
        if more > 0:
            table.add_row("", f"and {more} more", "")
        if self._targets > 1:
            table.add_row("", f"{done} of {self._targets} done", "")
        return table


def _whole(target: str) -> str:
    """The target that a member belongs to: its members, one after another, are one target."""
    return target.partition("/")[0]


class Unfailing:
    """A terminal that may go away: what cannot be drawn is lost, and nothing else with it."""

    def __init__(self, stream: TextIO) -> None:
        self._stream = stream

    def write(self, text: str) -> int:
        """Write it, or lose it."""
        with contextlib.suppress(OSError, RuntimeError, ValueError):
            self._stream.write(text)
        return len(text)

    def flush(self) -> None:
        """Have it shown, or lose it."""
        with contextlib.suppress(OSError, RuntimeError, ValueError):
            self._stream.flush()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)
