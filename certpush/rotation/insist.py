"""Verify; where the switch was answered and the old certificate is served on, have the service told once more before going back."""

from __future__ import annotations

from certpush.errors import VerificationFailed
from certpush.model import CertificateBundle, Deployment, Served
from certpush.rotation.activate import switch
from certpush.rotation.inspect import address
from certpush.rotation.rotation import Rotation
from certpush.rotation.verify import verify

_HALF = 0.5  # of the deadline: whoever is slow has all of it, and a reload that was lost is repeated in its middle
_TWICE = (
    "the service was told twice, and it was answered each time that it went well: does that make it read its certificate anew? "
    "Some need a restart for it"
)


def verify_or_insist(rotation: Rotation, deployment: Deployment, bundle: CertificateBundle) -> tuple[Deployment, tuple[Served, ...]]:
    """Prove that the new certificate is served; a reload that did nothing is repeated, once, where the kind says that this is harmless.

    Raises:
        VerificationFailed: it is not.

    """
    if not rotation.kind.switches_again:
        return verify(rotation, deployment, bundle)
    try:
        return verify(rotation, deployment, bundle, share=_HALF)
    except VerificationFailed as failed:
        insisting = _serves_the_old(deployment, failed) and not rotation.stop.is_set()
        if insisting:
            deployment = _switch_again(rotation, deployment, bundle, failed.message)
    try:
        return verify(rotation, deployment, bundle, share=_HALF)
    except VerificationFailed as failed:
        if insisting and _serves_the_old(deployment, failed):
            failed.hint = _TWICE
        raise


def _switch_again(rotation: Rotation, deployment: Deployment, bundle: CertificateBundle, problem: str) -> Deployment:
    why = f"{problem}; the service is told once more"
    rotation.tell("warning", why, deployment)
    return switch(rotation, deployment, bundle, why)


def _serves_the_old(deployment: Deployment, failed: VerificationFailed) -> bool:
    """Whether an endpoint shows what it showed before: one that is silent, or shows another, has taken something up."""
    if failed.endpoint is None or failed.served is None:
        return False
    return deployment.served_before.get(address(failed.endpoint)) == failed.served.fingerprint
