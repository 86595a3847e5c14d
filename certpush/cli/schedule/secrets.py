"""How the secrets of a configuration reach an unattended run; what cannot reach it is refused before it fails at night."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path

from certpush.cli.schedule.order import Order
from certpush.errors import ConfigError
from certpush.fleet.needs import SecretNeed

ENCRYPTED_STORE, PLAIN_STORE = Path("/etc/credstore.encrypted"), Path("/etc/credstore")
_SEALED = ".cred"


def credentials_of(order: Order, *, local: bool) -> Mapping[str, Path]:
    """The file of each credential that the CAs and this half of the targets need: the others' are not its business.

    Raises:
        ConfigError: one is nowhere, with the command that makes it.

    """
    others = {f"target.{name}" for name in (order.needs.elsewhere if local else order.needs.here)}
    names = dict.fromkeys(need.name for need in order.needs.secrets if need.scheme == "cred" and need.where not in others)
    return {name: order.credentials.get(name) or _found(name, order) for name in names}


def is_sealed(path: Path) -> bool:
    """Whether a credential's file is one that `systemd-creds encrypt` made."""
    return path.suffix == _SEALED or path.parent == ENCRYPTED_STORE


def refuse_unreachable(order: Order, *, cron: bool) -> None:
    """Refuse what no unattended run could read.

    Raises:
        ConfigError: with the place of the reference, and what to write instead.

    """
    for need in order.needs.secrets:
        problem = _problem(need, order, cron=cron)
        if problem is not None:
            raise problem


def doubts(order: Order) -> Iterator[str]:
    """What may or may not work without a person, for a person to try."""
    for need in order.needs.secrets:
        if need.scheme == "cmd":
            yield f"{need.where}: {need.reference!a} runs without a person, and inside of the unit's sandbox: try it once by hand"
        if need.scheme == "keyring":
            yield f"{need.where}: a keyring is locked while nobody is logged in, and the run fails then"
    for directory in order.needs.observers if order.scope == "system" else ():
        with suppress(OSError):  # one that is missing is what `certpush config check` tells
            if os.stat(directory).st_uid != order.account.pw_uid:  # noqa: PTH116 - a text of the configuration, as it is
                yield f"{directory} belongs to another user than {order.account.pw_name}: let that user write there, for an observer does"


def _found(name: str, order: Order) -> Path:
    beside = order.configuration.parent
    places = (beside / f"{name}{_SEALED}", beside / name, ENCRYPTED_STORE / name, PLAIN_STORE / name)
    found = next((path for path in places if path.is_file()), None)
    if found is None:
        where = next(need.where for need in order.needs.secrets if need.reference == f"cred:{name}")
        raise ConfigError(
            f'{where}: nothing is there for "cred:{name}"',
            hint=f"systemd-creds encrypt --name={name} FILE {places[0]}, or --credential {name}=FILE",
        )
    return found


def _problem(need: SecretNeed, order: Order, *, cron: bool) -> ConfigError | None:
    if need.scheme == "env":
        return ConfigError(
            f"{need.where}: {need.reference!a} is a variable that no timer has",
            hint=f'put it into a file and write "{"file:/path" if cron else f"cred:{need.name}"}": a unit could be read by anybody',
        )
    if need.scheme == "cred" and cron:
        return ConfigError(f"{need.where}: {need.reference!a} is a credential of systemd, and cron has none", hint='use "file:/path"')
    if need.scheme == "keyring" and order.scope == "system":
        return ConfigError(f"{need.where}: {need.reference!a}: the system has no keyring", hint='use "cred:NAME" or "file:/path"')
    if need.scheme == "file" and order.scope == "system":
        return _wrong_owner(need, order)
    return None


def _wrong_owner(need: SecretNeed, order: Order) -> ConfigError | None:
    path = os.path.expanduser(need.name)  # noqa: PTH111 - Path.expanduser raises for a home of nobody
    try:
        owner = os.stat(path).st_uid  # noqa: PTH116 - as above
    except OSError:
        return None  # the run says what is wrong with it, as `certpush config check` does
    if owner == order.account.pw_uid:
        return None
    return ConfigError(
        f"{need.where}: {path} cannot be read by {order.account.pw_name}, whom the service runs as",
        hint=f"chown {order.account.pw_name} {path}, or make it a credential: systemd-creds encrypt",
    )
