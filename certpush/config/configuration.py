"""What a configuration says, as the rest of certpush works with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from certpush.config.tables import FleetKeys
from certpush.errors import ConfigError
from certpush.kit.settings import SecretReader, convert
from certpush.records import record

if TYPE_CHECKING:  # a look at endpoints asks no CA, and heeds no window
    from certpush.model import CertificateSpec, Endpoint
    from certpush.stepca.settings import CaSettings
    from certpush.window import Window

DEFAULT_CA = "default"
DEFAULT_RESCUE_AFTER = timedelta(seconds=180)


@record(frozen=True, slots=True, kw_only=True)
class TargetSpec:
    """One target as configured: the core's part, and its kind's table (``table``), which only the kind can read."""

    name: str
    kind: str
    certificate: CertificateSpec
    shared: bool = False
    """Whether it pushes a ``[certificate.NAME]``, which is not its alone."""
    table: Mapping[str, Any] = field(repr=False)
    tags: tuple[str, ...] = ()
    endpoints: tuple[Endpoint, ...] = ()
    verify: Literal["handshake", "files"] = "handshake"
    trust: str = "ca"
    window: Window | None = None
    pinned_by: tuple[str, ...] = ()
    adopt: bool = False
    enabled: bool = True
    set_aside: bool = False
    """Not enabled only for this run: another service of the same machine has it."""
    rescue_after: timedelta = DEFAULT_RESCUE_AFTER

    @property
    def path(self) -> str:
        """Where the target stands in the configuration."""
        return f"target.{self.name}"


@record(frozen=True, slots=True, kw_only=True)
class ObserverSpec:
    """One observer as configured: the core's part, and its kind's table (``table``), which only the kind can read."""

    name: str
    kind: str
    table: Mapping[str, Any] = field(repr=False)
    enabled: bool = True
    deadline: timedelta = timedelta(seconds=30)

    @property
    def path(self) -> str:
        """Where the observer stands in the configuration."""
        return f"observer.{self.name}"


@record(frozen=True, slots=True, kw_only=True)
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
        from certpush.stepca.settings import CaSettings

        if name not in self.ca_tables:
            raise unknown("CA", name, self.ca_tables, 'name one of them, or add [ca] with url = "https://..."')
        path = "ca" if name == DEFAULT_CA else f"ca.{name}"
        return convert(self.ca_tables[name], CaSettings, path=path, read_secret=read_secret)


def unknown(what: str, name: str, known: Any, hint: str, where: str = "") -> ConfigError:
    """The error for a name that means nothing, with the nearest one that does."""
    import difflib

    near = difflib.get_close_matches(name, list(known), n=1)
    return ConfigError(f"{where}there is no {what} {name[:80]!a}", hint=f"did you mean {near[0]!r}?" if near else hint)
