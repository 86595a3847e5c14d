"""How a target stands: what its endpoints serve now, beside what the journal knows. Of a cluster, each member."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING

from certpush.config import TargetSpec
from certpush.errors import CertpushError
from certpush.fleet.opening import Opener, Wishes
from certpush.model import CertificateSpec, Deployment, Endpoint, Installed, Outcome, Phase, Served, Standing, TargetStatus
from certpush.rotation.inspect import View
from certpush.schedule import danger_from, due_at

if TYPE_CHECKING:  # who only looks at an endpoint loads no plugin, and so lists no members
    from certpush.fleet.members import MemberSpec

_OURS = (Standing.OK, Standing.DUE, Standing.DANGER, Standing.EXPIRED)


@dataclass(frozen=True, slots=True)
class _Subject:
    """Whose status it is: the target itself, or one of its members. ``member`` opens it; None where its endpoints are enough."""

    name: str
    spec: TargetSpec
    certificate: CertificateSpec
    member: MemberSpec | None = None


def statuses_of(spec: TargetSpec, opener: Opener) -> list[TargetStatus]:
    """Look at one target, or at each of its members in their order; changes nothing, raises nothing for one that does not answer."""
    if spec.endpoints and spec.verify != "files":  # a handshake needs neither the plugin nor a login, and members have no such endpoints
        return [_status_of(_Subject(spec.name, spec, spec.certificate), opener)]
    try:
        members = opener.members(spec)
    except CertpushError as error:
        return [_unlisted(spec, opener, error)]
    return [_status_of(_Subject(one.name, spec, one.certificate, one), opener) for one in members]


def _unlisted(spec: TargetSpec, opener: Opener, error: CertpushError) -> TargetStatus:
    """Nobody can say now which members there are; what the journal knows of the target and of them is told."""
    known = opener.journal.newest(spec.name)
    lost = next((one for one in known if _lost(one)), None)
    last = lost or next(iter(known), None)
    return TargetStatus(spec.name, spec.kind, _lost(last) or Standing.UNREACHABLE, problems=(error.message,), last=last)


def _status_of(subject: _Subject, opener: Opener) -> TargetStatus:
    last, kind = opener.journal.last(subject.name), subject.spec.kind
    try:
        view = _look(subject, opener)
    except CertpushError as error:
        return TargetStatus(subject.name, kind, _lost(last) or Standing.UNREACHABLE, problems=(error.message,), last=last)
    served, certificate = tuple(view.served.values()), subject.certificate
    held = opener.escrow.find(view.installed.fingerprint) if view.installed.fingerprint and not served else None
    first = min(served, key=lambda one: one.not_after, default=held)  # the one that ends first
    not_before, not_after = (first.not_before, first.not_after) if first else (None, None)
    due = due_at(not_before, not_after, certificate.renew_at, certificate.name) if not_before and not_after else None
    last, expected = _expected(subject, opener, last, view)
    standing = _lost(last) or _standing(certificate, view, expected, opener.clock(), (not_before, not_after, due))
    if standing not in _OURS:
        due = None  # when somebody else's certificate is due is not for us to say
    return TargetStatus(
        target=subject.name,
        kind=kind,
        standing=standing,
        served=served,
        installed=view.installed.fingerprint,
        problems=_problems(view, standing),
        not_after=not_after,
        due=due,
        last=last,
    )


def _problems(view: View, standing: Standing) -> tuple[str, ...]:
    """What a person should hear; that a certificate which is not ours does not lead to our root goes without saying."""
    wrong = () if standing in (Standing.NEW, Standing.FOREIGN) else view.served.values()
    return (*view.silent.values(), *(f"{one.endpoint}: {one.problem}" for one in wrong if one.problem))


@dataclass(frozen=True, slots=True)
class _Ours:
    """What should be there after the last deployment that counts; None: nothing."""

    fingerprint: str | None


def _expected(subject: _Subject, opener: Opener, last: Deployment | None, view: View) -> tuple[Deployment | None, _Ours | None]:
    """That deployment, and what should be there since; None where no deployment came to its end yet."""
    own = None
    if last is not None and opener.journal.last(subject.name, outcome=Outcome.ROTATED) is not None:
        own = _Ours(last.wanted if last.outcome is Outcome.ROTATED else last.before.fingerprint)
    if own is None or view.present.keys() != {own.fingerprint}:
        inherited = _inherited(subject, opener, last, view)
        if inherited is not None:
            return inherited, _Ours(inherited.wanted)
    return last, own


def _inherited(subject: _Subject, opener: Opener, last: Deployment | None, view: View) -> Deployment | None:
    """What a member still has from when the target stood alone, or the target from when it was a member."""
    alone = subject.name == subject.spec.name
    for one in opener.journal.newest(subject.spec.name):
        if last is not None and one.id == last.id:
            return None  # what is older does not count any more
        if (one.target != subject.spec.name) is alone and one.outcome is Outcome.ROTATED and view.present.keys() == {one.wanted}:
            return one
    return None


def _look(subject: _Subject, opener: Opener) -> View:
    current = opener.escrow.current(subject.certificate.name) or opener.escrow.current(subject.spec.certificate.name)
    roots = current.roots if current else ()
    installed, endpoints = _asked(subject, subject.member, opener) if subject.member else (Installed(None), subject.spec.endpoints)
    served: dict[Endpoint, Served] = {}
    silent: dict[Endpoint, str] = {}
    for endpoint in endpoints:
        try:
            served[endpoint] = opener.look(endpoint, roots, opener.clock())
        except CertpushError as error:
            silent[endpoint] = error.message
    return View(installed, served, silent)


def _asked(subject: _Subject, member: MemberSpec, opener: Opener) -> tuple[Installed, tuple[Endpoint, ...]]:
    """What the target itself says is installed, and where to look at it."""
    from certpush.rotation.run import close_quietly

    rotation = opener.rotation(subject.spec, member, Wishes())
    try:
        return rotation.ask("inspect", rotation.target.inspect, Installed), rotation.endpoints
    finally:
        close_quietly(rotation)


def _lost(last: Deployment | None) -> Standing | None:
    return Standing.STRANDED if last is not None and last.phase is Phase.STRANDED else None


def _standing(  # noqa: PLR0911 - a list of cases, worst first, reads best one a line
    certificate: CertificateSpec,
    view: View,
    expected: _Ours | None,
    now: datetime,
    life: tuple[datetime | None, datetime | None, datetime | None],
) -> Standing:
    not_before, not_after, due = life
    if view.silent:
        return Standing.UNREACHABLE
    if expected is None:
        return Standing.NEW if all(view.present.values()) else Standing.FOREIGN
    if not view.present:
        return Standing.DRIFTED
    if any(fingerprint != expected.fingerprint for fingerprint in view.present):
        return Standing.DRIFTED
    if not_before is None or not_after is None or due is None:
        return Standing.OK
    if now >= not_after:
        return Standing.EXPIRED
    if any(not one.chain_ok for one in view.served.values()):
        return Standing.DRIFTED  # the leaf is ours, but not all of what was deployed with it
    if now >= danger_from(not_before, not_after, certificate.danger_left):
        return Standing.DANGER
    return Standing.DUE if now >= due else Standing.OK
