"""Every check that can be made without changing anything; each finding ends with its fix."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any, Protocol

from certpush.config import DEFAULT_CA, TargetSpec
from certpush.errors import CertpushError, ConfigError, StateError
from certpush.fleet.fitting import key_fits, names_fit, reload_fits, timer_fits
from certpush.fleet.members import MemberSpec
from certpush.fleet.opening import Opener
from certpush.fleet.wishes import Wishes
from certpush.fleet.workers import Slots, all_of
from certpush.kit.dns import unknown_names
from certpush.model import Action, CertificateRequest, DnsName, Endpoint, Finding, Severity
from certpush.rotation.inspect import inspect
from certpush.rotation.rotation import Rotation, as_ours
from certpush.rotation.run import close_quietly, plan_for
from certpush.state.directory import open_state_directory
from certpush.target import TargetKind

DNS_SECONDS = 3.0
"""How long the names of one certificate are asked for; a dead name server must not hold up all else."""
_NOTHING = timedelta(0)
Found = tuple[str, Finding]
"""Where, and what."""


class Checkable(Protocol):
    """A CA that can be looked at."""

    def check(self, request: CertificateRequest | None) -> tuple[Finding, ...]:
        """All that can be found out about it, for a request where one is planned."""
        ...


def longest_requests(specs: Sequence[TargetSpec]) -> dict[str, CertificateRequest]:
    """For each CA that these targets use the request that asks for the longest life: where that is allowed, all are."""
    longest: dict[str, CertificateRequest] = {}
    for spec in specs:
        request, known = spec.certificate.request, longest.get(spec.certificate.ca)
        if known is None or (request.lifetime or _NOTHING) > (known.lifetime or _NOTHING):
            longest[spec.certificate.ca] = request
    return longest


def examine_cas(asked: Mapping[str, CertificateRequest | None], issuer: Callable[[str], Checkable]) -> Iterator[Found]:
    """Check each CA; one that cannot be opened is a finding, and the others are checked nevertheless."""
    for ca, request in asked.items():
        where = "ca" if ca == DEFAULT_CA else f"ca.{ca}"
        try:
            found = issuer(ca).check(request)
        except CertpushError as error:
            found = (_error("ca-settings", error),)
        yield from ((where, finding) for finding in found)


def examine_state(directory: Path, open_it: Callable[[], object]) -> Iterator[Found]:
    """Check where certpush remembers; makes nothing where nothing is yet."""
    try:
        there = _state_is_there(directory)
        if there:
            open_it()
        yield "state", Finding(Severity.OK, "state", f"{directory} can be {'used' if there else 'made'}")
    except CertpushError as error:
        yield "state", _error("state", error)


def _state_is_there(directory: Path) -> bool:
    if os.path.lexists(directory):
        open_state_directory(directory)
        return True
    above = next(one for one in directory.absolute().parents if os.path.lexists(one))
    why = f"no right to write to {above}" if above.is_dir() else f"{above} is no directory"
    if above.is_dir() and os.access(above, os.W_OK | os.X_OK):
        return False
    raise StateError(
        f"the state directory {directory} cannot be made: {why}",
        hint="name another one as [state] directory, or run as a user who may",
    )


def examine_targets(specs: Sequence[TargetSpec], opener: Opener, slots: Slots) -> Iterator[Found]:
    """Check targets, many at once, and tell of them in their order."""
    if not specs:
        yield "targets", Finding(Severity.INFO, "targets", "there is no target yet, or none that is enabled; add a [target.NAME] table")
    waiting: dict[int, tuple[Found, ...]] = {}
    jobs = (partial(_numbered, number, spec, opener) for number, spec in enumerate(specs))
    told = 0
    for number, found in all_of(jobs, slots, threading.Event()):
        waiting[number] = found
        while told in waiting:
            yield from waiting.pop(told)
            told += 1


def _numbered(number: int, spec: TargetSpec, opener: Opener) -> tuple[int, tuple[Found, ...]]:
    return number, tuple(examine(spec, opener))


def examine(spec: TargetSpec, opener: Opener) -> Iterator[Found]:
    """Check one target: plugin, settings, key, names, reachability, rights, certificate in place, way back; of a cluster each member."""
    told: set[tuple[str, str]] = set()
    for where, finding in _examine(spec, opener):
        if (where, finding.message) not in told:  # what a check finds alone may also be why there can be no plan
            told.add((where, finding.message))
            yield where, finding


def _examine(spec: TargetSpec, opener: Opener) -> Iterator[Found]:
    try:
        kind = opener.kind(spec)
        members, unlisted = _listed(spec, opener)
    except CertpushError as error:
        yield spec.path, _error("settings", error)
        return
    yield from ((spec.path, finding) for finding in (*_configured(spec, kind), *unlisted, *_all_names_used(spec, members)))
    for member in members:
        yield from ((f"target.{member.name}", finding) for finding in _opened(spec, member, opener))


def _listed(spec: TargetSpec, opener: Opener) -> tuple[tuple[MemberSpec, ...], tuple[Finding, ...]]:
    """The members; or none, and why the device did not tell them although the settings are good."""
    try:
        return opener.members(spec), ()
    except ConfigError:
        raise
    except CertpushError as error:
        return (), (_error("target", error),)


def _configured(spec: TargetSpec, kind: TargetKind[Any]) -> Iterator[Finding]:
    yield Finding(Severity.OK, "settings", f"the plugin {kind.name} is there and takes the settings")
    yield key_fits(spec, kind)
    yield from timer_fits(spec, kind)
    yield from reload_fits(spec, kind)
    yield from _known_names(spec.certificate.request)


def _opened(spec: TargetSpec, member: MemberSpec, opener: Opener) -> Iterator[Finding]:
    try:
        rotation = opener.rotation(spec, member, Wishes())
    except CertpushError as error:
        yield _error("open", error)
        return
    try:
        yield from _unfinished(spec, rotation)
        yield from names_fit(rotation.spec.request.names, rotation.endpoints)
        lost = unknown_names([one.host for one in rotation.endpoints], seconds=DNS_SECONDS)
        yield from _lost_endpoints(rotation.endpoints, lost)
        yield from _device(rotation, lost)
    finally:
        close_quietly(rotation)


def _all_names_used(spec: TargetSpec, members: Sequence[MemberSpec]) -> Iterator[Finding]:
    """Where members have certificates of their own, a name may be in none of them, as one that was mistyped."""
    used = {name for one in members for name in one.certificate.request.names}
    for name in spec.certificate.request.names:
        if members and name not in used:
            yield Finding(Severity.WARNING, "names", f"no member's certificate has the name {name}", "correct it, or take it out of names")


def _known_names(request: CertificateRequest) -> Iterator[Finding]:
    names = [str(name) for name in request.names if isinstance(name, DnsName) and not name.value.startswith("*.")]
    unknown = unknown_names(names, seconds=DNS_SECONDS)
    for name, why in unknown.items():
        yield Finding(
            Severity.WARNING,
            "dns",
            f"{name} does not resolve here: {why}",
            "add it to your DNS, where clients should find it by that name; nothing to do where only others resolve it",
        )
    if names and not unknown:
        yield Finding(Severity.OK, "dns", f"its names resolve: {', '.join(names)}" if len(names) > 1 else f"{names[0]} resolves")


def _lost_endpoints(endpoints: Sequence[Endpoint], lost: Mapping[str, str]) -> Iterator[Finding]:
    for one in endpoints:
        if one.host in lost:
            yield Finding(
                Severity.ERROR,
                "dns",
                f"{one}: {one.host} does not resolve here ({lost[one.host]}), so nobody could see what is served there",
                f'add it to the DNS that this machine asks, or write the endpoint with an address: "ADDRESS:{one.port}#{one.name}"',
            )


def _unfinished(spec: TargetSpec, rotation: Rotation) -> Iterator[Finding]:
    for one in rotation.journal.unfinished(rotation.name):
        yield Finding(
            Severity.WARNING,
            "unfinished",
            f"an earlier run stopped in the phase {one.phase}",
            f"`certpush deploy {spec.name}` brings it to its end first: forward, or back",
        )


def _device(rotation: Rotation, lost: Collection[str]) -> Iterator[Finding]:
    try:
        view = inspect(rotation)
        yield Finding(Severity.OK, "target", "the target answers and can be asked")
        for endpoint, message in view.silent.items():
            if endpoint.host not in lost:
                yield Finding(Severity.WARNING, "endpoint", message, "fine before the first certificate; else check the service")
        for one in view.served.values():
            yield Finding(
                Severity.OK, "endpoint", f"{one.endpoint} serves {one.subject or 'a certificate'} until {one.not_after:%Y-%m-%d %H:%M} UTC"
            )
        with rotation.calling("preflight"):
            found = tuple(rotation.target.preflight(rotation.spec.request))
        yield from found
        plan = plan_for(rotation, view)
        if plan.action is Action.REFUSE:
            yield Finding(Severity.ERROR, "plan", plan.why, plan.hint)
        elif plan.action is not Action.NOTHING:
            yield Finding(Severity.OK, "way-back", f"way back: {plan.way_back.kind}, {plan.way_back.text}")
    except Exception as error:  # noqa: BLE001 - one target's bug must not end the checks of the others
        yield _error("target", as_ours(error))


def _error(code: str, error: CertpushError) -> Finding:
    return Finding(Severity.ERROR, code, error.message, error.hint)
