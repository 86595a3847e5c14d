"""Disarm the device's own timer, and write down that it is done."""

from __future__ import annotations

from dataclasses import replace

from certpush.model import CertificateBundle, Deployment, Outcome, Phase, Staged
from certpush.rotation.activate import note
from certpush.rotation.rotation import Rotation


def confirm(rotation: Rotation, deployment: Deployment, bundle: CertificateBundle) -> Deployment:
    """Confirm on the device; only then is the rotation a success.

    Raises:
        RescueFired: the device's timer was faster; the old certificate is back, or about to be.

    """
    rotation.tell("confirm", deployment=deployment)
    with rotation.calling("confirm"):
        rotation.target.confirm(deployment.staged or Staged())
    return note(
        rotation,
        replace(
            deployment,
            phase=Phase.CONFIRMED,
            outcome=Outcome.ROTATED,
            finished=rotation.clock(),
            not_after=bundle.not_after,
            error="",
        ),
    )
