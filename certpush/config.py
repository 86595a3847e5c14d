"""TOML -> Configuration. Nothing past this module sees a raw table, except a kind's own settings class."""

from __future__ import annotations

import contextlib
import os
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal, cast

import msgspec

from certpush.errors import CertpushError, ConfigError
from certpush.kit.settings import Doc, Duration, SecretReader, Settings, convert, fields_of, parse_endpoint
from certpush.model import DEFAULT_DANGER_LEFT, DEFAULT_RENEW_AT, CertificateRequest, CertificateSpec, Endpoint, KeySpec, parse_name
from certpush.stepca.settings import CaSettings

_SLUG = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MAX_CONFIG_BYTES = 8 * 1024 * 1024  # thousands of targets fit; a file of another kind does not
DEFAULT_RESCUE_AFTER = timedelta(seconds=180)


# --- the tables, as a person writes them ------------------------------------------------------


class EndpointTable(Settings):
    """An endpoint in full, where ``"host:port"`` does not say enough."""

    host: str
    port: int
    server_name: Annotated[str | None, Doc("the name to ask for (SNI) and to check, when it is not the host")] = None
    starttls: Annotated[Literal["smtp", "imap", "pop3", "postgres"] | None, Doc("the plain-text protocol that TLS starts in")] = None


class CertificateKeys(Settings):
    """What a certificate is: stands in ``[certificate.NAME]``, ``[defaults]``, or in the target that has its own."""

    names: Annotated[list[str], Doc("DNS names and IP addresses; the first is the CN, and all are SANs")] = msgspec.field(
        default_factory=list
    )
    ca: Annotated[str | None, Doc("which [ca.NAME] signs it, where there are several")] = None
    lifetime: Annotated[Duration | None, Doc("how long it lives: 24h, 30d, 395d; the CA's default when left out")] = None
    key: Annotated[KeySpec | None, Doc("the kind of key")] = None
    reuse_key: Annotated[bool | None, Doc("keep the key when the certificate is replaced (default: a new key each time)")] = None
    renew_at: Annotated[str | None, Doc("the part of the lifetime after which it is replaced: 2/3, 66%")] = None
    danger_at: Annotated[str | None, Doc("the part of the lifetime left from which it is in danger: 1/6")] = None
    allow_short_chain: Annotated[bool | None, Doc("take a certificate although an intermediate ends before it")] = None


class TargetKeys(CertificateKeys):
    """What every target has, whatever its kind."""

    kind: Annotated[str, Doc("which plugin: `certpush targets` lists them")]
    certificate: Annotated[str | None, Doc("push the certificate of this [certificate.NAME] instead of one of its own")] = None
    tags: Annotated[list[str], Doc("words to select targets by: certpush deploy @edge")] = msgspec.field(default_factory=list)
    endpoints: Annotated[list[str | EndpointTable], Doc('where the certificate is served: "host:port", "address:port#name"')] = (
        msgspec.field(default_factory=list)
    )
    verify: Annotated[Literal["handshake", "files"], Doc("files: nothing serves it, look at what is installed")] = "handshake"
    trust: Annotated[str, Doc('whom to trust when talking to the appliance: "ca", a PEM path, or "sha256:..."')] = "ca"
    window: Annotated[str | None, Doc("when it may be rotated unattended: Sat 02:00-05:00")] = None
    pinned_by: Annotated[list[str], Doc("who pins this certificate and must be told; named in the plan")] = msgspec.field(
        default_factory=list
    )
    adopt: Annotated[bool, Doc("take over a certificate that certpush did not deploy, the first time")] = False
    enabled: Annotated[bool, Doc("false: left alone")] = True
    rescue_after: Annotated[Duration | None, Doc("after how long the device puts the old certificate back unless confirmed")] = None


class DefaultKeys(Settings):
    """``[defaults]``: what certificates and targets have when they do not say otherwise."""

    ca: Annotated[str | None, Doc("which [ca.NAME] signs")] = None
    lifetime: Annotated[Duration | None, Doc("how long certificates live")] = None
    key: Annotated[KeySpec | None, Doc("the kind of key")] = None
    reuse_key: Annotated[bool | None, Doc("keep keys when certificates are replaced")] = None
    renew_at: Annotated[str | None, Doc("the part of the lifetime after which certificates are replaced")] = None
    danger_at: Annotated[str | None, Doc("the part of the lifetime left from which certificates are in danger")] = None
    rescue_after: Annotated[Duration | None, Doc("the devices' own timer")] = None
    workers: Annotated[int, msgspec.Meta(ge=1, le=1024), Doc("how many targets at once (also in [fleet])")] | None = None


