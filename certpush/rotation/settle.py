"""Settle what an earlier run left unfinished, by looking at what is there. Comes before anything else."""

from __future__ import annotations

from dataclasses import replace

from certpush.errors import CertpushError, TargetError
from certpush.model import CertificateBundle, Deployment, Outcome, Phase
from certpush.rotation.activate import note, switch
from certpush.rotation.confirm import confirm
from certpush.rotation.inspect import ask_installed
from certpush.rotation.rollback import roll_back, stranded
from certpush.rotation.rotation import Rotation, as_ours
from certpush.rotation.verify import is_served, verify

_UNTOUCHED = (Phase.INTENT, Phase.STAGED)
_LEFT_ALONE = "another certificate was installed since; it is left alone"
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
    if somebody_else_was_there(rotation, deployment, cause):
        # An administrator was there since: their certificate is not overwritten to tidy up after ourselves.
        rotation.tell("warning", _LEFT_ALONE, deployment)
        return settle_by_leaving(rotation, deployment, _LEFT_ALONE)
    if deployment.phase in _SWITCHED:
        bundle = rotation.escrow.find(deployment.wanted, first=rotation.spec.name)
        if bundle is not None and is_served(rotation, bundle):
            try:
                told = _told_again(rotation, deployment, bundle)
                verified, _ = verify(rotation, told, bundle)
                return confirm(rotation, verified, bundle)
            except Exception as error:  # noqa: BLE001 - whatever it is, what was begun is brought to an end
                cause = as_ours(error)
    settled, _ = roll_back(rotation, deployment, cause)
    return settled


def _told_again(rotation: Rotation, deployment: Deployment, bundle: CertificateBundle) -> Deployment:
    """Where only the target's own account counts, it may be of files whose service was never told of them: the switch is repeated."""
    if rotation.endpoints or deployment.phase is not Phase.ACTIVATING:
        return deployment
    return switch(rotation, deployment, bundle, "whether the switch came to its end is not known; it is repeated")


def somebody_else_was_there(rotation: Rotation, deployment: Deployment, cause: CertpushError) -> bool:
    """Whether there is a certificate that this deployment neither found nor brought.

    Raises:
        CertpushError: the target cannot be asked, and nothing had been switched.
        Stranded: it cannot be asked, and so nobody knows what is served there.

    """
    try:
        return changed_since(rotation, deployment)
    except CertpushError as error:
        if deployment.phase in _UNTOUCHED:
            raise
        # What is served there is not known, so "not rotated" would be a lie. The record stays open for the next run.
        raise stranded(rotation, deployment, cause, error) from error


def changed_since(rotation: Rotation, deployment: Deployment) -> bool:
    """Whether the target has a certificate that this deployment neither found nor brought.

    Raises:
        CertpushError: the target cannot be asked.

    """
    # None may be a file that a killed run left unreadable: that is ours to mend.
    return ask_installed(rotation).fingerprint not in (deployment.before.fingerprint, deployment.wanted, None)


def settle_by_leaving(rotation: Rotation, deployment: Deployment, why: str) -> Deployment:
    """Write down that a deployment has come to its end, and leave the target as it is."""
    done = replace(deployment, phase=Phase.ROLLED_BACK, outcome=Outcome.ROLLED_BACK, error=why, finished=rotation.clock())
    return note(rotation, done, why)
