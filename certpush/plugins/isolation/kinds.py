"""Kinds of a third party, made of what their plugin declares of them: to the core they are as any other."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any, NoReturn, TypeVar

import msgspec

from certpush.errors import ConfigError
from certpush.kit.settings import Settings, convert
from certpush.model import CertificateRequest, Event, Finding, Identity, Secret
from certpush.observer import ObserverKind, Run
from certpush.plugins.checks import authors_hint, broken
from certpush.plugins.isolation import crossing, hearsay, mirror
from certpush.plugins.isolation.crossing import Plain, Unreadable, shown
from certpush.plugins.isolation.declaring import Declared, DeclaredObserver
from certpush.plugins.isolation.limits import deadline_of
from certpush.plugins.isolation.plugin import Plugin
from certpush.plugins.isolation.proxies import IsolatedObserver, IsolatedTarget
from certpush.records import record
from certpush.target import Footprint, Member, Target, TargetKind

T = TypeVar("T")
_LONGEST_WAIT = timedelta(hours=1).total_seconds()
_USUAL_RESCUE = timedelta(seconds=180)


@record(frozen=True)
class _Settings:
    """The settings class of a plugin, on our side."""

    plugin: Plugin
    name: str
    fields: object

    def made(self) -> type[Settings]:
        return mirror.made(f"{self.name}-settings".title().replace("-", ""), self.fields, self._check)

    def _check(self, settings: Settings) -> None:
        """What the plugin itself finds wrong, as where two keys do not go together."""
        self.plugin.once("check", table=self.plugin.table(settings))


@record(frozen=True)
class _Opening:
    """Opens targets; ``knows_where`` says whether they may know their endpoints."""

    plugin: Plugin
    rescues_itself: bool
    knows_where: bool

    def __call__(self, settings: Settings) -> Target:
        return IsolatedTarget(self.plugin, settings, switch_within=self._switch_within(settings))

    def _switch_within(self, settings: Settings) -> timedelta:
        """A device that rescues itself must be judged before it does, and half of its time is for that (see ``rotation.verify``)."""
        if not self.rescues_itself:
            return deadline_of("activate")
        rescue = getattr(settings, "rescue_after", None)
        return (rescue if isinstance(rescue, timedelta) else _USUAL_RESCUE) / 2


def target_kind(plugin: Plugin) -> tuple[TargetKind[Any], bool]:
    """The kind that a plugin declares, and whether it overhears runs.

    Raises:
        PluginBroken: it cannot be loaded, or is not what it must be.

    """
    told = plugin.load()
    try:
        declared = crossing.converted(told, Declared)
        settings = _Settings(plugin, plugin.offer.name, declared.settings).made()
        _refuse_long_waits(declared)
        _refuse_variants(declared)
    except Unreadable as error:
        _misdeclared(plugin, error)
    asking = _Asking(plugin, settings)
    kind: TargetKind[Any] = TargetKind(
        name=plugin.offer.name,
        summary=shown(declared.summary),
        settings=settings,
        open=_Opening(plugin, declared.self_rescue, "endpoints" in declared.has),
        accepted_keys=declared.accepted_keys,
        reversible=declared.reversible,
        fallback=shown(declared.fallback),
        self_rescue=declared.self_rescue,
        disruption=shown(declared.disruption),
        settle=timedelta(seconds=declared.settle),
        steady=timedelta(seconds=declared.steady),
        deadline=timedelta(seconds=declared.deadline),
        switches_again=declared.switches_again,
        key_origin=declared.key_origin,
        members=asking.members if "members" in declared.has else None,
        identify=asking.identify if "identify" in declared.has else None,
        footprint=asking.footprint if "footprint" in declared.has else None,
        catalogue=_catalogue(declared),
        api=declared.api,
    )
    return kind, declared.overhears


def observer_kind(plugin: Plugin) -> ObserverKind[Any]:
    """The kind of observer that a plugin declares.

    Raises:
        PluginBroken: it cannot be loaded, or is not what it must be.

    """
    told = plugin.load()
    try:
        declared = crossing.converted(told, DeclaredObserver)
        settings = _Settings(plugin, plugin.offer.name, declared.settings).made()
    except Unreadable as error:
        _misdeclared(plugin, error)
    asking = _Asking(plugin, settings)

    def attend(own: Settings, run: Run) -> IsolatedObserver:
        return IsolatedObserver(plugin, own, run)

    return ObserverKind(
        name=plugin.offer.name,
        summary=shown(declared.summary),
        settings=settings,
        open=attend,
        phases=declared.phases,
        preflight=asking.preflight if "preflight" in declared.has else None,
        writes=asking.writes if "writes" in declared.has else None,
        api=declared.api,
    )


def overhearing(plugin: Plugin) -> Callable[[Event], None]:
    """What lets a target's plugin hear of a run."""

    def hear(event: Event) -> None:
        plugin.once("overhear", event=hearsay.event_out(event))

    return hear


def _refuse_long_waits(declared: Declared) -> None:
    if not all(0 <= one <= _LONGEST_WAIT for one in (declared.settle, declared.steady, declared.deadline)):
        raise Unreadable("settle, steady and deadline are an hour at most")


def _refuse_variants(declared: Declared) -> None:
    """A way back that depends on the table is asked for before each run; one that nobody asks for would be promised and not kept."""
    if "variant" in declared.has:
        raise Unreadable("variant is for kinds that come with certpush: a kind of its own for each way back instead")


def _catalogue(declared: Declared) -> Callable[[], tuple[tuple[str, str], ...]] | None:
    told = declared.catalogue
    if told is None:
        return None
    offered = tuple((shown(name), shown(text)) for name, text in told)
    return lambda: offered


def _misdeclared(plugin: Plugin, error: Unreadable) -> NoReturn:
    broken(plugin.offer, f"declares what is no kind: {shown(str(error))}", hint=authors_hint(plugin.offer))


@record(frozen=True)
class _Asking:
    """The functions of a kind."""

    plugin: Plugin
    settings: type[Settings]

    def members(self, settings: Settings, request: CertificateRequest) -> tuple[Member[Any], ...]:
        def read(data: object) -> tuple[Member[Any], ...]:
            return tuple(self._member(one) for one in crossing.converted(data, tuple[_Member, ...]))

        return self._ask("members", settings, read, request=crossing.request_out(request))

    def identify(self, settings: Settings) -> tuple[Identity, ...]:
        return self._ask("identify", settings, crossing.identities_in)

    def footprint(self, settings: Settings) -> Footprint:
        return self._ask("footprint", settings, crossing.footprint_in)

    def preflight(self, settings: Settings) -> tuple[Finding, ...]:
        return self._ask("observer-preflight", settings, crossing.findings_in)

    def writes(self, settings: Settings) -> tuple[str, ...]:
        return self._ask("writes", settings, crossing.texts_in)

    def _member(self, told: _Member) -> Member[Any]:
        try:
            own: Settings = convert(told.table, self.settings, path=told.name, read_secret=Secret)
            return Member(told.name, own, crossing.names_in(told.names))
        except ConfigError as error:
            raise Unreadable(error.message) from error

    def _ask(self, verb: str, settings: Settings, read: Callable[[object], T], **arguments: Any) -> T:
        answered = self.plugin.once(verb, table=self.plugin.table(settings), **arguments)
        try:
            return read(answered)
        except Unreadable:
            raise self.plugin.odd(verb) from None


class _Member(msgspec.Struct):
    name: str
    table: Plain
    names: tuple[str, ...]
