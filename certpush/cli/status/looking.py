"""One look at all targets, with what a page tells of their past."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from certpush.cli.receipts import in_order
from certpush.fleet.fleet import Fleet
from certpush.kit.tls import utc_now

if TYPE_CHECKING:
    from certpush.model import Deployment, TargetStatus

_PAST = 8  # more than these do not fit beside a lifetime


class Sight(NamedTuple):
    """How all of them stand, when that was seen, and (by target, newest first) what was deployed before."""

    at: datetime
    statuses: Sequence[TargetStatus]
    past: Mapping[str, Sequence[Deployment]]


def look(configuration: str | None, words: Sequence[str], *, past: bool) -> Sight:
    """Look at the targets that the words mean, as the configuration is now.

    Raises:
        ConfigError: it is wrong, or a word means nothing.
        StateError: the journal cannot be read.

    """
    with Fleet.load(configuration) as fleet:
        statuses = in_order(fleet.status(words), fleet)
        before = {one.target: fleet.history(one.target, limit=_PAST) for one in statuses} if past else {}
    return Sight(utc_now(), statuses, before)
