"""Every check of a target that can be made without changing anything; each finding ends with its fix."""

from __future__ import annotations

from collections.abc import Iterator

from certpush.config import TargetSpec
from certpush.errors import CertpushError
from certpush.fleet.fitting import key_fits, names_fit
from certpush.fleet.opening import Opener, Wishes
from certpush.model import Action, Finding, Severity
from certpush.rotation.inspect import inspect
from certpush.rotation.rotation import Rotation
from certpush.rotation.run import close_quietly, plan_for


def examine(spec: TargetSpec, opener: Opener) -> Iterator[Finding]:
    """Check one target: plugin, settings, key, names, reachability, rights, certificate in place, way back."""
    try:
        kind = opener.kind(spec)
        members = opener.members(spec)
    except CertpushError as error:
        yield _error("settings", error)
        return
    yield Finding(Severity.OK, "settings", f"the plugin {kind.name} is there and takes the settings")
    yield key_fits(spec, kind)
    for name, settings in members:
        try:
            rotation = opener.rotation(spec, name, settings, Wishes())
        except CertpushError as error:
            yield _error("open", error)
            continue
        try:
            yield from names_fit(rotation.spec.request.names, rotation.endpoints)
            yield from _device(rotation)
        finally:
            close_quietly(rotation)


def _device(rotation: Rotation) -> Iterator[Finding]:
    try:
        view = inspect(rotation)
        yield Finding(Severity.OK, "target", "the target answers and can be asked")
        for message in view.silent.values():
            yield Finding(Severity.WARNING, "endpoint", message, "fine before the first certificate; else check the service")
        for one in view.served.values():
            yield Finding(
                Severity.OK, "endpoint", f"{one.endpoint} serves {one.subject or 'a certificate'} until {one.not_after:%Y-%m-%d %H:%M}"
            )
        with rotation.calling("preflight"):
            found = tuple(rotation.target.preflight(rotation.spec.request))
        yield from found
        plan = plan_for(rotation, view)
        if plan.action is Action.REFUSE:
            yield Finding(Severity.ERROR, "plan", plan.why, plan.hint)
        elif plan.action is not Action.NOTHING:
            yield Finding(Severity.OK, "way-back", f"{plan.way_back.kind}: {plan.way_back.text}")
    except CertpushError as error:
        yield _error("target", error)


def _error(code: str, error: CertpushError) -> Finding:
    return Finding(Severity.ERROR, code, error.message, error.hint)
