"""TOML -> Configuration. Nothing past this package sees a raw table, except a kind's own settings class."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar, cast

import msgspec

from certpush.config.certificates import certificate_spec
from certpush.config.configuration import DEFAULT_CA, DEFAULT_RESCUE_AFTER, Configuration, ObserverSpec, TargetSpec, unknown
from certpush.config.files import default_state_directory, expanded, merge, read_toml
from certpush.config.tables import CertificateKeys, DefaultKeys, EndpointTable, FleetKeys, ObserverKeys, StateKeys, TargetKeys
from certpush.errors import CertpushError, ConfigError
from certpush.kit.settings import convert, key_names, parse_endpoint
from certpush.model import Endpoint, parse_name

if TYPE_CHECKING:
    from certpush.model import CertificateSpec
    from certpush.window import Window

S = TypeVar("S", DefaultKeys, FleetKeys, StateKeys)
_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_CORE_KEYS = frozenset(key_names(TargetKeys))
_OBSERVER_KEYS = frozenset(key_names(ObserverKeys))


def load(path: Path | None, environ: Mapping[str, str] | None = None) -> Configuration:
    """Read ``path`` and the ``conf.d/*.toml`` beside it; None gives an empty configuration.

    Raises:
        ConfigError: with file, table and key of what is wrong.

    """
    environ = os.environ if environ is None else environ
    tables: dict[str, Any] = {}
    if path is not None:
        for one in (path, *sorted(path.parent.glob("conf.d/*.toml"))):
            merge(tables, read_toml(one), one)
    try:
        return _configuration(path, tables, environ)
    except CertpushError as error:  # only where there is a file: an empty configuration has nothing wrong in it
        error.message = f"{path}: {error.message}"
        error.args = (error.message,)
        raise


def from_tables(tables: Mapping[str, Any], environ: Mapping[str, str] | None = None) -> Configuration:
    """Read a configuration that a program made itself: the tables as TOML would give them.

    Raises:
        ConfigError: with table and key of what is wrong.

    """
    checked: dict[str, Any] = {}
    merge(checked, tables, Path("tables"))
    return _configuration(None, checked, os.environ if environ is None else environ)


def _configuration(path: Path | None, tables: Mapping[str, Any], environ: Mapping[str, str]) -> Configuration:
    ca_tables = _ca_tables(tables.get("ca", {}))
    defaults = _with_only_ca(_section(tables, "defaults", DefaultKeys), ca_tables)
    fleet, state = _section(tables, "fleet", FleetKeys), _section(tables, "state", StateKeys)
    certificates = {
        name: certificate_spec(name, _certificate_keys(name, table), defaults, f"certificate.{name}")
        for name, table in _named_tables(tables, "certificate").items()
    }
    targets = {name: _target(name, table, certificates, defaults) for name, table in _named_tables(tables, "target").items()}
    _refuse_unknown_cas({**{one.path: one.certificate for one in targets.values()}, **_paths(certificates)}, ca_tables)
    return Configuration(
        path=path,
        state_directory=Path(expanded(state.directory)) if state.directory else default_state_directory(environ),
        certificates=certificates,
        targets=targets,
        observers={name: _observer(name, table) for name, table in _named_tables(tables, "observer").items()},
        ca_tables=ca_tables,
        workers=fleet.workers or defaults.workers or 32,
        fleet=fleet,
    )


def _section(tables: Mapping[str, Any], name: str, into: type[S]) -> S:
    """The keys of a table that may be left out: msgspec then need not take the class apart."""
    table = tables.get(name)
    return convert(table, into, path=name, read_secret=_no_secret, endpoints=False) if table else into()


def _with_only_ca(defaults: DefaultKeys, ca_tables: Mapping[str, Any]) -> DefaultKeys:
    """Where there is one CA, it is meant, whatever its name."""
    if defaults.ca is not None or len(ca_tables) != 1:
        return defaults
    chosen: DefaultKeys = msgspec.structs.replace(defaults, ca=next(iter(ca_tables)))  # type: ignore[type-var] # a Struct, to msgspec
    return chosen


def _paths(certificates: Mapping[str, CertificateSpec]) -> dict[str, CertificateSpec]:
    return {f"certificate.{name}": spec for name, spec in certificates.items()}


def _refuse_unknown_cas(specs: Mapping[str, CertificateSpec], ca_tables: Mapping[str, Any]) -> None:
    for path, spec in specs.items():
        if spec.ca not in ca_tables:
            raise unknown("CA", spec.ca, ca_tables, f"say which: ca = one of {', '.join(ca_tables)}", where=f"{path}: ")


def _named_tables(tables: Mapping[str, Any], section: str) -> dict[str, dict[str, Any]]:
    found = tables.get(section, {})
    for name, table in found.items():
        if not isinstance(table, dict):
            raise ConfigError(f"{section}.{name} is not a table", hint=f"write [{section}.NAME], then its keys")
        check_table_name(section, name)
    return cast("dict[str, dict[str, Any]]", found)


def check_table_name(section: str, name: str) -> None:
    """Refuse what cannot be the NAME of a ``[section.NAME]``.

    Raises:
        ConfigError: with what a name is made of.

    """
    if not _SLUG.fullmatch(name):
        raise ConfigError(
            f"{name[:80]!a} cannot be the name of a {section}",
            hint="letters, digits, dot, hyphen and underscore, at most 64, beginning with a letter or digit",
        )


def _ca_tables(section: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    if section and all(isinstance(value, dict) for value in section.values()):
        return dict(_named_tables({"ca": section}, "ca"))
    # An empty table still stands for the CA of an existing `step ca bootstrap`.
    return {DEFAULT_CA: section}


def _certificate_keys(name: str, table: Mapping[str, Any]) -> CertificateKeys:
    return convert(table, CertificateKeys, path=f"certificate.{name}", read_secret=_no_secret, endpoints=False)


def _target(name: str, table: Mapping[str, Any], certificates: Mapping[str, CertificateSpec], defaults: DefaultKeys) -> TargetSpec:
    path = f"target.{name}"
    core = {key: value for key, value in table.items() if key in _CORE_KEYS}
    keys = convert(core, TargetKeys, path=path, read_secret=_no_secret, endpoints=False)
    certificate = _own_or_shared(name, keys, certificates, defaults)
    return TargetSpec(
        name=name,
        kind=keys.kind,
        certificate=certificate,
        shared=keys.certificate is not None,
        table={key: value for key, value in table.items() if key not in _CORE_KEYS},
        tags=tuple(keys.tags),
        endpoints=tuple(_endpoint(one, path) for one in keys.endpoints),
        verify=keys.verify,
        trust=keys.trust,
        window=_window(keys.window, path),
        pinned_by=tuple(keys.pinned_by),
        adopt=keys.adopt,
        enabled=keys.enabled,
        rescue_after=next(one for one in (keys.rescue_after, defaults.rescue_after, DEFAULT_RESCUE_AFTER) if one is not None),
    )


def _own_or_shared(name: str, keys: TargetKeys, certificates: Mapping[str, CertificateSpec], defaults: DefaultKeys) -> CertificateSpec:
    if keys.certificate is None:
        if name in certificates:
            raise ConfigError(
                f"target.{name}: there is a [certificate.{name}] of the same name",
                hint=f'write certificate = "{name}" in the target, or rename one of the two',
            )
        return certificate_spec(name, keys, defaults, f"target.{name}")
    own = [key for key in key_names(CertificateKeys) if getattr(keys, key) not in (None, [])]
    if own:
        raise ConfigError(
            f"target.{name}: {own[0]} belongs to the certificate that it names",
            hint=f"move {', '.join(own)} to [certificate.{keys.certificate}]",
        )
    if keys.certificate not in certificates:
        raise unknown("certificate", keys.certificate, certificates, "add [certificate.NAME]", where=f"target.{name}: ")
    return certificates[keys.certificate]


def _endpoint(given: str | EndpointTable, path: str) -> Endpoint:
    try:
        if isinstance(given, str):
            return parse_endpoint(given)
        at = parse_endpoint(f"[{given.host}]:{given.port}" if ":" in given.host else f"{given.host}:{given.port}")
        name = str(parse_name(given.server_name)) if given.server_name else None
        return Endpoint(at.host, at.port, name, given.starttls)
    except ConfigError as error:
        raise ConfigError(f"{path}.endpoints: {error.message}", hint=error.hint) from None


def _window(text: str | None, path: str) -> Window | None:
    if text is None:
        return None
    from certpush.window import Window

    try:
        return Window.parse(text)
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.message}", hint=error.hint) from None


def _observer(name: str, table: Mapping[str, Any]) -> ObserverSpec:
    path = f"observer.{name}"
    keys = convert(
        {key: value for key, value in table.items() if key in _OBSERVER_KEYS},
        ObserverKeys,
        path=path,
        read_secret=_no_secret,
        endpoints=False,
    )
    own = {key: value for key, value in table.items() if key not in _OBSERVER_KEYS}
    return ObserverSpec(name=name, kind=keys.kind, table=own, enabled=keys.enabled, deadline=keys.deadline)


def _no_secret(_: str) -> Any:
    raise AssertionError("none of these tables has a field for a secret")
