"""The conductor: one target from a look to a receipt. Reads as the list of what happens."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import datetime

from certpush.errors import (
    CertpushError,
    ClockSkew,
    ConfigError,
    PreflightFailed,
    SafetyRefusal,
    Stranded,
    TargetRefused,
)
from certpush.model import (
    Action,
    CertificateBundle,
    Deployment,
    Finding,
    Outcome,
    Phase,
    Plan,
    Receipt,
    Severity,
    WayBack,
    WayBackKind,
)
from certpush.records import record
from certpush.rotation.activate import activate
from certpush.rotation.confirm import confirm
from certpush.rotation.insist import verify_or_insist
from certpush.rotation.inspect import View, inspect
from certpush.rotation.plan import Situation, due, due_of, make_plan
from certpush.rotation.provide import provide
from certpush.rotation.receipts import as_it_is, outcome_of, receipt_for
from certpush.rotation.rollback import roll_back
from certpush.rotation.rotation import Rotation, as_ours
from certpush.rotation.settle import settle
from certpush.rotation.stage import stage

_log = logging.getLogger(__name__)
_REFUSALS: Mapping[str, type[SafetyRefusal | TargetRefused]] = {"rights": TargetRefused, "node": TargetRefused, "clock-skew": ClockSkew}
"""By the codes of findings: what the target itself would answer, and what has an error of its own."""
HoldBack = Callable[[View, Plan], CertpushError | None]
"""A reason not to do what the plan says; None where there is none."""


def rotate(rotation: Rotation) -> Receipt:
    """Do what the plan says, or leave (or bring) everything back where it was. Raises nothing but an interruption."""
    try:
        with rotation.locks.hold(rotation.name):
            settle(rotation)
            return look_and_rotate(rotation)
    except Exception as error:  # noqa: BLE001 - one target's bug must not end the rotation of the others
        return receipt_for(rotation.name, as_ours(error))
    finally:
        close_quietly(rotation)


def settle_only(rotation: Rotation) -> Receipt:
    """Bring what an earlier run left to its end, and rotate nothing."""
    try:
        with rotation.locks.hold(rotation.name):
            settle(rotation)
        return Receipt(rotation.name, Outcome.UNCHANGED, Plan(Action.NOTHING, "settled"))
    except Exception as error:  # noqa: BLE001 - as above
        return receipt_for(rotation.name, as_ours(error))
    finally:
        close_quietly(rotation)


def foresee(rotation: Rotation) -> Receipt:
    """The plan alone: changes nothing, neither here nor there."""
    try:
        view = inspect(rotation)
        _refuse_other_pair(rotation, view)
        plan = plan_for(rotation, view)
        findings = _preflight(rotation) if plan.action not in (Action.NOTHING, Action.REFUSE) else ()
        refusal = _refusal(rotation, plan, findings)
        return replace(_unchanged(rotation, view, plan), findings=(*_unfinished(rotation), *findings), error=refusal)
    except Exception as error:  # noqa: BLE001 - as above
        return receipt_for(rotation.name, as_ours(error))
    finally:
        close_quietly(rotation)


def look_and_rotate(rotation: Rotation, *, hold_back: HoldBack = lambda _view, _plan: None) -> Receipt:
    """Look, plan, and do it, unless ``hold_back`` gives a reason not to; the lock is held, and nothing is unsettled."""
    view = inspect(rotation)
    _keep_handed_over(rotation, view)
    plan = plan_for(rotation, view)
    if plan.action in (Action.NOTHING, Action.WAIT):
        _take_for_ours(rotation, view, plan)
        return _unchanged(rotation, view, plan)
    held_back = hold_back(view, plan)
    findings = _preflight(rotation) if held_back is None and plan.action is not Action.REFUSE else ()
    refusal = held_back or _refusal(rotation, plan, findings)
    if refusal:
        return _not_begun(rotation, view, plan, findings, refusal)
    try:
        obtained = provide(rotation, plan)
    except CertpushError as error:  # the look is told, too: nothing has changed since
        return _not_begun(rotation, view, plan, findings, error)
    _record_adoption(rotation, view)
    if obtained.note:
        plan = replace(plan, why=f"{plan.why}; {obtained.note}")
    return _deploy(rotation, view, plan, obtained.bundle, findings)


def _deploy(rotation: Rotation, view: View, plan: Plan, bundle: CertificateBundle, findings: tuple[Finding, ...]) -> Receipt:
    rotation.stop_here_if_asked()
    deployment = _intend(rotation, view, plan, bundle)
    try:
        deployment = stage(rotation, deployment, bundle)
        deployment = activate(rotation, deployment, bundle)
        deployment, served = verify_or_insist(rotation, deployment, bundle)
        deployment = confirm(rotation, deployment, bundle)
    except Exception as error:  # noqa: BLE001 - a bug of ours must not leave a target half-way either
        return _went_back(rotation, deployment, as_ours(error), Receipt(rotation.name, Outcome.ROLLED_BACK, plan, findings=findings))
    _tidy(rotation, deployment)
    rotation.tell("done", deployment=deployment)
    return Receipt(
        rotation.name,
        Outcome.ROTATED,
        plan,
        was=deployment.before.fingerprint,
        now=bundle.fingerprint,
        not_after=bundle.not_after,
        served=served,
        seen=bool(rotation.endpoints),
        deployment=deployment.id,
        findings=findings,
        due=due(rotation.spec, bundle),
    )


def _went_back(rotation: Rotation, deployment: Deployment, cause: CertpushError, receipt: Receipt) -> Receipt:
    before = deployment.before.fingerprint
    receipt = replace(receipt, was=before, now=before, error=cause, deployment=deployment.id, seen=bool(rotation.endpoints))
    try:
        _, served = roll_back(rotation, deployment, cause)
    except Stranded as stranded:
        return replace(receipt, outcome=Outcome.STRANDED, now=None, error=stranded)
    rotation.tell("rolled back", cause.message, deployment)
    if not served:
        return receipt
    return replace(receipt, served=served, now=served[0].fingerprint, not_after=served[0].not_after)


def _intend(rotation: Rotation, view: View, plan: Plan, bundle: CertificateBundle) -> Deployment:
    """Write down what is about to happen, durably, with everything that the way back needs."""
    deployment = replace(_record(rotation, view, bundle.fingerprint, plan.way_back), why=plan.why, not_after=bundle.not_after)
    rotation.journal.begin(deployment)
    return deployment


def _record(rotation: Rotation, view: View, wanted: str, way_back: WayBack) -> Deployment:
    return Deployment(
        id=secrets.token_hex(8),
        target=rotation.name,
        certificate=rotation.spec.name,
        before=view.installed,
        wanted=wanted,
        phase=Phase.INTENT,
        way_back=way_back,
        served_before=view.by_address,
        started=rotation.clock(),
    )


def plan_for(rotation: Rotation, view: View) -> Plan:
    """The plan for what was just seen; changes nothing."""
    rotation.tell("plan")
    deployed, ours = rotation.journal.deployed(rotation.name), rotation.journal.ours(rotation.name)
    with rotation.calling("changes"):
        changes = tuple(rotation.target.changes(rotation.spec.request))
    return make_plan(
        Situation(
            now=rotation.clock(),
            target=rotation.name.partition("/")[0],
            kind=rotation.kind,
            spec=rotation.spec,
            endpoints=rotation.endpoints,
            view=view,
            current=rotation.escrow.current(rotation.spec.name),
            ours=ours,
            held=_Held(rotation),
            changes=(*changes, *(f"pinned by {one}: tell them" for one in rotation.pinned_by)),
            rescue_after=rotation.rescue_after,
            window=rotation.window,
            anchors=rotation.anchors,
            confirmed=rotation.journal.confirmed(rotation.name),
            lives=_lives(rotation, view, ours) if rotation.window else (),
            force=rotation.force,
            adopt=rotation.adopt or (rotation.adopt_first and not deployed),
        )
    )


def _lives(rotation: Rotation, view: View, ours: frozenset[str]) -> tuple[tuple[datetime, datetime], ...]:
    """From when until when what is there of ours lives; what nobody serves is known to us where we hold it."""
    seen = tuple((one.not_before, one.not_after) for one in view.served.values() if one.not_before and one.fingerprint in ours)
    installed = view.installed.fingerprint
    held = rotation.escrow.find(installed, first=rotation.spec.name) if installed and not seen else None
    return ((held.not_before, held.not_after),) if held else seen


@record(frozen=True, slots=True)
class _Held:
    """The certificates whose keys we hold. Mostly nobody asks, and what is not ours is looked for in each certificate's folder."""

    rotation: Rotation

    def __contains__(self, fingerprint: object) -> bool:
        previous, spec = self.rotation.previous, self.rotation.spec
        handed_over = previous is not None and previous.fingerprint == fingerprint
        return handed_over or self.rotation.escrow.find(str(fingerprint), first=spec.name) is not None


