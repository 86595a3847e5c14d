"""How rotations end, and what observers hear meanwhile."""

from __future__ import annotations

from datetime import datetime

from certpush.errors import BackingOff, CertpushError, Interrupted, LockHeld
from certpush.model.deployments import Deployment, Outcome
from certpush.model.findings import Finding
from certpush.model.plans import Plan
from certpush.model.sights import Served
from certpush.records import record


@record(frozen=True, slots=True)
class Validity:
    """The life of the certificate that a target has: from when it is to be replaced, and from when a person should know.

    ``due_from`` is None where the certificate is not ours: when that is due is not for us to say.
    """

    not_before: datetime
    not_after: datetime
    danger_from: datetime
    due_from: datetime | None = None


@record(frozen=True, slots=True)
class Event:
    """Something that happened to a target; observers get it, and it never carries a key.

    The phase ``ended`` comes once for each receipt and carries it, also for a target that was
    not begun. ``validity`` is that of the certificate that is there as far as certpush knows,
    and None where it knows of none.
    """

    phase: str
    target: str
    at: datetime
    message: str = ""
    deployment: Deployment | None = None
    receipt: Receipt | None = None
    validity: Validity | None = None

    @property
    def in_danger(self) -> bool:
        """Whether so little of the certificate's life is left that a person should know."""
        return self.validity is not None and self.at >= self.validity.danger_from


@record(frozen=True, slots=True)
class Receipt:
    """How one rotation ended, with the evidence: what every endpoint served at the end.

    ``target`` is the target's name, or ``TARGET/MEMBER``: each member of a cluster has one.
    ``was`` and ``now`` are the fingerprint before and after (None: nothing, or not known);
    ``seen`` is False where there is no endpoint to look at ("installed, not seen"); ``due`` is
    when what is in place is to be replaced (None: it is not what should be there, or not ours).
    """

    target: str
    outcome: Outcome
    plan: Plan
    was: str | None = None
    now: str | None = None
    not_after: datetime | None = None
    served: tuple[Served, ...] = ()
    seen: bool = True
    error: CertpushError | None = None
    deployment: str | None = None
    findings: tuple[Finding, ...] = ()
    due: datetime | None = None

    @property
    def skipped(self) -> bool:
        """Whether its turn did not come: it waits after a failure, another run works on it, or this one stopped before it."""
        return isinstance(self.error, BackingOff | Interrupted | LockHeld)

    @property
    def failed(self) -> bool:
        """Whether its turn came, and what was to be done was not."""
        return self.error is not None and not self.skipped
