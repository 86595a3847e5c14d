"""What observers hear, across the border: events, with how far a deployment came and how it ended."""

from __future__ import annotations

from dataclasses import fields, replace
from datetime import datetime
from typing import Any, get_type_hints

import msgspec

from certpush import errors
from certpush.errors import CertpushError
from certpush.model import Deployment, Event, Receipt, Validity
from certpush.plugins.isolation.crossing import Plain, converted, installed_in, installed_out, staged_in, staged_out

_SIGHTS = frozenset({"before", "staged"})
"""They hold handles, which have no shape that msgspec could check."""


class _Head(msgspec.Struct):
    phase: str
    target: str
    at: datetime
    message: str


def event_out(event: Event) -> Plain:
    """An event; of an error, what it says."""
    return {
        "head": _built(_Head(event.phase, event.target, event.at, event.message)),
        "deployment": None if event.deployment is None else _deployment_out(event.deployment),
        "receipt": None if event.receipt is None else _built(replace(event.receipt, plan=replace(event.receipt.plan, refusal=None))),
        "validity": None if event.validity is None else _built(event.validity),
    }


def event_in(data: Plain) -> Event:
    """The same on the other side."""
    head = converted(data["head"], _Head)
    return Event(
        head.phase,
        head.target,
        head.at,
        head.message,
        deployment=None if data["deployment"] is None else _deployment_in(data["deployment"]),
        receipt=None if data["receipt"] is None else converted(data["receipt"], Receipt, decode=_error_in),
        validity=None if data["validity"] is None else converted(data["validity"], Validity),
    )


def _built(one: object) -> Any:
    return msgspec.to_builtins(one, enc_hook=_error_out)


def _error_out(value: object) -> Plain:
    if not isinstance(value, CertpushError):
        raise TypeError(type(value).__name__)
    return {"class": type(value).__name__, "message": value.message, "hint": value.hint, "retryable": value.retryable}


def _error_in(_: type, data: Any) -> CertpushError:
    """The error as it was; what else it carried, such as a deployment, stands in the event."""
    known = getattr(errors, data["class"], CertpushError)
    error: CertpushError = known.__new__(known, data["message"])
    CertpushError.__init__(error, data["message"], hint=data["hint"], retryable=data["retryable"])
    return error


# --- deployments ---------------------------------------------------------------------------------

_hints = get_type_hints(Deployment)
_Rest: Any = msgspec.defstruct("_Rest", [(one.name, _hints[one.name]) for one in fields(Deployment) if one.name not in _SIGHTS])


def _deployment_out(one: Deployment) -> Plain:
    rest = _Rest(**{name: getattr(one, name) for name in _Rest.__struct_fields__})
    staged = None if one.staged is None else staged_out(one.staged)
    return {"rest": _built(rest), "before": installed_out(one.before), "staged": staged}


def _deployment_in(data: Plain) -> Deployment:
    rest = msgspec.structs.asdict(converted(data["rest"], _Rest))
    staged = None if data["staged"] is None else staged_in(data["staged"])
    return Deployment(before=installed_in(data["before"]), staged=staged, **rest)
