"""Bring what was left half-way to its end as a person decides: accept what is there, or go back. Both are seen, and written down."""

from __future__ import annotations

from dataclasses import replace

from certpush.errors import CertpushError, ForeignCertificate, SafetyRefusal, Stranded, TargetDrifted, TargetUnreachable
from certpush.model import (
    Action,
    Decision,
    Deployment,
    Known,
    Outcome,
    Phase,
    Plan,
    Receipt,
    Unresolved,
    Way,
)
from certpush.rotation.activate import note
from certpush.rotation.inspect import View, address, inspect
from certpush.rotation.plan import describe
from certpush.rotation.receipts import as_it_is, receipt_for, went_back
from certpush.rotation.rollback import RESCUE_MARGIN, AskedToGoBack, roll_back
from certpush.rotation.rotation import Rotation, as_ours
from certpush.rotation.run import close_quietly
from certpush.rotation.settle import settle_by_leaving, somebody_else_was_there
from certpush.rotation.verify import verify

_NOTHING_THERE = Plan(Action.NOTHING, "nothing to resolve")
_BEFORE = (Known.BEFORE, Known.OWN)


def look_at_unresolved(rotation: Rotation) -> Unresolved | None:
    """What the journal holds open, beside what is there now; None where everything is settled. Changes nothing."""
    try:
        open_records = rotation.journal.unfinished(rotation.name)
        return _seen(rotation, open_records[-1]) if open_records else None
    finally:
        close_quietly(rotation)


def resolve(rotation: Rotation, decision: Decision) -> Receipt:
    """Do what was decided about every open record of this target. Raises nothing but an interruption."""
    receipt = Receipt(rotation.name, Outcome.UNCHANGED, _NOTHING_THERE, seen=bool(rotation.endpoints))
    deed = _accept if decision.way is Way.ACCEPT else _finish
    try:
        with rotation.locks.hold(rotation.name):
            for deployment in rotation.journal.unfinished(rotation.name):
                rotation.tell("resolve", str(decision), deployment)
                receipt = deed(rotation, deployment, decision)
        return receipt
    except Exception as error:  # noqa: BLE001 - as in rotate: a bug ends in a receipt too
        return receipt_for(rotation.name, as_ours(error))
    finally:
        close_quietly(rotation)


def _seen(rotation: Rotation, deployment: Deployment) -> Unresolved:
    held = rotation.escrow.find(deployment.wanted) is not None
    try:
        view = inspect(rotation)
    except CertpushError as error:
        return Unresolved(deployment, problems=(error.message,), key_held=held)
    return Unresolved(
        deployment,
        installed=view.installed,
        served=tuple(view.served.values()),
        known=tuple((one, _known(rotation, deployment, view, one)) for one in view.present),
        problems=tuple(view.silent.values()),
        key_held=held,
    )


def _known(rotation: Rotation, deployment: Deployment, view: View, fingerprint: str) -> Known:
    if fingerprint == deployment.wanted:
        return Known.WANTED
    if fingerprint == deployment.before.fingerprint:
        return Known.BEFORE
    if view.present[fingerprint]:
        return Known.OWN
    return Known.OURS if fingerprint in rotation.journal.ours(rotation.name) else Known.FOREIGN


# --- going back ---


def _finish(rotation: Rotation, deployment: Deployment, decision: Decision) -> Receipt:
    asked = AskedToGoBack(str(decision), earlier=deployment.error)
    if somebody_else_was_there(rotation, deployment, asked):
        raise ForeignCertificate(
            f"{rotation.name}: another certificate was installed since; going back would overwrite it",
            hint=f"certpush resolve {rotation.name} --accept --adopt leaves it there and ends the matter",
        )
    try:
        done, served = roll_back(rotation, deployment, asked)
    except Stranded as stranded:
        return replace(receipt_for(rotation.name, stranded), deployment=deployment.id)
    return went_back(rotation, Plan(Action.PUSH, str(decision), way_back=deployment.way_back), done, served)


# --- accepting ---


def _accept(rotation: Rotation, deployment: Deployment, decision: Decision) -> Receipt:
    view = inspect(rotation)
    fingerprint = _the_one(rotation, deployment, view)
    known = Known.BEFORE if fingerprint is None else _known(rotation, deployment, view, fingerprint)
    if known is Known.WANTED:
        return _accept_wanted(rotation, deployment, decision)
    if known is Known.FOREIGN and not decision.adopt:
        raise ForeignCertificate(
            f"{rotation.name}: a certificate that certpush did not deploy is there ({describe(view, fingerprint or '')})",
            hint=f"certpush resolve {rotation.name} --accept --adopt takes it as what is meant; certpush may replace it when one is due",
        )
    if rotation.kind.self_rescue:
        _disarm(rotation, deployment)
    _refuse_change(rotation, view)
    return _accept_other(rotation, deployment, view, known, decision)


