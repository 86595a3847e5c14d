"""Decide what to do about a target. Pure: what is seen, known and wanted goes in, a plan comes out."""

from __future__ import annotations

from collections.abc import Container
from dataclasses import replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from certpush.errors import ClockSkew, ForeignCertificate, NoWayBack
from certpush.kit.settings import format_duration
from certpush.model import (
    Action,
    CertificateBundle,
    CertificateSpec,
    Endpoint,
    Plan,
    Served,
    WayBack,
    WayBackKind,
    name_covers,
)
from certpush.records import record
from certpush.rotation.inspect import View, command_to_see
from certpush.rotation.newer import newer_than
from certpush.rotation.waiting import too_late_next_time, waiting
from certpush.schedule import danger_from, due_at
from certpush.target import KeyOrigin, Reversible, TargetKind

if TYPE_CHECKING:  # most targets have none
    from certpush.window import Window

# The CA dates a certificate back by a minute or more, and rounds; less than this is no other lifetime.
_LIFETIME_SLACK = timedelta(minutes=10)
_SKEW = timedelta(seconds=30)  # by so much the CA's clock may be ahead of ours when it signs
NOT_IN_PLACE = "the certificate we hold is good, but not in place"


@record(frozen=True, kw_only=True)
class Situation:
    """All that a plan is made from."""

    now: datetime
    target: str
    """Its name as a person writes it; of a member, the whole's."""
    kind: TargetKind[Any]
    spec: CertificateSpec
    endpoints: tuple[Endpoint, ...]
    view: View
    current: CertificateBundle | None
    """The newest certificate that we hold."""
    ours: frozenset[str]
    """Fingerprints of what certpush deployed to this target, or a person gave into its hands."""
    held: Container[str]
    """Fingerprints whose key we hold, so that we can put them back."""
    changes: tuple[str, ...]
    rescue_after: timedelta
    anchors: frozenset[str] = frozenset()
    """Fingerprints of the roots that the configured CA is known by; empty: not known."""
    window: Window | None = None
    """When it may be switched; None: at any time."""
    confirmed: frozenset[str] = frozenset()
    """Fingerprints that this target served once, by our own look: bringing one of them back waits for no window."""
    lives: tuple[tuple[datetime, datetime], ...] = ()
    """From when until when what is there of ours lives."""
    force: bool = False
    adopt: bool = False
    """A foreign certificate may be taken over now."""


def make_plan(situation: Situation) -> Plan:
    """Say what is to be done, why, what changes, and how to come back."""
    foreseen = _impossible(situation) or _behind(situation) or _nothing_due(situation) or _newer(situation) or _foreign(situation)
    return foreseen or _in_its_window(situation, _rotation(situation))


def due(spec: CertificateSpec, bundle: CertificateBundle) -> datetime:
    """From when this certificate is to be replaced."""
    return due_at(bundle.not_before, bundle.not_after, spec.renew_at, spec.name)


def _impossible(situation: Situation) -> Plan | None:
    request, kind = situation.spec.request, situation.kind
    if request.key not in kind.accepted_keys:
        accepted = ", ".join(sorted(kind.accepted_keys))
        return Plan(Action.REFUSE, f"{kind.name} does not take {request.key} keys", hint=f"set key to one of: {accepted}")
    if kind.key_origin is KeyOrigin.DEVICE:
        return Plan(Action.REFUSE, f"{kind.name} makes keys on the device, which this certpush cannot use yet", hint="upgrade certpush")
    for endpoint in situation.endpoints:
        if not name_covers(request.names, endpoint.name):
            return Plan(
                Action.REFUSE,
                f"the certificate would not cover {endpoint.name}, where it is served",
                hint=f'add "{endpoint.name}" to names, or write the endpoint as "{endpoint}#NAME" with a name that is covered',
            )
    return None


def _behind(situation: Situation) -> Plan | None:
    """What we hold was valid when it came: where it is not yet, our clock was set back, and no target is to suffer for that."""
    current, now = situation.current, situation.now
    if current is None or current.not_before <= now + _SKEW:
        return None
    begins = f"{current.not_before:%Y-%m-%d %H:%M:%S}"
    return Plan(
        Action.REFUSE,
        f"this machine's clock was set back: here it is {now:%Y-%m-%d %H:%M:%S} UTC, and the certificate that we hold begins {begins} UTC",
        hint="set this machine's clock, and keep it right (timedatectl set-ntp true); nothing was touched",
        refusal=ClockSkew,
    )


