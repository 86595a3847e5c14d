"""How a target stands: what its endpoints serve now, beside what the journal knows. Of a cluster, each member."""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple, Self

from certpush.config import TargetSpec
from certpush.errors import CertpushError, TargetAuthFailed, TargetUnreachable, TrustError
from certpush.model import Installed, Outcome, Phase, Standing, TargetStatus
from certpush.rotation.inspect import View
from certpush.schedule import danger_from, due_at

if TYPE_CHECKING:  # who only looks at an endpoint loads no plugin, and so lists no members
    from certpush.fleet.members import MemberSpec
    from certpush.fleet.opening import Opener
    from certpush.model import CertificateBundle, CertificateSpec, Deployment, Endpoint, Served, Waiting


class _Subject(NamedTuple):
    """Whose status it is: the target itself, or one of its members. ``member`` opens it; None where its endpoints are enough."""

    name: str
    spec: TargetSpec
    certificate: CertificateSpec
    member: MemberSpec | None = None


class _Sight(NamedTuple):
    """What a look showed, and what kept us from asking the target itself, where something did."""

    view: View
    error: CertpushError | None = None


class _Life(NamedTuple):
    """When the certificate that is there begins and ends, and what is to happen between."""

    not_before: datetime | None = None
    not_after: datetime | None = None
    due: datetime | None = None
    danger: datetime | None = None

    @classmethod
    def of(cls, not_before: datetime | None, not_after: datetime, certificate: CertificateSpec) -> Self:
        if not_before is None:
            return cls(None, not_after)
        due = due_at(not_before, not_after, certificate.renew_at, certificate.name)
        return cls(not_before, not_after, due, danger_from(not_before, not_after, certificate.danger_left))


def statuses_of(spec: TargetSpec, opener: Opener, *, failed: Collection[str], remembering: bool = True) -> list[TargetStatus]:
    """Look at one target, or at each of its members in their order; changes nothing, raises nothing for one that does not answer.

    ``failed`` are the names of those that may wait after failures: of the others the journal is not asked for that.
    ``remembering`` is False where the journal cannot be read: what is held is then what should be served.
    """
    if spec.endpoints and spec.verify != "files":  # a handshake needs neither the plugin nor a login, and members have no such endpoints
        return [_status_of(_Subject(spec.name, spec, spec.certificate), opener, failed, remembering=remembering)]
    try:
        members = opener.members(spec)
    except CertpushError as error:
        return [_unlisted(spec, opener, error, failed, remembering=remembering)]
    return [_status_of(_Subject(one.name, spec, one.certificate, one), opener, failed, remembering=remembering) for one in members]


def _unlisted(spec: TargetSpec, opener: Opener, error: CertpushError, failed: Collection[str], *, remembering: bool) -> TargetStatus:
    """Nobody can say now which members there are; what the journal knows of the target and of them is told."""
    known = opener.journal.newest(spec.name)
    lost = next((one for one in known if _lost(one)), None)
    last = lost or next(iter(known), None)
    standing = _lost(last) or _kept_out(error, remembering=remembering)
    waiting = _waiting(spec.name, opener, failed)
    return TargetStatus(spec.name, spec.kind, standing, problems=(_in_words(error),), last=last, waiting=waiting)


def _status_of(subject: _Subject, opener: Opener, failed: Collection[str], *, remembering: bool) -> TargetStatus:
    last = opener.journal.last(subject.name)
    sight = _look(subject, opener)
    view, served, certificate = sight.view, tuple(sight.view.served.values()), subject.certificate
    held = opener.escrow.find(view.installed.fingerprint, first=certificate.name) if view.installed.fingerprint and not served else None
    first = min(served, key=lambda one: one.not_after, default=held)  # the one that ends first
    life = _Life.of(first.not_before, first.not_after, certificate) if first else _Life()
    if remembering:
        last, expected = _expected(subject, opener, last, view)
    else:
        expected = _held(subject, view, opener)
    candidates = [_kept_out(sight.error, remembering=remembering)] if sight.error else []
    if served or sight.error is None:
        candidates.append(_standing(view, expected, opener.clock(), life))
    standing = _lost(last) or min(candidates, key=lambda one: one.rank)
    ours = expected is not None and set(view.present) == {expected.fingerprint}
    return TargetStatus(
        target=subject.name,
        kind=subject.spec.kind,
        standing=standing,
        served=served,
        installed=view.installed.fingerprint,
        problems=(*_problems(sight, standing), *_why_drifted(subject, standing, view, opener)),
        not_before=life.not_before,
        not_after=life.not_after,
        # When somebody else's certificate is due is not for us to say.
        due=life.due if ours else None,
        danger=life.danger if ours else None,
        last=last,
        waiting=_waiting(subject.name, opener, failed),
    )


def _waiting(name: str, opener: Opener, failed: Collection[str]) -> Waiting | None:
    """Why nothing is tried on it unattended just now; what was left half-way does not wait."""
    setback = opener.journal.setbacks.of(name) if name in failed else None
    if setback is None or not setback.holds(opener.clock()) or opener.journal.unfinished(name):
        return None
    from certpush.model import Waiting

    return Waiting(setback.tries, setback.until, setback.error)


