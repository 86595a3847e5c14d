"""Go back to the certificate before the last one because a person asks for it."""

from __future__ import annotations

from certpush.errors import CertpushError, ForeignCertificate, NoWayBack, Stranded
from certpush.model import Action, Deployment, Phase, Plan, Receipt, WayBackKind
from certpush.rotation.activate import note
from certpush.rotation.inspect import ask_installed, command_to_see
from certpush.rotation.receipts import receipt_for, went_back
from certpush.rotation.rollback import AskedToGoBack, roll_back
from certpush.rotation.rotation import Rotation, as_ours
from certpush.rotation.run import close_quietly
from certpush.rotation.settle import changed_since, settle
from certpush.rotation.verify import is_served


def retrace(rotation: Rotation) -> Receipt:
    """Take the way back that the last deployment left open, and see that it was taken."""
    try:
        with rotation.locks.hold(rotation.name):
            settle(rotation)
            return _retrace(rotation, _last(rotation))
    except Exception as error:  # noqa: BLE001 - as in rotate: a bug ends in a receipt too
        return receipt_for(rotation.name, as_ours(error))
    finally:
        close_quietly(rotation)


def _last(rotation: Rotation) -> Deployment:
    last = rotation.journal.last(rotation.name)
    if last is None:
        raise NoWayBack(f"{rotation.name}: certpush has deployed nothing here yet", hint="there is nothing to go back to")
    if last.phase is not Phase.CONFIRMED:
        raise NoWayBack(
            f"{rotation.name}: the last deployment was already rolled back",
            hint="only the certificate before the last one is kept; `certpush history` shows what happened",
        )
    if last.way_back.kind is WayBackKind.NONE:
        raise NoWayBack(f"{rotation.name}: {last.way_back.text}", hint="deploy the certificate that you want instead")
    if changed_since(rotation, last):
        shown = f"`{command_to_see(rotation.endpoints[0])}` shows it; " if rotation.endpoints else ""
        raise ForeignCertificate(
            f"{rotation.name}: another certificate was installed since the last deployment",
            hint=f"{shown}going back would overwrite it",
        )
    return last


def _retrace(rotation: Rotation, last: Deployment) -> Receipt:
    plan = Plan(Action.PUSH, "asked to go back", way_back=last.way_back)
    asked = AskedToGoBack("rolled back on request")
    try:
        done, served = roll_back(rotation, last, asked)
    except Stranded as stranded:
        if nothing_happened(rotation, last):
            note(rotation, last, "still served: going back did not begin")
            return receipt_for(rotation.name, as_ours(stranded.rollback_error), plan=plan)
        return receipt_for(rotation.name, stranded, plan=plan)
    return went_back(rotation, plan, done, served)


def nothing_happened(rotation: Rotation, last: Deployment) -> bool:
    """Whether the target still is as the last deployment left it, so that it refused to go back and nobody is stranded."""
    bundle = rotation.escrow.find(last.wanted, first=rotation.spec.name)
    try:
        return bundle is not None and ask_installed(rotation).fingerprint == last.wanted and is_served(rotation, bundle)
    except CertpushError:
        return False