def _the_one(rotation: Rotation, deployment: Deployment, view: View) -> str | None:
    """The one certificate that is there; None where nothing was before, and nothing of ours is now.

    Raises:
        TargetUnreachable: nothing answers where something did before: nobody can say what is served.
        SafetyRefusal: there are several, so that "what is served" says nothing.

    """
    for endpoint, why in view.silent.items():
        if address(endpoint) in deployment.served_before:
            raise TargetUnreachable(
                f"{why}; what nobody sees cannot be accepted",
                hint=f"bring the service up first, or go back with `certpush resolve {rotation.name} --finish`",
            )
    installed = view.installed.fingerprint
    there = {one.fingerprint for one in view.served.values()} | ({installed} if installed else set())
    if installed is None and deployment.before.fingerprint is None and deployment.wanted not in there:
        return None
    if len(there) != 1:
        shown = "; ".join(describe(view, one) for one in sorted(there)) or "nothing at all"
        raise SafetyRefusal(
            f"{rotation.name}: what is installed and what is served is not one certificate ({shown})",
            hint=f"`certpush resolve {rotation.name} --finish` goes back; or make the device serve one of them, and ask again",
        )
    return there.pop()


def _accept_wanted(rotation: Rotation, deployment: Deployment, decision: Decision) -> Receipt:
    """The new certificate is there after all: proven as after any switch, and the device's timer disarmed."""
    bundle = rotation.escrow.find(deployment.wanted)
    if bundle is None:
        raise SafetyRefusal(
            f"{rotation.name}: the new certificate is there, but it left the escrow, so nothing can be held up to it",
            hint=f"`certpush resolve {rotation.name} --finish` goes back to the one before; a backup of the state may have the new one",
        )
    _disarm(rotation, deployment)
    deployment, served = verify(rotation, deployment, bundle)
    done = note(rotation, _accepted(rotation, deployment, decision), str(decision))
    return Receipt(
        rotation.name, Outcome.ROTATED, Plan(Action.NOTHING, str(decision), way_back=done.way_back), was=done.before.fingerprint,
        now=done.wanted, not_after=bundle.not_after, served=served, seen=bool(rotation.endpoints), deployment=done.id,
    )  # fmt: skip


def _accepted(rotation: Rotation, deployment: Deployment, decision: Decision) -> Deployment:
    why = "; ".join(filter(None, (deployment.why, str(decision))))
    return replace(deployment, phase=Phase.CONFIRMED, outcome=Outcome.ROTATED, finished=rotation.clock(), error="", why=why)


def _accept_other(rotation: Rotation, deployment: Deployment, view: View, known: Known, decision: Decision) -> Receipt:
    present = next(iter(view.present), None)
    if known is Known.FOREIGN and present:
        rotation.journal.adopt(rotation.name, present, rotation.clock())
    what = "the certificate before" if known in _BEFORE else "another certificate"
    settle_by_leaving(rotation, deployment, "; ".join(filter(None, (f"{what} {decision}", deployment.error))))
    outcome = Outcome.ROLLED_BACK if known in _BEFORE else Outcome.UNCHANGED
    return as_it_is(rotation, Plan(Action.NOTHING, f"{what} {decision}"), view, outcome, deployment.id)


def _disarm(rotation: Rotation, deployment: Deployment) -> None:
    """A timer of the device that still runs would put the old certificate over what is accepted."""
    if deployment.staged is None:
        return  # nothing arms one before it is written down what was staged
    try:
        with rotation.calling("confirm"):
            rotation.target.confirm(deployment.staged)
    except TargetDrifted:  # it fired, was disarmed before, or guards something else; what it may be doing now is seen afterwards
        rotation.pause(RESCUE_MARGIN)


def _refuse_change(rotation: Rotation, before: View) -> None:
    now = inspect(rotation)
    if (now.present, now.by_address) != (before.present, before.by_address):
        raise TargetDrifted(
            f"{rotation.name}: what is served changed while it was looked at",
            hint=f"the device's own timer, perhaps: look again with `certpush resolve {rotation.name}`",
            target=rotation.name,
        )
