"""The configuration: TOML in, typed specs out."""

from certpush.config.configuration import DEFAULT_CA, DEFAULT_RESCUE_AFTER, Configuration, ObserverSpec, TargetSpec
from certpush.config.files import SYSTEM_CONFIGURATION, default_state_directory, locate
from certpush.config.loading import from_tables, load
from certpush.config.tables import (
    CertificateKeys,
    DefaultKeys,
    EndpointTable,
    FleetKeys,
    ObserverKeys,
    StateKeys,
    TargetKeys,
)

__all__ = [
    "DEFAULT_CA",
    "DEFAULT_RESCUE_AFTER",
    "SYSTEM_CONFIGURATION",
    "CertificateKeys",
    "Configuration",
    "DefaultKeys",
    "EndpointTable",
    "FleetKeys",
    "ObserverKeys",
    "ObserverSpec",
    "StateKeys",
    "TargetKeys",
    "TargetSpec",
    "default_state_directory",
    "from_tables",
    "load",
    "locate",
]
