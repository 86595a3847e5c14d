"""Whether a plugin is what it must be, and how to say so when it is not."""

from __future__ import annotations

from typing import Any, NoReturn

from certpush import hookspecs
from certpush._version import __version__
from certpush.errors import PluginBroken
from certpush.kit.settings import Settings, fields_of
from certpush.kit.trust import takes_trust
from certpush.model import KeySpec
from certpush.observer import ObserverKind
from certpush.plugins.offers import Offer, shown
from certpush.target import Target, TargetKind

SUPPORTED_API = frozenset({1})


def kind_from(answers: list[Any], offer: Offer) -> TargetKind[Any]:
    """Give the kind among a plugin's answers, or raise PluginBroken."""
    if not answers:
        broken(offer, "declares no target", hint=_declaring_hint(offer, "certpush_target", "observer"))
    kind = answers[0]
    if not isinstance(kind, TargetKind):
        broken(offer, f"certpush_target() gave {type(kind).__name__}, not a TargetKind", hint=authors_hint(offer))
    _check_api(kind, offer, "target")
    problem = _common_problem_of(kind, offer) or _problem_of(kind)
    if problem:
        broken(offer, problem, hint=authors_hint(offer))
    return kind


def _check_api(kind: TargetKind[Any] | ObserverKind[Any], offer: Offer, contract: str) -> None:
    api: object = kind.api  # whatever the author wrote there
    if api in SUPPORTED_API:
        return
    supported = ", ".join(str(one) for one in sorted(SUPPORTED_API))
    newer = isinstance(api, int) and api > max(SUPPORTED_API)
    broken(
        offer,
        f"is written for version {shown(repr(api))} of the {contract} contract; certpush {__version__} supports {supported}",
        hint="update certpush" if newer else f"update {offer.distribution}",
    )


def _common_problem_of(kind: TargetKind[Any] | ObserverKind[Any], offer: Offer) -> str:
    if kind.name != offer.name:
        return f"calls its kind {shown(str(kind.name))!r}, but its entry point {offer.name!r}"
    settings: object = kind.settings
    if not isinstance(settings, type) or not issubclass(settings, Settings):
        return "its settings are no subclass of certpush.Settings"
    if not callable(kind.open):
        return f"{type(kind).__name__}.open cannot be called"
    return ""


def _problem_of(kind: TargetKind[Any]) -> str:
    if takes_trust(kind.settings) and any(one.encode_name == "trust" and one.required for one in fields_of(kind.settings)):
        return "its settings have no default for trust, which certpush fills in afterwards"
    if not kind.accepted_keys or not set(kind.accepted_keys) <= set(KeySpec):
        return "TargetKind.accepted_keys names no key, or one that certpush does not know"
    return ""


def knows_where(kind: TargetKind[Any]) -> bool:
    """Whether targets of this kind may know their endpoints by themselves; a function that opens them hides it."""
    opened: object = kind.open
    if isinstance(opened, type):
        return issubclass(opened, Target) and opened.endpoints is not Target.endpoints
    return bool(getattr(opened, "knows_where", True))


def observer_from(answers: list[Any], offer: Offer) -> ObserverKind[Any]:
    """Give the kind of observer among a plugin's answers, or raise PluginBroken."""
    if not answers:
        broken(offer, "declares no observer", hint=_declaring_hint(offer, "certpush_observer", "target"))
    kind = answers[0]
    if not isinstance(kind, ObserverKind):
        broken(offer, f"certpush_observer() gave {type(kind).__name__}, not an ObserverKind", hint=authors_hint(offer))
    _check_api(kind, offer, "observer")
    problem = _common_problem_of(kind, offer)
    if problem:
        broken(offer, problem, hint=authors_hint(offer))
    return kind


# --- saying what is wrong ------------------------------------------------------------------------


def broken(offer: Offer, problem: str, *, hint: str, cause: BaseException | None = None) -> NoReturn:
    """Raise PluginBroken with the plugin's name and who answers for it."""
    raise PluginBroken(f"the plugin {offer.name!r} ({offer.author}) {problem}", hint=hint) from cause


def in_short(error: BaseException) -> str:
    """One line of an error that came from a plugin, cut and escaped."""
    text = shown("; ".join(line.strip() for line in str(error).splitlines() if line.strip()))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def import_hint(offer: Offer, error: BaseException) -> str:
    """What to do about a plugin that cannot be imported."""
    if isinstance(error, ImportError):
        return f"install it anew with what it needs: pip install --force-reinstall {offer.distribution}"
    return try_hint(offer)


def try_hint(offer: Offer) -> str:
    """Where the whole error can be seen."""
    module = offer.module.partition(":")[0].strip()
    return f"see the whole error with: python -c 'import {module}'; then update or uninstall {offer.distribution}"


def _declaring_hint(offer: Offer, hook: str, other: str) -> str:
    return f'{hook}() needs @hookimpl above it, and a return; what is meant as {other} is named in [{other}.NAME] kind = "{offer.name}"'


def hooks_hint(offer: Offer) -> str:
    """Which hooks there are."""
    known = ", ".join(sorted(name for name in vars(hookspecs) if name.startswith("certpush_")))
    return f"hooks are: {known}; update {offer.distribution} or certpush"


def authors_hint(offer: Offer) -> str:
    """Whose turn it is."""
    return f"this is for the authors of {offer.distribution} to mend; docs/plugins.md says what is asked"
