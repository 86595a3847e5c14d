"""Plans, deployments and how they end: what the core decides, writes down and reports."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from certpush.errors import BackingOff, CertpushError, Interrupted, LockHeld
from certpush.model.sights import Finding, Installed, Served, Staged


class WayBackKind(enum.StrEnum):
    """How good a way back is."""

    EXACT = "exact"
    FALLBACK = "fallback"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class WayBack:
    """The way back that a plan names before anything changes."""

    kind: WayBackKind
    text: str


class Action(enum.StrEnum):
    """What a plan is going to do."""

    NOTHING = "nothing"
    WAIT = "wait"
    """Due, and put off until the target's maintenance window opens."""
    OBTAIN = "obtain"
    PUSH = "push"
    ACTIVATE = "activate"
    REFUSE = "refuse"


@dataclass(frozen=True, slots=True)
class Plan:
    """What would be done to a target, why, what changes there, and the way back."""

    action: Action
    why: str
    changes: tuple[str, ...] = ()
    way_back: WayBack = field(default_factory=lambda: WayBack(WayBackKind.NONE, ""))
    hint: str = ""
    found: Served | None = None
    """A certificate that is newer than what we knew of, and is taken for ours: the state is older than reality."""
    refusal: type[CertpushError] | None = None
    """As which error a refusal is told, where it has one of its own."""


class Phase(enum.StrEnum):
    """How far a deployment has come. The journal writes a phase down before it is entered."""

    INTENT = "intent"
    STAGED = "staged"
    ACTIVATING = "activating"
    ACTIVATED = "activated"
    VERIFIED = "verified"
    CONFIRMED = "confirmed"
    ROLLING_BACK = "rolling-back"
    ROLLED_BACK = "rolled-back"
    STRANDED = "stranded"

    @property
    def settled(self) -> bool:
        """Whether nothing is left to be done about a deployment in this phase."""
        return self in (Phase.CONFIRMED, Phase.ROLLED_BACK)


class Outcome(enum.StrEnum):
    """How a rotation ended."""

    UNCHANGED = "unchanged"
    ROTATED = "rotated"
    ROLLED_BACK = "rolled-back"
    REFUSED = "refused"
    FAILED = "failed"
    STRANDED = "stranded"


@dataclass(frozen=True, slots=True)
class Deployment:
    """One certificate on its way to one target: the journal's record of it."""

    id: str
    target: str
    certificate: str
    before: Installed
    wanted: str
    """Fingerprint of the certificate that is being deployed."""
    phase: Phase
    way_back: WayBack
    served_before: Mapping[str, str] = field(default_factory=dict)
    """Endpoint (``host:port``) to the fingerprint it served before; missing where nothing answered."""
    staged: Staged | None = None
    started: datetime | None = None
    finished: datetime | None = None
    why: str = ""
    outcome: Outcome | None = None
    error: str = ""
    not_after: datetime | None = None

    @property
    def there_since(self) -> str | None:
        """Fingerprint of what the target has since this came to its end; None: nothing."""
        return self.wanted if self.outcome is Outcome.ROTATED else self.before.fingerprint


@dataclass(frozen=True, slots=True)
class Validity:
    """The life of the certificate that a target has: from when it is to be replaced, and from when a person should know.

    ``due_from`` is None where the certificate is not ours: when that is due is not for us to say.
    """

    not_before: datetime
    not_after: datetime
    danger_from: datetime
    due_from: datetime | None = None


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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
        return list(type(self)).index(self)


@dataclass(frozen=True, slots=True)
class TargetStatus:
    """What a look at one target, or one member of it, showed, beside what the journal knows.

    ``installed`` is the fingerprint that the target itself tells, where it was asked because no
    endpoints are configured; ``due``, and ``danger`` from when on too little is left, are None
    where what is there is not ours.
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
