"""Come by the certificate to deploy: the one we hold, or a new one, in escrow before any target hears of it."""

from __future__ import annotations

from dataclasses import replace

from certpush.errors import IssuerRefused
from certpush.kit.settings import format_duration
from certpush.model import Action, CertificateBundle, Plan
from certpush.rotation.obtain import obtain
from certpush.rotation.plan import changed
from certpush.rotation.reissue import Reissued, Told, reissue
from certpush.rotation.rotation import Rotation
from certpush.schedule import danger_from

_SHARED_CERTIFICATE_WAIT = 60.0  # seconds for another target of the same run to obtain the certificate that both push


def provide(rotation: Rotation, plan: Plan) -> Reissued:
    """The certificate that the plan needs, and what is to be told about how it came.

    Raises:
        IssuerError: a new one is needed, and none came.

    """
    newest = rotation.escrow.newest(rotation.spec.name)  # before it is read: a later one is seen as such
    held = rotation.escrow.current(rotation.spec.name)
    if plan.action is not Action.OBTAIN and held is not None:
        return Reissued(held)
    rotation.stop_here_if_asked()
    with rotation.locks.hold(f"certificate+{rotation.spec.name}", wait=_SHARED_CERTIFICATE_WAIT):
        # Another target that pushes the same certificate may have obtained it while we waited.
        if rotation.escrow.newest(rotation.spec.name) != newest:
            newer = rotation.escrow.current(rotation.spec.name)
            if newer is not None and (held is None or newer.fingerprint != held.fingerprint):
                return Reissued(newer)
        rotation.escrow.prove()
        rotation.tell("obtain")
        told: list[str] = []
        obtained = _as_long_as_allowed(rotation, held, told.append)
        rotation.escrow.store(rotation.spec.name, obtained.bundle)
        return replace(obtained, note="; ".join(filter(None, (obtained.note, *dict.fromkeys(told)))))


def _as_long_as_allowed(rotation: Rotation, held: CertificateBundle | None, told: Told) -> Reissued:
    """A new one; for less time than is configured only where the one in place would end else, and until the next run asks again."""
    try:
        return _new_one(rotation, held, told)
    except IssuerRefused as error:
        spec, now = rotation.spec, rotation.clock()
        if error.allowed is None or held is None or now < danger_from(held.not_before, held.not_after, spec.danger_left):
            raise
        short = replace(spec, request=replace(spec.request, lifetime=error.allowed))
        note = f"for {format_duration(error.allowed)} only, because the one in place would end else: {error.message}"
        rotation.tell("warning", note)
        return Reissued(obtain(short, rotation.issuer, rotation.clock, former=held, told=told), note)


def _new_one(rotation: Rotation, held: CertificateBundle | None, told: Told) -> Reissued:
    if held is None or rotation.force or changed(rotation.spec, held, rotation.anchors):
        return Reissued(obtain(rotation.spec, rotation.issuer, rotation.clock, former=held, told=told))
    return reissue(rotation.spec, rotation.issuer, rotation.clock, held, told)
