"""certpush daemon, put together: configuration, signals, the service manager's socket, and the loop."""

from __future__ import annotations

import argparse
import logging
import os
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from certpush.cli.console import Console
from certpush.cli.daemon import notify
from certpush.cli.daemon.environment import KeptEnvironment
from certpush.cli.daemon.health import HealthFile
from certpush.cli.daemon.healthcheck import health_path
from certpush.cli.daemon.held_file import HeldFile
from certpush.cli.daemon.loop import Loop
from certpush.cli.daemon.signals import Signals
from certpush.cli.logs import show_times
from certpush.config import Configuration, load, locate
from certpush.errors import CertpushError, ConfigError
from certpush.fleet.fleet import Fleet
from certpush.fleet.lost_runs import LostRuns
from certpush.fleet.needs import needs_of
from certpush.kit.settings import Duration, format_duration
from certpush.model import Event
from certpush.plugins import PluginLoader
from certpush.state.directory import open_state_directory

_log = logging.getLogger("certpush.daemon")
_LEAST, _MOST = timedelta(seconds=5), timedelta(days=1)
"""Between two looks: each is a handshake, or a login, with every target."""


def run_until_stopped(arguments: argparse.Namespace, console: Console) -> int:
    """Run; gives the exit code, which is 0 for one that was asked to stop.

    Raises:
        CertpushError: it cannot begin: no configuration, or a state directory that is not ours.

    """
    if not arguments.quiet and not arguments.verbose:
        _log.setLevel(logging.INFO)  # its lines are what it is watched by; all others stay as they are
    show_times(os.environ)
    environ, at_most = KeptEnvironment(os.environ), _at_most(arguments.every)
    with Signals() as signals:
        configuration = _first(arguments.config, environ)
        state = open_state_directory(configuration.state_directory)
        loop = Loop(
            configuration=configuration,
            load=lambda: _usable(arguments.config, environ),
            open_fleet=_opening(environ),
            signals=signals,
            notifier=notify.here(os.environ),
            health=_health_file(health_path(arguments), state),
            lost=LostRuns(environ),
            at_most=at_most,
        )
        _log.info("%s: %s, a look every %s at most", configuration.path, *loop.in_short())
        loop.run()
    console.document |= {"runs": loop.runs, "last": loop.last.document if loop.last else None}
    return 0


def _health_file(path: Path, state: Path) -> HealthFile:
    """Private within the state, as all is there; elsewhere another user may be who looks."""
    return HealthFile(HeldFile(path, 0o600 if state in path.parents else 0o644))


def _opening(environ: KeptEnvironment) -> Callable[[Configuration, Callable[[Event], None]], Fleet]:
    return lambda configuration, observe: Fleet(configuration, environ=environ, observe=observe)


def _first(path: str | None, environ: KeptEnvironment) -> Configuration:
    """The configuration to begin with: one bad table is told, and keeps no other target from its turn."""
    configuration = _loaded(path, environ)
    if not any(one.enabled for one in configuration.targets.values()):
        raise ConfigError("there is no target to renew", hint="add a [target.NAME] table; `certpush targets` lists the kinds")
    try:
        needs_of(configuration, PluginLoader(), environ)
    except CertpushError as error:
        _log.error("the configuration is not whole, and the rest of it is used: %s; %s", error.message, error.hint)
    return configuration


def _usable(path: str | None, environ: KeptEnvironment) -> Configuration:
    """A configuration to go on with: whole, or it is not taken."""
    configuration = _loaded(path, environ)
    needs_of(configuration, PluginLoader(), environ)
    return configuration


def _loaded(path: str | None, environ: KeptEnvironment) -> Configuration:
    found = locate(path, environ)
    if found is None:
        raise ConfigError("there is no configuration yet", hint="`certpush init` asks a few questions and writes one")
    return load(found, environ)


def _at_most(text: str | None) -> timedelta | None:
    if text is None:
        return None
    length = Duration.parse(text)
    if not _LEAST <= length <= _MOST:
        between = f"between {format_duration(_LEAST)} and {format_duration(_MOST)}"
        raise ConfigError(f"--every: {format_duration(length)} is not {between}", hint="certpush daemon --every 1h")
    return length
