"""What only a person can end: a deployment left half-way, beside what is there now; and what that person decided."""

from __future__ import annotations

import enum

from certpush.model.deployments import Deployment
from certpush.model.sights import Installed, Served
from certpush.records import record


class Known(enum.StrEnum):
    """What a certificate is to a deployment that was left half-way."""

    WANTED = "wanted"
    BEFORE = "before"
    OWN = "own"
    """The device's own, made by itself."""
    OURS = "ours"
    """certpush deployed it once, or was given it."""
    FOREIGN = "foreign"


@record(frozen=True, slots=True)
class Unresolved:
    """A deployment that was left half-way, and what a look at its target shows now.

    ``known`` says what each fingerprint that is there is to the deployment. ``problems`` are
    endpoints where nothing answers, or why the target could not be asked at all: then
    ``installed`` is None. ``key_held`` says whether the key of the wanted certificate is still
    in our hands.
    """

    deployment: Deployment
    installed: Installed | None = None
    served: tuple[Served, ...] = ()
    known: tuple[tuple[str, Known], ...] = ()
    problems: tuple[str, ...] = ()
    key_held: bool = False

    @property
    def target(self) -> str:
        """The target, or ``TARGET/MEMBER``."""
        return self.deployment.target


class Way(enum.StrEnum):
    """The two ways out."""

    ACCEPT = "accept"
    """What is there is what is meant."""
    FINISH = "finish"
    """Go back to what was there before, and see that."""


@record(frozen=True, slots=True)
class Decision:
    """What a person decided, who it was, and why; the journal keeps all three. ``adopt``: also a certificate of somebody else is meant."""

    way: Way
    by: str
    reason: str = ""
    adopt: bool = False

    def __str__(self) -> str:
        verb = "accepted" if self.way is Way.ACCEPT else "sent back"
        return f"{verb} by {self.by}{f': {self.reason}' if self.reason else ''}"