class FleetKeys(Settings):
    """``[fleet]``: many targets at once."""

    workers: Annotated[int, msgspec.Meta(ge=1, le=1024), Doc("how many targets at once")] | None = None
    canary: Annotated[int, msgspec.Meta(ge=0), Doc("how many targets go first, alone")] = 0
    stop_after: Annotated[int, msgspec.Meta(ge=0), Doc("after how many failures no further target is begun (0: go on)")] = 0
    ca_rate: Annotated[float, msgspec.Meta(ge=0), Doc("certificates asked of the CA in a second at most (0: no limit)")] = 0.0


class StateKeys(Settings):
    """``[state]``: where certpush remembers."""

    directory: Annotated[str | None, Doc("where the journal, the escrow and the locks are")] = None


# --- what the rest of certpush works with -----------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetSpec:
    """One target as configured: the core's part, and its kind's table (``table``), which only the kind can read."""

    name: str
    kind: str
    certificate: CertificateSpec
    table: Mapping[str, Any] = field(repr=False)
    tags: tuple[str, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    verify: Literal["handshake", "files"] = "handshake"
    trust: str = "ca"
    window: str | None = None
    pinned_by: tuple[str, ...] = ()
    adopt: bool = False
    enabled: bool = True
    rescue_after: timedelta = DEFAULT_RESCUE_AFTER

    @property
    def path(self) -> str:
        """Where the target stands in the configuration."""
        return f"target.{self.name}"


@dataclass(frozen=True, slots=True, kw_only=True)
class ObserverSpec:
    """One observer as configured."""

    name: str
    kind: str
    table: Mapping[str, Any] = field(repr=False)


@dataclass(frozen=True, slots=True, kw_only=True)
class Configuration:
    """A whole configuration, checked as far as it can be without loading a plugin."""

    path: Path | None
    state_directory: Path
    certificates: Mapping[str, CertificateSpec]
    targets: Mapping[str, TargetSpec]
    observers: Mapping[str, ObserverSpec]
    ca_tables: Mapping[str, Mapping[str, Any]] = field(repr=False)
    workers: int = 32
    fleet: FleetKeys = field(default_factory=FleetKeys)

    def ca(self, name: str, read_secret: SecretReader) -> CaSettings:
        """The settings of one CA, its secrets resolved.

        Raises:
            ConfigError: there is no such CA, or its table is wrong.

        """
        if name not in self.ca_tables:
            raise _unknown("CA", name, self.ca_tables, 'name one of them, or add [ca] with url = "https://..."')
        path = "ca" if name == DEFAULT_CA else f"ca.{name}"
        return convert(self.ca_tables[name], CaSettings, path=path, read_secret=read_secret)


DEFAULT_CA = "default"
SYSTEM_CONFIGURATION = Path("/etc/certpush/certpush.toml")
_SHARE = re.compile(r"[0-9./]{1,20}%?")
_CORE_KEYS = frozenset(item.encode_name for item in fields_of(TargetKeys))
_SECTIONS = ("ca", "certificate", "defaults", "fleet", "observer", "state", "target")


def locate(explicit: str | None, environ: Mapping[str, str]) -> Path | None:
    """The configuration file to use, or None where there is none.

    Raises:
        ConfigError: a file that was named does not exist.

    """
    named = explicit or environ.get("CERTPUSH_CONFIG")
    if named:
        path = Path(_expanded(named))
        if not _is_file(path):
            raise ConfigError(f"there is no configuration file {path}", hint="`certpush init` writes one")
        return path
    home = Path(environ.get("XDG_CONFIG_HOME") or Path(environ.get("HOME", "/")) / ".config")
    places = (home / "certpush" / "certpush.toml", SYSTEM_CONFIGURATION)
    return next((path for path in places if _is_file(path)), None)


def _expanded(text: str) -> str:
    try:
        return str(Path(text).expanduser())
    except RuntimeError:
        raise ConfigError(f"{text[:120]!a} lies in the home of nobody known here", hint="write the path in full") from None


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except PermissionError:
        return True  # somebody else's, perhaps ours: reading it will say so, and silence would look like no configuration


def load(path: Path | None, environ: Mapping[str, str] | None = None) -> Configuration:
    """Read ``path`` and the ``conf.d/*.toml`` beside it; None gives an empty configuration.

    Raises:
        ConfigError: with file, table and key of what is wrong.

    """
    environ = os.environ if environ is None else environ
    tables: dict[str, Any] = {}
    if path is not None:
        for one in (path, *sorted(path.parent.glob("conf.d/*.toml"))):
            _merge(tables, _read_toml(one), one)
    try:
        return _configuration(path, tables, environ)
    except CertpushError as error:  # only where there is a file: an empty configuration has nothing wrong in it
        error.message = f"{path}: {error.message}"
        error.args = (error.message,)
        raise


def _read_toml(path: Path) -> dict[str, Any]:
    try:
        with path.open("rb") as file:
            content = file.read(_MAX_CONFIG_BYTES + 1)
        if len(content) > _MAX_CONFIG_BYTES:
            raise ConfigError(f"{path}: larger than 8 MiB", hint="this is not a configuration of certpush")
        return tomllib.loads(content.decode())
    except OSError as error:
        raise ConfigError(f"{path}: cannot be read: {error.strerror}", hint="check the path and who runs certpush") from None
    except RecursionError:
        raise ConfigError(f"{path}: nested too deeply", hint="this is not a configuration of certpush") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: not valid TOML: {error}", hint="texts stand in double quotes, lists in square brackets") from None


def _merge(into: dict[str, Any], more: Mapping[str, Any], path: Path) -> None:
    for section, content in more.items():
        if section not in _SECTIONS:
            raise _unknown("table", section, _SECTIONS, f"tables are: {', '.join(_SECTIONS)}", where=f"{path}: ")
        if not isinstance(content, dict):
            raise ConfigError(f"{path}: {section} is a table", hint=f"write [{section}] on a line of its own")
        for key, value in content.items():
            known = into.setdefault(section, {})
            if key in known:
                raise ConfigError(f"{path}: {section}.{key} is already given in another file", hint="keep one of the two")
            known[key] = value


def _configuration(path: Path | None, tables: Mapping[str, Any], environ: Mapping[str, str]) -> Configuration:
    ca_tables = _ca_tables(tables.get("ca", {}))
    defaults = _with_only_ca(convert(tables.get("defaults", {}), DefaultKeys, path="defaults", read_secret=_no_secret), ca_tables)
    fleet = convert(tables.get("fleet", {}), FleetKeys, path="fleet", read_secret=_no_secret)
    state = convert(tables.get("state", {}), StateKeys, path="state", read_secret=_no_secret)
    certificates = {
        name: _certificate(name, _certificate_keys(name, table), defaults, f"certificate.{name}")
        for name, table in _named_tables(tables, "certificate").items()
    }
    targets = {name: _target(name, table, certificates, defaults) for name, table in _named_tables(tables, "target").items()}
    _refuse_unknown_cas({**{one.path: one.certificate for one in targets.values()}, **_paths(certificates)}, ca_tables)
    return Configuration(
        path=path,
        state_directory=Path(_expanded(state.directory)) if state.directory else default_state_directory(environ),
        certificates=certificates,
        targets=targets,
        observers={name: _observer(name, table) for name, table in _named_tables(tables, "observer").items()},
        ca_tables=ca_tables,
        workers=fleet.workers or defaults.workers or 32,
        fleet=fleet,
    )


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
            raise _unknown("CA", spec.ca, ca_tables, f"say which: ca = one of {', '.join(ca_tables)}", where=f"{path}: ")


def default_state_directory(environ: Mapping[str, str]) -> Path:
    """Where state is kept unless configured: the system's place for root, systemd's or the user's otherwise."""
    if "STATE_DIRECTORY" in environ:  # set by systemd for units with StateDirectory=
        return Path(environ["STATE_DIRECTORY"].split(":")[0])
    if os.geteuid() == 0:
        return Path("/var/lib/certpush")
    base = environ.get("XDG_STATE_HOME") or Path(environ.get("HOME", "/")) / ".local" / "state"
    return Path(base) / "certpush"


def _named_tables(tables: Mapping[str, Any], section: str) -> dict[str, dict[str, Any]]:
    found = tables.get(section, {})
    for name, table in found.items():
        if not isinstance(table, dict):
            raise ConfigError(f"{section}.{name} is not a table", hint=f"write [{section}.NAME], then its keys")
        if not _SLUG.fullmatch(name):
            raise ConfigError(
                f"{name[:80]!a} cannot be the name of a {section}",
                hint="letters, digits, dot, hyphen and underscore, at most 64, beginning with a letter or digit",
            )
    return cast("dict[str, dict[str, Any]]", found)


def _ca_tables(section: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    if section and all(isinstance(value, dict) for value in section.values()):
        return dict(_named_tables({"ca": section}, "ca"))
    # An empty table still stands for the CA of an existing `step ca bootstrap`.
    return {DEFAULT_CA: section}


def _certificate_keys(name: str, table: Mapping[str, Any]) -> CertificateKeys:
    return convert(table, CertificateKeys, path=f"certificate.{name}", read_secret=_no_secret)


def _certificate(name: str, keys: CertificateKeys, defaults: DefaultKeys, path: str) -> CertificateSpec:
    def chosen(key: str, otherwise: Any) -> Any:
        own = getattr(keys, key)
        if own is not None:
            return own
        common = getattr(defaults, key, None)
        return otherwise if common is None else common

    try:
        request = CertificateRequest(
            tuple(parse_name(one) for one in keys.names),
            KeySpec(chosen("key", KeySpec.EC_P256)),
            chosen("lifetime", None),
        )
        return CertificateSpec(
            name=name,
            request=request,
            ca=chosen("ca", DEFAULT_CA),
            reuse_key=chosen("reuse_key", otherwise=False),
            renew_at=_fraction(chosen("renew_at", None), DEFAULT_RENEW_AT),
            danger_left=_fraction(chosen("danger_at", None), DEFAULT_DANGER_LEFT),
            allow_short_chain=chosen("allow_short_chain", otherwise=False),
        )
    except ConfigError as error:
        raise ConfigError(f"{path}: {error.message}", hint=error.hint) from None


def _target(name: str, table: Mapping[str, Any], certificates: Mapping[str, CertificateSpec], defaults: DefaultKeys) -> TargetSpec:
    path = f"target.{name}"
    core = {key: value for key, value in table.items() if key in _CORE_KEYS}
    keys = convert(core, TargetKeys, path=path, read_secret=_no_secret)
    certificate = _own_or_shared(name, keys, certificates, defaults)
    return TargetSpec(
        name=name,
        kind=keys.kind,
        certificate=certificate,
        table={key: value for key, value in table.items() if key not in _CORE_KEYS},
        tags=tuple(keys.tags),
        endpoints=tuple(_endpoint(one, path) for one in keys.endpoints),
        verify=keys.verify,
        trust=keys.trust,
        window=keys.window,
        pinned_by=tuple(keys.pinned_by),
        adopt=keys.adopt,
        enabled=keys.enabled,
        rescue_after=keys.rescue_after or defaults.rescue_after or DEFAULT_RESCUE_AFTER,
    )


def _own_or_shared(name: str, keys: TargetKeys, certificates: Mapping[str, CertificateSpec], defaults: DefaultKeys) -> CertificateSpec:
    if keys.certificate is None:
        if name in certificates:
            raise ConfigError(
                f"target.{name}: there is a [certificate.{name}] of the same name",
                hint=f'write certificate = "{name}" in the target, or rename one of the two',
            )
        return _certificate(name, keys, defaults, f"target.{name}")
    own = [key for key in (item.encode_name for item in fields_of(CertificateKeys)) if getattr(keys, key) not in (None, [])]
    if own:
        raise ConfigError(
            f"target.{name}: {own[0]} belongs to the certificate that it names",
            hint=f"move {', '.join(own)} to [certificate.{keys.certificate}]",
        )
    if keys.certificate not in certificates:
        raise _unknown("certificate", keys.certificate, certificates, "add [certificate.NAME]", where=f"target.{name}: ")
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


def _observer(name: str, table: Mapping[str, Any]) -> ObserverSpec:
    if not isinstance(table.get("kind"), str):
        raise ConfigError(f"observer.{name}: the key 'kind' is missing", hint=f'add kind = "..." to [observer.{name}]')
    return ObserverSpec(name=name, kind=table["kind"], table={key: value for key, value in table.items() if key != "kind"})


def _fraction(text: str | None, otherwise: Fraction) -> Fraction:
    if text is None:
        return otherwise
    share = Fraction(0)
    if _SHARE.fullmatch(text):  # Fraction alone would also take "1e999999999", and think about it for hours
        with contextlib.suppress(ValueError, ZeroDivisionError):
            share = Fraction(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    if not 0 < share < 1:
        raise ConfigError(f"{text!a} is not a part of the lifetime", hint='write it as "2/3" or "66%"')
    return share


def _no_secret(_: str) -> Any:
    raise AssertionError("none of these tables has a field for a secret")


def _unknown(what: str, name: str, known: Any, hint: str, where: str = "") -> ConfigError:
    import difflib

    near = difflib.get_close_matches(name, list(known), n=1)
    return ConfigError(f"{where}there is no {what} {name[:80]!a}", hint=f"did you mean {near[0]!r}?" if near else hint)
