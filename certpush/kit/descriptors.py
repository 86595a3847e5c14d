"""How many files this process may have open: where they run out in the middle of a switch, the way back has none either."""

from __future__ import annotations

import resource

from certpush.errors import StateError

LEAST = 64  # the journal, locks, a connection, a command with its pipes, the directories on the way to a file; and as much again


def refuse_too_few() -> None:
    """Refuse to begin anything with fewer than are needed to bring it to its end.

    Raises:
        StateError: naming the limit.

    """
    allowed, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if allowed != resource.RLIM_INFINITY and allowed < LEAST:
        raise StateError(
            f"this process may open {allowed} files only, which is too few to bring a switch to its end",
            hint="allow 1024 or more: ulimit -n 1024, or LimitNOFILE=1024 in the unit; no target was touched",
        )