def _unfinished(rotation: Rotation) -> tuple[Finding, ...]:
    return tuple(
        Finding(Severity.WARNING, "unfinished", f"an earlier run stopped in the phase {one.phase}; it is brought to its end first")
        for one in rotation.journal.unfinished(rotation.name)
    )


def _preflight(rotation: Rotation) -> tuple[Finding, ...]:
    rotation.tell("preflight")
    with rotation.calling("preflight"):
        return tuple(rotation.target.preflight(rotation.spec.request))


def _refusal(rotation: Rotation, plan: Plan, findings: tuple[Finding, ...]) -> CertpushError | None:
    """Why a rotation must not begin; None when it may."""
    if plan.action is Action.REFUSE:
        return (plan.refusal or SafetyRefusal)(f"{rotation.name}: {plan.why}", hint=plan.hint)
    for finding in findings:
        if finding.severity is Severity.ERROR:
            refusal = _REFUSALS.get(finding.code, PreflightFailed)
            return refusal(f"{rotation.name}: {finding.message}", hint=finding.hint)
    return None


def _keep_handed_over(rotation: Rotation, view: View) -> None:
    """Take the administrator's own pair into escrow, once it is the one that is there."""
    _refuse_other_pair(rotation, view)
    if rotation.previous is not None:
        rotation.escrow.store(rotation.spec.name, rotation.previous, current=False)