def _problems(sight: _Sight, standing: Standing) -> tuple[str, ...]:
    """What a person should hear; that a certificate which is not ours does not lead to our root goes without saying."""
    asked = (_in_words(sight.error),) if sight.error else ()
    silent = () if isinstance(sight.error, TargetUnreachable) and not sight.view.served else sight.view.silent.values()
    wrong = () if standing in (Standing.NEW, Standing.FOREIGN) else sight.view.served.values()
    return (*asked, *silent, *(f"{one.endpoint}: {one.problem}" for one in wrong if one.problem))


def _why_drifted(subject: _Subject, standing: Standing, view: View, opener: Opener) -> tuple[str, ...]:
    """Where our own state is older than what is there, that is no drift that anybody has to mend."""
    if standing is not Standing.DRIFTED or view.silent:
        return ()
    from certpush.rotation.newer import newer_than

    seen, certificate = tuple(view.served.values()), subject.certificate.name
    held = {one.fingerprint for one in seen if opener.escrow.find(one.fingerprint, first=certificate) is not None}
    if newer_than(_current(subject, opener), seen, held) is None:
        return ()
    what = "a certificate of your CA that is newer than this state, which was restored from an older copy, perhaps"
    return (f"{what}\nthe next run takes it for its own until it is due; at once: certpush renew {subject.spec.name}",)


def _in_words(error: CertpushError) -> str:
    return f"{error.message}\n{error.hint}" if error.hint else error.message


def _kept_out(error: CertpushError, *, remembering: bool) -> Standing:
    """How a target stands that could not be asked."""
    if isinstance(error, TrustError):  # what a person pinned stands in the journal
        return Standing.UNTRUSTED if remembering else Standing.UNKNOWN
    if isinstance(error, TargetAuthFailed):
        return Standing.LOGIN_REFUSED
    return Standing.UNREACHABLE if isinstance(error, TargetUnreachable) else Standing.UNKNOWN


class _Ours(NamedTuple):
    """What should be there after the last deployment that counts; None: nothing. ``rooted``: we know the root it must lead to."""

    fingerprint: str | None
    rooted: bool = True


def _expected(subject: _Subject, opener: Opener, last: Deployment | None, view: View) -> tuple[Deployment | None, _Ours | None]:
    """That deployment, and what should be there since; None where no deployment came to its end yet."""
    own = None
    if last is not None and opener.journal.last(subject.name, outcome=Outcome.ROTATED) is not None:
        own = _Ours(last.there_since)
    if last is not None and not last.phase.settled and view.present.keys() == {last.wanted}:
        own = _Ours(last.wanted)  # a run is switching to it right now, or died there: it is ours in any case
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


def _held(subject: _Subject, view: View, opener: Opener) -> _Ours | None:
    """What should be there by what we hold, where nobody remembers what was deployed; without that only its time can be judged."""
    current = _current(subject, opener)
    if current is not None:
        return _Ours(current.fingerprint)
    return next((_Ours(one, rooted=False) for one in view.present), None)


def _current(subject: _Subject, opener: Opener) -> CertificateBundle | None:
    return opener.escrow.current(subject.certificate.name) or opener.escrow.current(subject.spec.certificate.name)


def _look(subject: _Subject, opener: Opener) -> _Sight:
    roots = opener.escrow.roots(subject.certificate.name) or opener.escrow.roots(subject.spec.certificate.name)
    installed, endpoints, error = Installed(None), subject.spec.endpoints, None
    if subject.member is not None:
        installed, endpoints, error = _asked(subject, subject.member, opener)
    served: dict[Endpoint, Served] = {}
    silent: dict[Endpoint, str] = {}
    for endpoint in endpoints:
        try:
            served[endpoint] = opener.look(endpoint, roots, opener.clock())
        except CertpushError as silence:
            silent[endpoint] = silence.message
    return _Sight(View(installed, served, silent), error)


def _asked(subject: _Subject, member: MemberSpec, opener: Opener) -> tuple[Installed, tuple[Endpoint, ...], CertpushError | None]:
    """What the target itself says is installed, where to look at it, and why it could not be asked."""
    from certpush.fleet.wishes import Wishes
    from certpush.rotation.run import close_quietly

    try:
        rotation = opener.rotation(subject.spec, member, Wishes())
    except CertpushError as error:
        return Installed(None), (), error
    try:
        return rotation.ask("inspect", rotation.target.inspect, Installed), rotation.endpoints, None
    except CertpushError as error:  # it may be seen nevertheless: a handshake needs no login
        return Installed(None), rotation.endpoints, error
    finally:
        close_quietly(rotation)


def _lost(last: Deployment | None) -> Standing | None:
    return Standing.STRANDED if last is not None and last.phase is Phase.STRANDED else None


def _standing(view: View, expected: _Ours | None, now: datetime, life: _Life) -> Standing:  # noqa: PLR0911 - a list of cases, worst first, reads best one a line
    if view.silent:
        return Standing.UNREACHABLE
    if expected is None:
        return Standing.NEW if all(view.present.values()) else Standing.FOREIGN
    if not view.present:
        return Standing.DRIFTED
    if any(fingerprint != expected.fingerprint for fingerprint in view.present):
        return Standing.DRIFTED
    if life.not_after is None or life.due is None or life.danger is None:
        return Standing.OK
    if now >= life.not_after:
        return Standing.EXPIRED
    if expected.rooted and any(not one.chain_ok for one in view.served.values()):
        return Standing.DRIFTED  # the leaf is ours, but not all of what was deployed with it
    if now >= life.danger:
        return Standing.DANGER
    return Standing.DUE if now >= life.due else Standing.OK