def _nothing_due(situation: Situation) -> Plan | None:
    current = situation.current
    if current is None or _why_obtain(situation) or not _in_place(situation, current.fingerprint):
        return None
    return nothing_due(situation.spec, current, situation.now)


def nothing_due(spec: CertificateSpec, current: CertificateBundle, now: datetime) -> Plan:
    """The plan for a target that serves what it should, for a while yet."""
    return Plan(Action.NOTHING, f"{_left(current.not_after, now)} left, due in {_left(due(spec, current), now)}")


def _in_place(situation: Situation, fingerprint: str) -> bool:
    view = situation.view
    everywhere = not view.silent and all(one.fingerprint == fingerprint and one.chain_ok for one in view.served.values())
    return everywhere and view.installed.fingerprint == fingerprint


def newer_than_known(situation: Situation) -> Served | None:
    """What is in place where our own state is older than reality, as after it was restored from an old copy; None mostly.

    That is a certificate of the same CA for the same subject, newer than all that we hold, where
    we deployed before. To push the older one over it would be a step back.
    """
    view = situation.view
    if view.silent or not situation.ours:
        return None
    newer = newer_than(situation.current, tuple(view.served.values()), situation.held)
    return newer if newer and view.installed.fingerprint == newer.fingerprint else None


def due_of(spec: CertificateSpec, served: Served) -> datetime:
    """From when what is served is to be replaced."""
    return due_at(served.not_before or served.not_after, served.not_after, spec.renew_at, spec.name)


def _newer(situation: Situation) -> Plan | None:
    """Leave it where it is until it is due; then it is replaced as any other of ours."""
    found = newer_than_known(situation)
    if found is None or _why_obtain(situation, found):
        return None
    left, in_ = (_left(when, situation.now) for when in (found.not_after, due_of(situation.spec, found)))
    return Plan(Action.NOTHING, f"newer than what this state knew of, and taken for ours: {left} left, due in {in_}", found=found)


def _foreign(situation: Situation) -> Plan | None:
    found = newer_than_known(situation)
    if situation.adopt:
        return None
    for fingerprint, own in situation.view.present.items():
        if not own and fingerprint not in situation.ours and (found is None or fingerprint != found.fingerprint):
            return Plan(
                Action.REFUSE,
                f"a certificate that certpush did not deploy is there ({describe(situation.view, fingerprint)})",
                hint=_how_to_take_over(situation, fingerprint),
                refusal=ForeignCertificate,
            )
    return None


def _how_to_take_over(situation: Situation, fingerprint: str) -> str:
    take_over = f"`certpush deploy {situation.target} --adopt` takes it over"
    at = next((one.endpoint for one in situation.view.served.values() if one.fingerprint == fingerprint), None)
    return f"`{command_to_see(at)}` shows it; {take_over}" if at else take_over


def _rotation(situation: Situation) -> Plan:
    way_back = _way_back(situation)
    if way_back.kind is WayBackKind.NONE:
        never = situation.kind.reversible is Reversible.NEVER
        hand_over = "--adopt --previous CERT KEY hands us the present pair, as the way back"
        return Plan(Action.REFUSE, way_back.text, hint="replace this certificate by hand" if never else hand_over, refusal=NoWayBack)
    why = _why_obtain(situation, newer_than_known(situation))
    if why:
        return Plan(Action.OBTAIN, why, situation.changes, way_back)
    current = situation.current
    already = current is not None and situation.view.installed.fingerprint == current.fingerprint
    if already:
        return Plan(Action.ACTIVATE, "installed, but not what is served", situation.changes, way_back)
    return Plan(Action.PUSH, NOT_IN_PLACE, situation.changes, way_back)


def _in_its_window(situation: Situation, plan: Plan) -> Plan:
    current, danger_left = situation.current, situation.spec.danger_left
    back = plan.action is not Action.OBTAIN and current is not None and current.fingerprint in situation.confirmed
    wait = waiting(situation.window, min((danger_from(*life, danger_left) for life in situation.lives), default=None), situation.now)
    if wait is None or back or plan.action is Action.REFUSE:
        return plan
    why = f"{plan.why}; {wait.text}"
    return Plan(Action.WAIT, why) if wait.until else replace(plan, why=why)


