"""How a target stands: what its endpoints serve now, beside what the journal knows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from certpush.config import TargetSpec
from certpush.errors import CertpushError
from certpush.fleet.opening import Opener, Wishes
from certpush.model import Deployment, Endpoint, Installed, Outcome, Phase, Served, Standing, TargetStatus
from certpush.rotation.inspect import View
from certpush.schedule import danger_from, due_at

_OURS = (Standing.OK, Standing.DUE, Standing.DANGER, Standing.EXPIRED)


def status_of(spec: TargetSpec, opener: Opener) -> TargetStatus:
    """Look at one target; changes nothing, raises nothing for a target that does not answer."""
    last = opener.journal.last(spec.name)
    try:
        view = _look(spec, opener)
    except CertpushError as error:
        return TargetStatus(spec.name, spec.kind, _lost(last) or Standing.UNREACHABLE, problems=(error.message,), last=last)
    served = tuple(view.served.values())
    held = opener.escrow.find(view.installed.fingerprint) if view.installed.fingerprint and not served else None
    first = min(served, key=lambda one: one.not_after, default=held)  # the one that ends first
    not_before, not_after = (first.not_before, first.not_after) if first else (None, None)
    due = due_at(not_before, not_after, spec.certificate.renew_at, spec.certificate.name) if not_before and not_after else None
    standing = _lost(last) or _standing(spec, view, _Known(last, _rotated(spec, opener)), opener.clock(), (not_before, not_after, due))
    if standing not in _OURS:
        due = None  # when somebody else's certificate is due is not for us to say
    return TargetStatus(
        target=spec.name,
        kind=spec.kind,
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
class _Known:
    """What the journal knows: the last deployment, and whether any ever came to its end."""

    last: Deployment | None
    rotated: bool


def _rotated(spec: TargetSpec, opener: Opener) -> bool:
    return opener.journal.last(spec.name, outcome=Outcome.ROTATED) is not None


def _look(spec: TargetSpec, opener: Opener) -> View:
    current = opener.escrow.current(spec.certificate.name)
    roots = current.roots if current else ()
    installed, endpoints = Installed(None), spec.endpoints
    if not endpoints or spec.verify == "files":
        # Only here is the target itself asked; a handshake needs no login.
        from certpush.rotation.run import close_quietly

        name, settings = opener.members(spec)[0]
        rotation = opener.rotation(spec, name, settings, Wishes())
        endpoints = rotation.endpoints
        try:
            installed = rotation.ask("inspect", rotation.target.inspect, Installed)
        finally:
            close_quietly(rotation)
    served: dict[Endpoint, Served] = {}
    silent: dict[Endpoint, str] = {}
    for endpoint in endpoints:
        try:
            served[endpoint] = opener.look(endpoint, roots, opener.clock())
        except CertpushError as error:
            silent[endpoint] = error.message
    return View(installed, served, silent)


def _lost(last: Deployment | None) -> Standing | None:
    return Standing.STRANDED if last is not None and last.phase is Phase.STRANDED else None


def _standing(  # noqa: PLR0911 - a list of cases, worst first, reads best one a line
    spec: TargetSpec,
    view: View,
    known: _Known,
    now: datetime,
    life: tuple[datetime | None, datetime | None, datetime | None],
) -> Standing:
    not_before, not_after, due = life
    if view.silent:
        return Standing.UNREACHABLE
    last = known.last
    if last is None or not known.rotated:
        return Standing.NEW if all(view.present.values()) else Standing.FOREIGN
    if not view.present:
        return Standing.DRIFTED
    expected = last.wanted if last.outcome is Outcome.ROTATED else last.before.fingerprint
    if any(fingerprint != expected for fingerprint in view.present):
        return Standing.DRIFTED
    if not_before is None or not_after is None or due is None:
        return Standing.OK
    if now >= not_after:
        return Standing.EXPIRED
    if any(not one.chain_ok for one in view.served.values()):
        return Standing.DRIFTED  # the leaf is ours, but not all of what was deployed with it
    if now >= danger_from(not_before, not_after, spec.certificate.danger_left):
        return Standing.DANGER
    return Standing.DUE if now >= due else Standing.OK
