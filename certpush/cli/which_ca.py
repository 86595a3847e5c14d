"""Which CA a command means: what its options say, the configuration, or an existing ``step ca bootstrap``."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from certpush.cli.ca_options import add_ca_options
from certpush.config import DEFAULT_CA, Configuration, load, locate
from certpush.kit.settings import convert
from certpush.kit.tls import utc_now
from certpush.model import Secret
from certpush.stepca.bootstrap import completed, is_recognised
from certpush.stepca.settings import CaSettings

if TYPE_CHECKING:  # where no CA is asked, none of it is needed
    from certpush.stepca.client import StepCa
    from certpush.stepca.issuer import StepCaIssuer

__all__ = [
    "add_ca_options",
    "ca_name",
    "configuration_for",
    "open_public",
    "public_settings",
    "recognised",
    "talking",
]

_PUBLIC_KEYS = ("url", "fingerprint", "root", "provisioner")
_WAYS = ("password", "x5c_certificate", "x5c_key", "provisioner_key", "token")


def configuration_for(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Configuration:
    """The configuration, with what the options say about the CA in the place of what it says.

    With ``--ca-url`` and no ``--config`` no configuration is read: another CA has other settings.

    Raises:
        ConfigError: the configuration is wrong, or there is no such CA.

    """
    own_url = arguments.ca_url is not None
    found = None if own_url and not arguments.config else locate(arguments.config, environ)
    configuration = load(found, environ)
    given = _given(arguments)
    if not given:
        return configuration
    if own_url:
        return replace(configuration, ca_tables={arguments.ca or DEFAULT_CA: given})
    return _changed(configuration, arguments.ca, given)


def _given(arguments: argparse.Namespace) -> dict[str, str]:
    options = {
        "url": arguments.ca_url,
        "fingerprint": arguments.fingerprint,
        "provisioner": getattr(arguments, "provisioner", None),
        "password": _password_reference(getattr(arguments, "password_file", None)),
    }
    return {key: value for key, value in options.items() if value is not None}


def _password_reference(path: str | None) -> str | None:
    return f"file:{path}" if path is not None else None


def _changed(configuration: Configuration, ca: str | None, given: Mapping[str, str]) -> Configuration:
    name = ca_name(configuration, ca)
    table = _table(configuration, name)
    if "password" in given:  # a CA has one way to prove oneself; the one given now is meant
        table = {key: value for key, value in table.items() if key not in _WAYS}
    if "fingerprint" in given:
        table.pop("root", None)
    return replace(configuration, ca_tables={**configuration.ca_tables, name: {**table, **given}})


def ca_name(configuration: Configuration, ca: str | None) -> str:
    """The name of the CA that is meant: the one given, or the only one."""
    names = list(configuration.ca_tables)
    return ca or (names[0] if len(names) == 1 else DEFAULT_CA)


def public_settings(configuration: Configuration, ca: str | None) -> CaSettings:
    """What a CA is recognised by; its secrets are left alone, for nothing here proves itself to it.

    Raises:
        ConfigError: there is no such CA, or its table is wrong.

    """
    name = ca_name(configuration, ca)
    table = {key: value for key, value in _table(configuration, name).items() if key in _PUBLIC_KEYS}
    return convert(table, CaSettings, path="ca" if name == DEFAULT_CA else f"ca.{name}", read_secret=Secret)


def _table(configuration: Configuration, name: str) -> dict[str, Any]:
    if name not in configuration.ca_tables:
        configuration.ca(name, Secret)  # raises, and names the CAs that there are
    return dict(configuration.ca_tables[name])


def open_public(settings: CaSettings, environ: Mapping[str, str]) -> StepCaIssuer:
    """A CA to look at; what the settings leave out comes from an existing ``step ca bootstrap``."""
    from certpush.stepca.issuer import open_issuer

    return open_issuer(recognised(settings, environ))


def recognised(settings: CaSettings, environ: Mapping[str, str]) -> CaSettings:
    """What a CA is recognised by; what the settings leave out of that comes from an existing ``step ca bootstrap``."""
    return settings if is_recognised(settings) else completed(settings, environ)


@contextmanager
def talking(arguments: argparse.Namespace) -> Iterator[StepCa]:
    """Connect to the CA that is meant, its root known and checked; every request inside together has 30 s.

    Raises:
        ConfigError: no CA is known, or its settings are wrong.
        IssuerUnreachable: it does not answer.
        TrustError: it is not that CA.

    """
    from certpush.kit.allowance import allowing
    from certpush.stepca.contact import explaining_distrust
    from certpush.stepca.issuer import OPERATION_SECONDS

    configuration = configuration_for(arguments, os.environ)
    with open_public(public_settings(configuration, arguments.ca), os.environ) as issuer, allowing(seconds=OPERATION_SECONDS):
        ca = issuer.connect()
        with explaining_distrust(ca.address, ca.roots, utc_now):
            yield ca
