"""How far the suite is, for a person who watches; with -v a line for each test."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import IO, TypeAlias, cast

from certpush.cli.console import Console, safe
from certpush.cli.progress import Unfailing
from certpush.testing.conformance.events import Begun, Ended

Tell: TypeAlias = Callable[[Begun | Ended, int, int], None]
"""Takes what happened, how many tests have ended, and how many there are."""


@contextmanager
def following(console: Console) -> Iterator[Tell]:
    """Give what is to be told of each event."""
    if not console.live:
        yield lambda event, done, tests: _note(console, event, done, tests)
        return
    from rich.console import Console as Screen
    from rich.markup import escape

    screen = Screen(file=cast("IO[str]", Unfailing(console.err)), color_system="auto" if console.colour_errors else None)
    with screen.status("standing up what it is tried on") as status:
        yield lambda event, done, tests: status.update(f"{done} of {tests}  {escape(_said(event))}")


def _note(console: Console, event: Begun | Ended, done: int, tests: int) -> None:
    if console.verbosity and isinstance(event, Ended):
        console.note(f"{done} of {tests}  {event.verdict}: {_said(event)}")


def _said(event: Begun | Ended) -> str:
    variant = f", {event.variant}" if event.variant else ""
    return safe(f"{event.test.removeprefix('test_').replace('_', ' ')} ({event.case}{variant})")
