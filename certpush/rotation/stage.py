"""Put the new certificate on the target; what is served must not change."""

from __future__ import annotations

from dataclasses import replace

from certpush.model import CertificateBundle, Deployment, Phase, Staged
from certpush.rotation.rotation import Rotation


def stage(rotation: Rotation, deployment: Deployment, bundle: CertificateBundle) -> Deployment:
    """Stage, and write down the handle that leads back to what was staged."""
    rotation.stop_here_if_asked()
    rotation.tell("stage", deployment=deployment)
    staged = rotation.ask("stage", lambda: rotation.target.stage(bundle), Staged)
    deployment = replace(deployment, phase=Phase.STAGED, staged=staged)
    rotation.journal.enter(deployment, rotation.clock())
    return deployment
