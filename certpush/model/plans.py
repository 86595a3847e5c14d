"""Plans: what the core decides before anything changes."""

from __future__ import annotations

import enum
from dataclasses import field

from certpush.errors import CertpushError
from certpush.model.deployments import WayBack, WayBackKind
from certpush.model.sights import Served
from certpush.records import record


class Action(enum.StrEnum):
    """What a plan is going to do."""

    NOTHING = "nothing"
    WAIT = "wait"
    """Due, and put off until the target's maintenance window opens."""
    OBTAIN = "obtain"
    PUSH = "push"
    ACTIVATE = "activate"
    REFUSE = "refuse"


@record(frozen=True, slots=True)
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
