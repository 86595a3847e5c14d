"""What unattended runs need: how often to look, which secrets and files, and what they change on this machine."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

from certpush.config import DEFAULT_CA, Configuration, TargetSpec
from certpush.errors import ConfigError, PluginError
from certpush.fleet.kinds import kind_of
from certpush.fleet.observing import enabled, read_observer
from certpush.fleet.opening import read_settings
from certpush.kit.settings import SecretReader
from certpush.model import Secret
from certpush.plugins import PluginLoader
from certpush.records import record
from certpush.schedule import look_every, room
from certpush.stepca.bootstrap import is_complete, step_base
from certpush.target import Footprint

_CA_DEFAULT_LIFETIME = timedelta(hours=24)  # what step-ca signs for where nobody asks for more
_WAYS_BACK = 2  # the switch may take as long as the device waits for it, and so may the way back
_AROUND_A_SWITCH = timedelta(minutes=4)  # looks, settling, and what is obtained before


@record(frozen=True, slots=True)
class SecretNeed:
    """A secret that a run reads: where its reference stands, and the reference (``cred:token``)."""

    where: str
    reference: str

    @property
    def scheme(self) -> str:
        """Which way it is read: ``file``, ``cred``, ``env``, ``cmd`` or ``keyring``."""
        return self.reference.partition(":")[0]

    @property
    def name(self) -> str:
        """What it is called there: a path, a credential's name, a command."""
        return self.reference.partition(":")[2]


@record(frozen=True, slots=True, kw_only=True)
class Needs:
    """What the runs of a configuration need from the machine that they run on."""

    every: timedelta
    """How often to look: see ``certpush.schedule.look_every``."""
    switch: timedelta
    """The longest that a switch, with its way back, may take: a run that is asked to stop brings it to its end first."""
    secrets: tuple[SecretNeed, ...]
    files: tuple[Path, ...]
    """Files and directories that the configuration names, and that are read."""
    here: Mapping[str, Footprint]
    """The targets that change this machine, by name."""
    elsewhere: tuple[str, ...]
    """The other targets."""
    observers: tuple[str, ...] = ()
    """Directories that observers write to, whichever targets are rotated."""

    @property
    def directories(self) -> tuple[str, ...]:
        """Where targets of this machine have their files."""
        return tuple(sorted({directory for one in self.here.values() for directory in one.directories}))

    @property
    def commands(self) -> bool:
        """Whether a target of this machine runs commands."""
        return any(one.commands for one in self.here.values())


def needs_of(configuration: Configuration, loader: PluginLoader, environ: Mapping[str, str]) -> Needs:
    """Read every enabled target as a run would; no secret is taken, nobody is asked anything.

    Raises:
        ConfigError: there is nothing to rotate, or a table is wrong.
        PluginError: a kind cannot be loaded.

    """
    specs = tuple(one for one in configuration.targets.values() if one.enabled)
    if not specs:
        raise ConfigError(
            "there is no target that an unattended run could rotate",
            hint="add a [target.NAME] table, or remove enabled = false; `certpush targets` lists the kinds",
        )
    secrets: dict[SecretNeed, None] = {}
    here = dict(_footprints(specs, loader, secrets))
    for name in configuration.ca_tables:
        configuration.ca(name, _noting("ca" if name == DEFAULT_CA else f"ca.{name}", secrets))
    observers = tuple(_observers(configuration, loader, secrets))
    return Needs(
        every=how_often(specs),
        switch=longest_switch(specs),
        secrets=tuple(secrets),
        files=tuple(dict.fromkeys([*_named_files(configuration, specs), *_steps_own(configuration, environ)])),
        here=here,
        elsewhere=tuple(one.name for one in specs if one.name not in here),
        observers=observers,
    )


def is_here(spec: TargetSpec, loader: PluginLoader) -> bool:
    """Whether the target changes this machine; one whose kind cannot be loaded does not, and its own receipt says what is wrong."""
    try:
        return kind_of(spec, loader.load_kind).footprint is not None
    except (PluginError, ConfigError):
        return False


def only(configuration: Configuration, loader: PluginLoader, *, here: bool) -> Configuration:
    """The configuration with the targets of the other side disabled: those that change this machine, or those that do not."""

    def its_part(one: TargetSpec) -> TargetSpec:
        mine = is_here(one, loader) is here
        return replace(one, enabled=one.enabled and mine, set_aside=one.enabled and not mine)

    return replace(configuration, targets={name: its_part(one) for name, one in configuration.targets.items()})


def how_often(specs: Iterable[TargetSpec]) -> timedelta:
    """How often to look, for none of these to come into danger unseen; a lifetime that is left to the CA is step-ca's own default."""
    specs = tuple(specs)
    windows = [one.window.closes - one.window.opens for one in specs if one.window is not None]
    certificates = (one.certificate for one in specs)
    rooms = (room(one.request.lifetime or _CA_DEFAULT_LIFETIME, one.renew_at, one.danger_left) for one in certificates)
    return look_every([*rooms, *windows])


def longest_switch(specs: Iterable[TargetSpec]) -> timedelta:
    """The longest that a switch of one of these, with its way back, may take."""
    return _WAYS_BACK * max((one.rescue_after for one in specs), default=timedelta()) + _AROUND_A_SWITCH


def _footprints(specs: tuple[TargetSpec, ...], loader: PluginLoader, secrets: dict[SecretNeed, None]) -> Iterator[tuple[str, Footprint]]:
    for spec in specs:
        kind = kind_of(spec, loader.load_kind)
        settings = read_settings(spec, kind, _noting(spec.path, secrets))
        if kind.footprint is not None:
            yield spec.name, kind.footprint(settings)


def _observers(configuration: Configuration, loader: PluginLoader, secrets: dict[SecretNeed, None]) -> Iterator[str]:
    for spec in enabled(configuration):
        kind = loader.load_observer(spec.kind)
        settings = read_observer(spec, kind, _noting(spec.path, secrets))
        yield from kind.writes(settings) if kind.writes is not None else ()


def _noting(where: str, secrets: dict[SecretNeed, None]) -> SecretReader:
    def note(reference: str) -> Secret:
        secrets[SecretNeed(where, reference)] = None
        return Secret("not read")

    return note


def _named_files(configuration: Configuration, specs: tuple[TargetSpec, ...]) -> Iterator[Path]:
    """What is there of the paths that stand in tables: of the configuration itself, of ``file:`` secrets, of trust and known_hosts."""
    if configuration.path is not None:
        yield configuration.path.absolute()
        if (more := configuration.path.absolute().parent / "conf.d").is_dir():
            yield more
    observers = (one.table for one in enabled(configuration))
    for value in _texts([*configuration.ca_tables.values(), *([one.trust, one.table] for one in specs), *observers]):
        path = os.path.expanduser(value.removeprefix("file:"))  # noqa: PTH111 - Path.expanduser raises for a home of nobody
        if path.startswith("/") and value.isprintable() and os.path.isfile(path):  # noqa: PTH113 - never raises, whatever the text is
            yield Path(path)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        yield from _texts(list(value.values()))
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _texts(one)


def _steps_own(configuration: Configuration, environ: Mapping[str, str]) -> Iterator[Path]:
    """The folder of ``step``, where a CA's table leaves something out that stands there."""
    base = step_base(environ, Path(environ.get("HOME") or Path.home()))
    settings = (configuration.ca(name, lambda _: Secret("not read")) for name in configuration.ca_tables)
    if base.is_dir() and not all(is_complete(one) for one in settings):
        yield base