def _refuse_other_pair(rotation: Rotation, view: View) -> None:
    if rotation.previous is not None and rotation.previous.fingerprint not in view.present:
        raise ConfigError(
            f"{rotation.name}: the pair given with --previous is not the certificate that is there",
            hint="give the certificate and key that the target uses now",
        )


def _take_for_ours(rotation: Rotation, view: View, plan: Plan) -> None:
    """Write down, once, that a newer certificate is in place than this state knew of: from now on it is the one that should be there."""
    if plan.found is None or plan.found.fingerprint in rotation.journal.ours(rotation.name):
        return
    rotation.tell("warning", plan.why)
    unknown = WayBack(WayBackKind.NONE, "what was there before is not known: this state is older than what was found")
    found = _record(rotation, view, plan.found.fingerprint, unknown)
    rotation.journal.begin(
        replace(
            found,
            phase=Phase.CONFIRMED,
            finished=found.started,
            why="found in place: newer than what this state knew of",
            outcome=Outcome.ROTATED,
            not_after=plan.found.not_after,
        )
    )


def _record_adoption(rotation: Rotation, view: View) -> None:
    known = rotation.journal.ours(rotation.name)
    for fingerprint, own in view.present.items():
        if not own and fingerprint not in known:
            rotation.journal.adopt(rotation.name, fingerprint, rotation.clock())


def _tidy(rotation: Rotation, deployment: Deployment) -> None:
    """Clear up what nothing needs any more; failing at that is told, and alters nothing."""
    keep = {deployment.wanted, deployment.before.fingerprint} - {None}
    try:
        with rotation.calling("tidy"):
            rotation.target.tidy(frozenset(one for one in keep if one))
        name = rotation.spec.name
        rotation.escrow.prune(name, rotation.journal.needed(name, rotation.escrow.superseded(name)))
    except CertpushError as error:
        rotation.tell("warning", f"leftovers could not be removed: {error.message}", deployment)


def _unchanged(rotation: Rotation, view: View, plan: Plan) -> Receipt:
    receipt = as_it_is(rotation, plan, view)
    held = rotation.escrow.find(receipt.now, first=rotation.spec.name) if receipt.now and not receipt.served else None
    return replace(receipt, not_after=held.not_after if held else receipt.not_after, due=_due(rotation, plan))


def _due(rotation: Rotation, plan: Plan) -> datetime | None:
    if plan.found is not None:
        return due_of(rotation.spec, plan.found)
    ours = rotation.escrow.current(rotation.spec.name) if plan.action is Action.NOTHING else None
    return due(rotation.spec, ours) if ours else None


def _not_begun(rotation: Rotation, view: View, plan: Plan, findings: tuple[Finding, ...], error: CertpushError) -> Receipt:
    return replace(_unchanged(rotation, view, plan), outcome=outcome_of(error), error=error, findings=findings)


def close_quietly(rotation: Rotation) -> None:
    """Give the target's connections back; failing at that is logged and alters nothing."""
    try:
        with rotation.calling("close"):
            rotation.target.close()
    except CertpushError as error:
        _log.warning("%s: closing failed: %s", rotation.name, error.message)
