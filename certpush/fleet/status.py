"""How a target stands: what its endpoints serve now, beside what the journal knows."""

from __future__ import annotations

from datetime import datetime

from certpush.config import TargetSpec
from certpush.errors import CertpushError
from certpush.fleet.opening import Opener, Wishes
from certpush.model import Deployment, Installed, Outcome, Phase, Served, Standing, TargetStatus
from certpush.rotation.inspect import View
from certpush.schedule import danger_from, due_at


def status_of(spec: TargetSpec, opener: Opener) -> TargetStatus:
    """Look at one target; changes nothing, raises nothing for a target that does not answer."""
    last = opener.journal.last(spec.name)
    try:
        view = _look(spec, opener)
    except CertpushError as error:
        return TargetStatus(spec.name, spec.kind, _lost(last) or Standing.UNREACHABLE, problems=(error.message,), last=last)
    served = tuple(view.served.values())
    problems = (*view.silent.values(), *(f"{one.endpoint}: {one.problem}" for one in served if one.problem))
    held = opener.escrow.find(view.installed.fingerprint) if view.installed.fingerprint and not served else None
    not_after = min((one.not_after for one in served), default=held.not_after if held else None)
    not_before = served[0].not_before if served else held.not_before if held else None
    due = due_at(not_before, not_after, spec.certificate.renew_at, spec.certificate.name) if not_before and not_after else None
    standing = _lost(last) or _standing(spec, view, last, opener.clock(), (not_before, not_after, due))
    return TargetStatus(spec.name, spec.kind, standing, served, problems, not_after, due, last)


def _look(spec: TargetSpec, opener: Opener) -> View:
    current = opener.escrow.current(spec.certificate.name)
    roots = current.roots if current else ()
    installed, endpoints = Installed(None), spec.endpoints
    if not endpoints or spec.verify == "files":
        # Only here is the target itself asked; a handshake needs no login.
        name, settings = opener.members(spec)[0]
        rotation = opener.rotation(spec, name, settings, Wishes())
        endpoints = rotation.endpoints
        try:
            with rotation.calling("inspect"):
                installed = rotation.target.inspect()
        finally:
            rotation.target.close()
    served: dict[object, Served] = {}
    silent: dict[object, str] = {}
    for endpoint in endpoints:
        try:
            served[endpoint] = opener.look(endpoint, roots, opener.clock())
        except CertpushError as error:
            silent[endpoint] = error.message
    return View(installed, served, silent)  # type: ignore[arg-type] # the keys are endpoints


def _lost(last: Deployment | None) -> Standing | None:
    return Standing.STRANDED if last is not None and last.phase is Phase.STRANDED else None


def _standing(  # noqa: PLR0911 - a list of cases, worst first, reads best one a line
    spec: TargetSpec,
    view: View,
    last: Deployment | None,
    now: datetime,
    life: tuple[datetime | None, datetime | None, datetime | None],
) -> Standing:
    not_before, not_after, due = life
    if view.silent:
        return Standing.UNREACHABLE
    if not view.present:
        return Standing.NEW if last is None else Standing.DRIFTED
    if last is None or (last.outcome is not Outcome.ROTATED and last.before.fingerprint is None):
        return Standing.NEW if all(view.present.values()) else Standing.FOREIGN
    expected = last.wanted if last.outcome is Outcome.ROTATED else last.before.fingerprint
    if any(fingerprint != expected for fingerprint in view.present):
        return Standing.DRIFTED
    if not_before is None or not_after is None or due is None:
        return Standing.OK
    if now >= not_after:
        return Standing.EXPIRED
    if now >= danger_from(not_before, not_after, spec.certificate.danger_left):
        return Standing.DANGER
    return Standing.DUE if now >= due else Standing.OK
