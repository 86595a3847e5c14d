"""Deployments: what the journal writes down of one certificate on its way to one target."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from dataclasses import field
from datetime import datetime

from certpush.model.sights import Installed, Staged
from certpush.records import record


class WayBackKind(enum.StrEnum):
    """How good a way back is."""

    EXACT = "exact"
    FALLBACK = "fallback"
    NONE = "none"


@record(frozen=True, slots=True)
class WayBack:
    """The way back that a plan names before anything changes."""

    kind: WayBackKind
    text: str


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


@record(frozen=True, slots=True)
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
