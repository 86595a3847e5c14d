"""Errors across the border: the classes of the contract are made again, anything else is a bug of the plugin."""

from __future__ import annotations

import traceback
from collections.abc import Callable, Mapping
from typing import Any

from certpush import errors
from certpush.errors import CertpushError
from certpush.plugins.isolation.crossing import Plain, Unreadable, converted, shown

_ROOTS = (errors.TargetError, errors.TrustError, errors.SafetyRefusal, errors.ConfigError, errors.PluginError, errors.ObserverFailed)
ADMITTED: Mapping[str, type[CertpushError]] = {
    name: one for name, one in vars(errors).items() if isinstance(one, type) and issubclass(one, (*_ROOTS, errors.BundleInvalid))
}
"""What a plugin may raise. Not the errors that say how a run went: that somebody asked it to stop is not a plugin's to tell."""


def told(error: BaseException) -> Plain:
    """An error, for the other side. Only our own say what they say: the text of others may hold a secret."""
    names = [one.__name__ for one in type(error).__mro__]
    if isinstance(error, CertpushError):
        return {"class": names, "message": error.message, "hint": error.hint, "retryable": error.retryable, "where": ""}
    return {"class": names, "message": "", "hint": "", "retryable": False, "where": _where(error)}


def _where(error: BaseException) -> str:
    places = [*traceback.walk_tb(error.__traceback__)]
    return f"{places[-1][0].f_globals.get('__name__', '?')}, line {places[-1][1]}" if places else "?"


def again(data: object, bug: Callable[[str], CertpushError], without: Callable[[str], str]) -> Exception:
    """The error on our side; ``bug`` makes what is the plugin's own of it, ``without`` takes secrets out of a text."""
    try:
        names, texts = _read(data)
    except Unreadable:
        return bug("answered with an error that is none")
    if "NotImplementedError" in names:
        return NotImplementedError()
    ours = next((ADMITTED[name] for name in names if name in ADMITTED), None)
    if ours is None:
        return bug(f"raised {shown(names[0])} ({shown(texts['where'])})")
    again = ours(shown(without(texts["message"])), hint=shown(without(texts["hint"])))
    again.retryable = texts["retryable"] is True
    return again


def _read(data: object) -> tuple[list[str], dict[str, Any]]:
    read = converted(data, dict[str, Any])
    names = converted(read.get("class"), list[str])
    wanted = {"message": str, "hint": str, "where": str, "retryable": bool}
    if not names or not all(isinstance(read.get(key), kind) for key, kind in wanted.items()):
        raise Unreadable("an error has a class and a text")
    return names, read