def _why_obtain(situation: Situation, found: Served | None = None) -> str:
    """Why a new certificate is needed; empty when the one we hold, or the newer one that was ``found`` in place, will do."""
    if situation.force:
        return "forced"
    window, anchors = situation.window, situation.anchors
    return why_due(situation.spec, situation.current, situation.now, window=window, anchors=anchors, found=found)


def why_due(
    spec: CertificateSpec,
    current: CertificateBundle | None,
    now: datetime,
    *,
    window: Window | None,
    anchors: frozenset[str],
    found: Served | None = None,
) -> str:
    """Why a new certificate is needed although nobody forces one; empty when the one we hold, or was ``found`` in place, will do."""
    if current is None:
        return "first certificate"
    other = changed(spec, current, anchors)
    if other:
        return other
    ends, from_when = (found.not_after, due_of(spec, found)) if found else (current.not_after, due(spec, current))
    if now >= ends:
        return f"expired on {ends:%Y-%m-%d %H:%M} UTC"
    if now >= from_when:
        return f"due: {_left(ends, now)} left"
    return "" if found else too_late_next_time(window, spec, current, now)


def changed(spec: CertificateSpec, current: CertificateBundle, anchors: frozenset[str]) -> str:
    """In what the certificate is not what is configured; empty where it is, so that the CA may give the same once more."""
    request = spec.request
    if anchors and anchors.isdisjoint(current.root_fingerprints):
        return "another CA is configured"
    if set(current.names) != set(request.names):
        return "other names are configured"
    if current.key.spec != request.key:
        return f"another key is configured: {request.key} instead of {current.key.spec}"
    if request.lifetime is not None:
        has = current.not_after - current.not_before
        if abs(has - request.lifetime) > _LIFETIME_SLACK + request.lifetime / 100:
            return f"another lifetime is configured: {format_duration(request.lifetime)}"
    return ""


def _way_back(situation: Situation) -> WayBack:
    kind, present = situation.kind, situation.view.present
    alone = f"; the device reverts by itself after {format_duration(situation.rescue_after)}" if kind.self_rescue else ""
    if kind.reversible is Reversible.NEVER:
        return WayBack(WayBackKind.NONE, f"{kind.name} has no way back")
    if not present:
        return WayBack(WayBackKind.EXACT, f"nothing is installed yet, the new certificate would be removed{alone}")
    if kind.reversible is Reversible.KEEPS_PREVIOUS:
        return WayBack(WayBackKind.EXACT, f"the previous certificate stays on the target{alone}")
    if _holds_what_to_go_back_to(situation):
        return WayBack(WayBackKind.EXACT, f"the previous pair is kept by certpush{alone}")
    if kind.fallback:
        return WayBack(WayBackKind.FALLBACK, f"{kind.fallback}{alone}")
    return WayBack(WayBackKind.NONE, "there would be no way back: the previous key is not in our hands")


def _holds_what_to_go_back_to(situation: Situation) -> bool:
    """Whether the pair that would be put back is in escrow; a device's own certificate never is."""
    present, installed = situation.view.present, situation.view.installed.fingerprint
    foreign = [fingerprint for fingerprint, own in present.items() if not own]
    to_put_back = [installed] if installed else foreign
    return bool(foreign) and all(fingerprint in situation.held for fingerprint in (*foreign, *to_put_back))


def describe(view: View, fingerprint: str) -> str:
    """Name a certificate so that a person recognises it."""
    for one in view.served.values():
        if one.fingerprint == fingerprint:
            return f"{one.subject or 'no subject'}, issued by {one.issuer or 'nobody'}, sha256 {fingerprint[:16]}"
    return f"sha256 {fingerprint[:16]}"


def _left(not_after: datetime, now: datetime) -> str:
    return format_duration(_whole_minutes(not_after - now))


def _whole_minutes(length: timedelta) -> timedelta:
    seconds = max(int(length.total_seconds()), 0)
    if seconds >= 48 * 3600:
        return timedelta(days=seconds // 86400)
    return timedelta(seconds=seconds - seconds % 60 if seconds >= 60 else seconds)
