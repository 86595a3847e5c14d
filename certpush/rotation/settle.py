"""Settle what an earlier run left unfinished, by looking at what is there. Comes before anything else."""

from __future__ import annotations

from dataclasses import replace

from certpush.errors import CertpushError, RescueFired, TargetError, VerificationFailed
from certpush.model import Deployment, Outcome, Phase
from certpush.rotation.activate import note
from certpush.rotation.confirm import confirm
from certpush.rotation.retry import persistently
from certpush.rotation.rollback import roll_back
from certpush.rotation.rotation import Rotation
from certpush.rotation.verify import is_served, verify

_SWITCHED = (Phase.ACTIVATING, Phase.ACTIVATED, Phase.VERIFIED)


def settle(rotation: Rotation) -> tuple[Deployment, ...]:
    """Bring every unfinished deployment of this target to its end: forward where the new certificate is served, else back.

    Raises:
        Stranded: one can be brought neither forward nor back.

    """
    return tuple(_settle_one(rotation, one) for one in rotation.journal.unfinished(rotation.name))


def _settle_one(rotation: Rotation, deployment: Deployment) -> Deployment:
    rotation.tell("settle", f"an earlier run stopped in the phase {deployment.phase}", deployment)
    cause: CertpushError = TargetError(f"an earlier run stopped in the phase {deployment.phase}", phase=deployment.phase)
    if _somebody_else_changed_it(rotation, deployment):
        return _leave_alone(rotation, deployment)
    if deployment.phase in _SWITCHED:
        bundle = rotation.escrow.find(deployment.wanted)
        if bundle is not None and is_served(rotation, bundle):
            try:
                verified, _ = verify(rotation, deployment, bundle)
                return confirm(rotation, verified, bundle)
            except (VerificationFailed, RescueFired, TargetError) as error:
                cause = error
    settled, _ = roll_back(rotation, deployment, cause)
    return settled


def _somebody_else_changed_it(rotation: Rotation, deployment: Deployment) -> bool:
    def ask() -> str | None:
        with rotation.calling("inspect"):
            return rotation.target.inspect().fingerprint

    # None may be a file that a killed run left unreadable: that is ours to mend.
    return persistently(ask, rotation.pause) not in (deployment.before.fingerprint, deployment.wanted, None)


def _leave_alone(rotation: Rotation, deployment: Deployment) -> Deployment:
    """An administrator was there since: their certificate is not overwritten to tidy up after ourselves."""
    text = "another certificate was installed since; it is left alone"
    rotation.tell("warning", text, deployment)
    done = replace(deployment, phase=Phase.ROLLED_BACK, outcome=Outcome.ROLLED_BACK, error=text, finished=rotation.clock())
    return note(rotation, done, text)
