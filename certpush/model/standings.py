"""How targets stand: what a look shows beside what the journal knows."""

from __future__ import annotations

import enum
from datetime import datetime
from typing import TYPE_CHECKING

from certpush.model.deployments import Deployment
from certpush.model.sights import Served
from certpush.records import record

if TYPE_CHECKING:  # mostly nothing waits
    from certpush.model.waiting import Waiting


class Standing(enum.StrEnum):
    """How a target stands, as ``status`` shows it; the worst first."""

    STRANDED = "stranded"
    EXPIRED = "expired"
    UNTRUSTED = "untrusted"
    """Who answers could not show that it is the one we know; it was sent nothing secret."""
    DANGER = "danger"
    DRIFTED = "drifted"
    """Another certificate is served than the one that was deployed last."""
    FOREIGN = "foreign"
    """Never deployed by certpush, and somebody else's certificate is served."""
    UNREACHABLE = "unreachable"
    LOGIN_REFUSED = "login-refused"
    UNKNOWN = "unknown"
    """It could not be asked, for a reason of its own: its configuration, its plugin, what it answered."""
    DUE = "due"
    NEW = "new"
    """Never deployed, nothing in the way."""
    OK = "ok"

    @property
    def rank(self) -> int:
        """For sorting: the lower, the worse."""
        return _RANKS[self]


_RANKS = {one: rank for rank, one in enumerate(Standing)}


@record(frozen=True, slots=True)
class TargetStatus:
    """What a look at one target, or one member of it, showed, beside what the journal knows.

    ``installed`` is the fingerprint that the target itself tells, where it was asked because no
    endpoints are configured; ``due``, and ``danger`` from when on too little is left, are None
    where what is there is not ours. ``waiting`` is None where no failure keeps it from being tried.
    """

    target: str
    kind: str
    standing: Standing
    served: tuple[Served, ...] = ()
    installed: str | None = None
    problems: tuple[str, ...] = ()
    not_before: datetime | None = None
    not_after: datetime | None = None
    due: datetime | None = None
    danger: datetime | None = None
    last: Deployment | None = None
    waiting: Waiting | None = None
