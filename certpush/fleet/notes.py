"""What was noted on the way of a deployment, as far as it still tells of it."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from certpush.model import Phase


def notes_of(steps: Sequence[tuple[str, datetime, str]]) -> tuple[str, ...]:
    """The notes of these steps, oldest first.

    Where one was asked to be gone back from, and that was refused before anything was changed,
    it is as it was: what was noted of that try says nothing of it, and stays in the journal.
    """
    phases = [phase for phase, _, _ in steps]
    confirmed = Phase.CONFIRMED.value
    told = steps[: phases.index(confirmed) + 1] if phases[-1:] == [confirmed] else steps
    return tuple(note for _, _, note in told if note)
