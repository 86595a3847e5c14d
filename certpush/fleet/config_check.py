"""Read every table of a configuration as a run would, and ask nobody anything: no network, no command, no keyring."""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable, Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from certpush.config import DEFAULT_CA, Configuration, ObserverSpec, TargetSpec
from certpush.errors import CertpushError
from certpush.fleet.fitting import key_fits, names_fit, timer_fits
from certpush.fleet.kinds import kind_of
from certpush.fleet.observing import read_observer
from certpush.fleet.opening import keys_of, read_settings
from certpush.kit.settings import SecretReader, format_duration
from certpush.model import Finding, Severity
from certpush.plugins import PluginLoader, knows_where
from certpush.stepca.bootstrap import address_of, completed, read_root_file, user_path
from certpush.target import TargetKind

Found = tuple[str, Finding]


def check_configuration(
    configuration: Configuration, loader: PluginLoader, read_secret: SecretReader, environ: Mapping[str, str]
) -> Iterator[Found]:
    """Give each table's path with what was found in it; ``read_secret`` should only look whether the secret is there."""
    if configuration.path is not None:
        yield from ((path.name, found) for path in _files(configuration.path) for found in _rights(path))
    for name in configuration.ca_tables:
        where = "ca" if name == DEFAULT_CA else f"ca.{name}"
        yield from ((where, found) for found in _guarded(partial(_ca, configuration, name, read_secret, environ)))
    for spec in configuration.targets.values():
        yield from ((spec.path, found) for found in _guarded(partial(_target, spec, loader, read_secret)))
    yield from examine_observers(configuration.observers.values(), loader, read_secret)
    yield from _left_over(configuration)


def _guarded(check: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from check()
    except CertpushError as error:
        yield Finding(Severity.ERROR, "table", error.message, error.hint)


def _files(path: Path) -> tuple[Path, ...]:
    return (path, *sorted(path.parent.glob("conf.d/*.toml")))


def _rights(path: Path) -> Iterator[Finding]:
    """Who may write a configuration decides what commands are run, and where certificates go."""
    found = path.stat()
    if found.st_uid not in (0, os.geteuid()):
        yield Finding(Severity.WARNING, "rights", f"{path} belongs to another user", f"chown {os.geteuid()} {path}")
    elif stat.S_IMODE(found.st_mode) & 0o022:
        yield Finding(Severity.WARNING, "rights", f"others may write to {path}, and it names commands to run", f"chmod go-w {path}")
    else:
        yield Finding(Severity.OK, "rights", f"{path} is read")


def _ca(configuration: Configuration, name: str, read_secret: SecretReader, environ: Mapping[str, str]) -> Iterator[Finding]:
    settings = configuration.ca(name, read_secret)
    known = completed(settings, environ)
    if known.root is not None:
        read_root_file(user_path(known.root), known.fingerprint)
    elif known.fingerprint is None:
        yield Finding(Severity.ERROR, "ca-root", f"{address_of(known)}: nothing says which root this CA has", "add fingerprint = ... to it")
        return
    borrowed = "" if settings.url is not None else " (from an existing `step ca bootstrap`)"
    yield Finding(Severity.OK, "table", f"{address_of(known)}{borrowed}")


def _target(spec: TargetSpec, loader: PluginLoader, read_secret: SecretReader) -> Iterator[Finding]:
    kind = kind_of(spec, loader.load_kind)
    read_settings(spec, kind, read_secret)
    names = ", ".join(str(name) for name in spec.certificate.request.names)
    yield Finding(Severity.OK, "table", f"{spec.kind}: {names}{'' if spec.enabled else ' (not enabled)'}")
    yield key_fits(spec, kind)
    yield from timer_fits(spec, kind)
    yield from names_fit(spec.certificate.request.names, spec.endpoints)
    yield from _window_fits(spec)
    yield from _without_effect(spec, kind)
    if spec.verify != "files" and not spec.endpoints and not knows_where(kind):
        yield Finding(
            Severity.ERROR,
            "endpoints",
            "nothing says where the certificate is served",
            'add endpoints = ["host:port"]; or verify = "files" where nothing serves it',
        )


def _window_fits(spec: TargetSpec) -> Iterator[Finding]:
    """Whether the certificate can wait for the window at all."""
    lifetime, rare = spec.certificate.request.lifetime, spec.window.longest_wait() if spec.window else None
    if rare and lifetime and lifetime * float(1 - spec.certificate.danger_left) < rare:
        yield Finding(
            Severity.WARNING,
            "window",
            f"a certificate of {format_duration(lifetime)} cannot always wait for a window that opens every {format_duration(rare)}:"
            " it is rotated outside of it when waiting would be dangerous",
            "ask for a longer lifetime, or let the window open more often",
        )


def _without_effect(spec: TargetSpec, kind: TargetKind[Any]) -> Iterator[Finding]:
    """Keys that are read, and that nothing heeds: who wrote them should not rely on them."""
    if spec.trust != "ca" and "trust" not in keys_of(kind):
        yield Finding(Severity.WARNING, "trust", f"trust has no effect: the kind {kind.name} talks to no appliance by TLS", "leave it out")


def examine_observers(specs: Iterable[ObserverSpec], loader: PluginLoader, read_secret: SecretReader) -> Iterator[Found]:
    """Each observer's table as a run reads it, and what would keep it from its work."""
    for spec in specs:
        yield from ((spec.path, found) for found in _guarded(partial(_observer, spec, loader, read_secret)))


def _observer(spec: ObserverSpec, loader: PluginLoader, read_secret: SecretReader) -> Iterator[Finding]:
    kind = loader.load_observer(spec.kind)
    settings = read_observer(spec, kind, read_secret)
    yield Finding(Severity.OK, "table", f"{spec.kind}{'' if spec.enabled else ' (not enabled)'}")
    if kind.preflight is not None:
        yield from kind.preflight(settings)


def _left_over(configuration: Configuration) -> Iterator[Found]:
    used = {spec.certificate.name for spec in configuration.targets.values()}
    for name in configuration.certificates:
        if name not in used:
            yield (
                f"certificate.{name}",
                Finding(Severity.WARNING, "unused", "no target uses it", f'certificate = "{name}" in a target does'),
            )
    if not configuration.targets:
        yield "targets", Finding(Severity.INFO, "targets", "there is no target yet; add a [target.NAME] table")
