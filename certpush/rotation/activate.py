"""Switch. Never repeated blindly: what came of it is settled by looking."""

from __future__ import annotations

from dataclasses import replace

from certpush.errors import StateError
from certpush.model import CertificateBundle, Deployment, Phase, Staged
from certpush.rotation.rotation import Rotation


def activate(rotation: Rotation, deployment: Deployment, bundle: CertificateBundle) -> Deployment:
    """Switch, unless somebody asked for a stop meanwhile."""
    rotation.stop_here_if_asked()
    return switch(rotation, deployment, bundle)


def switch(rotation: Rotation, deployment: Deployment, bundle: CertificateBundle, why: str = "") -> Deployment:
    """Write down that the switch begins, then switch."""
    rotation.tell("activate", why, deployment)
    deployment = replace(deployment, phase=Phase.ACTIVATING)
    rotation.journal.enter(deployment, rotation.clock(), why)
    with rotation.calling("activate"):
        rotation.target.activate(deployment.staged or Staged(), bundle)
    return note(rotation, replace(deployment, phase=Phase.ACTIVATED))


def note(rotation: Rotation, deployment: Deployment, text: str = "") -> Deployment:
    """Write down a phase that has been reached; a journal that cannot be written does not undo what is true.

    The phase before it stands in the journal, and the next run settles from there by looking.
    """
    try:
        rotation.journal.enter(deployment, rotation.clock(), text)
    except StateError as error:
        rotation.tell("warning", f"{error.message}; the next run settles it", deployment)
    return deployment
