"""Come by the certificate to deploy: the one we hold, or a new one, in escrow before any target hears of it."""

from __future__ import annotations

from certpush.model import Action, CertificateBundle, Plan
from certpush.rotation.obtain import obtain
from certpush.rotation.rotation import Rotation

_SHARED_CERTIFICATE_WAIT = 60.0  # seconds for another target of the same run to obtain the certificate that both push


def provide(rotation: Rotation, plan: Plan) -> CertificateBundle:
    """The certificate that the plan needs.

    Raises:
        IssuerError: a new one is needed, and none came.

    """
    held = rotation.escrow.current(rotation.spec.name)
    if plan.action is not Action.OBTAIN and held is not None:
        return held
    rotation.stop_here_if_asked()
    with rotation.locks.hold(f"certificate+{rotation.spec.name}", wait=_SHARED_CERTIFICATE_WAIT):
        # Another target that pushes the same certificate may have obtained it while we waited.
        newer = rotation.escrow.current(rotation.spec.name)
        if newer is not None and (held is None or newer.fingerprint != held.fingerprint):
            return newer
        rotation.tell("obtain")
        bundle = obtain(rotation.spec, rotation.issuer, rotation.clock, former=held)
        rotation.escrow.store(rotation.spec.name, bundle)
        return bundle
