"""What is told at the end of a rotation: one receipt, whichever way it came there."""

from __future__ import annotations

from typing import TYPE_CHECKING

from certpush.errors import CertpushError, ConfigError, SafetyRefusal, StateError, Stranded, TrustError
from certpush.model import Action, Deployment, Outcome, Plan, Receipt, Served

if TYPE_CHECKING:  # a receipt is also made where nothing was rotated
    from certpush.rotation.inspect import View
    from certpush.rotation.rotation import Rotation

_NO_PLAN = Plan(Action.REFUSE, "")


def receipt_for(name: str, error: CertpushError, *, plan: Plan = _NO_PLAN) -> Receipt:
    """The receipt of a rotation that ended in an error before its target was seen, or stranded."""
    return Receipt(name, outcome_of(error), plan, error=error)


def outcome_of(error: CertpushError) -> Outcome:
    """How a rotation ended that this error kept from being begun, or from being brought to its end."""
    if isinstance(error, Stranded):
        return Outcome.STRANDED
    if isinstance(error, SafetyRefusal | TrustError | ConfigError | StateError):
        return Outcome.REFUSED
    return Outcome.FAILED


def as_it_is(rotation: Rotation, plan: Plan, view: View, outcome: Outcome = Outcome.UNCHANGED, deployment: str | None = None) -> Receipt:
    """The receipt where what was seen is what stays."""
    present, served = next(iter(view.present), None), tuple(view.served.values())
    return Receipt(
        rotation.name,
        outcome,
        plan,
        was=present,
        now=present,
        not_after=served[0].not_after if served else None,
        served=served,
        seen=bool(rotation.endpoints),
        deployment=deployment,
    )


def went_back(rotation: Rotation, plan: Plan, done: Deployment, served: tuple[Served, ...]) -> Receipt:
    """The receipt where the way back was taken, and seen to be taken."""
    return Receipt(
        rotation.name,
        Outcome.ROLLED_BACK,
        plan,
        was=done.wanted,
        now=served[0].fingerprint if served else done.before.fingerprint,
        not_after=served[0].not_after if served else None,
        served=served,
        seen=bool(rotation.endpoints),
        deployment=done.id,
    )
