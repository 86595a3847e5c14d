"""What is to be installed, from the words of a person and the configuration: whose timer, as whom, with which command."""

from __future__ import annotations

import argparse
import os
import pwd
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from certpush.config import Configuration, load, locate
from certpush.errors import ConfigError
from certpush.fleet.needs import Needs, needs_of
from certpush.plugins import PluginLoader
from certpush.records import record

Scope = Literal["system", "user"]
SYSTEM_STATE = Path("/var/lib/certpush")
_HIDDEN = tuple(Path(one) for one in ("/home", "/root", "/run/user", "/tmp", "/var/tmp"))  # noqa: S108 - what ProtectHome and PrivateTmp cover


@record(frozen=True, slots=True, kw_only=True)
class Order:
    """What a timer is installed for."""

    scope: Scope
    account: pwd.struct_passwd
    command: tuple[str, ...]
    """What runs certpush: full paths, for no PATH is searched."""
    configuration: Path
    state: Path
    needs: Needs
    credentials: Mapping[str, Path]
    """Where a person said that credentials are."""
    environment: Mapping[str, str]
    """What ``step`` was told by variables, and a run must hear again. No secrets."""
    words: tuple[str, ...]
    """The words that lead to the same again."""

    @property
    def as_root(self) -> bool:
        """Whether the runs have the rights of root."""
        return self.account.pw_uid == 0

    def renew(self, *more: str) -> tuple[str, ...]:
        """The command of a run."""
        return (*self.command, "renew", "--config", str(self.configuration), *more)


def scope_of(arguments: argparse.Namespace) -> Scope:
    """Whose timer is meant: the system's when root calls, unless told otherwise."""
    chosen: Scope | None = arguments.scope
    return chosen or ("system" if os.geteuid() == 0 else "user")


def order_from(arguments: argparse.Namespace, environ: Mapping[str, str]) -> Order:
    """What these arguments order.

    Raises:
        ConfigError: there is no configuration, or nothing to rotate in it, or no such user.

    """
    found = locate(arguments.config, environ)
    if found is None:
        raise ConfigError("there is no configuration yet", hint="`certpush init` asks a few questions and writes one")
    configuration, scope = load(found, environ), scope_of(arguments)
    return Order(
        scope=scope,
        account=_account(arguments.account, scope, configuration),
        command=_own_command(),
        configuration=found.absolute(),
        state=configuration.state_directory.absolute(),
        needs=needs_of(configuration, PluginLoader(), environ),
        credentials=_credentials(arguments.credentials),
        environment={name: environ[name] for name in ("STEPPATH", "STEP_CONTEXT") if environ.get(name)},
        words=_words(arguments, scope),
    )


def is_hidden(path: Path) -> bool:
    """Whether a sandbox that hides homes and temporary files hides this."""
    return any(path.is_relative_to(place) for place in _HIDDEN)


def _account(name: str | None, scope: Scope, configuration: Configuration) -> pwd.struct_passwd:
    if scope == "user":
        if name is not None:
            raise ConfigError("--as is for the system's service", hint="a timer of one's own runs as oneself; add --system")
        return pwd.getpwuid(os.geteuid())
    try:
        return pwd.getpwnam(name) if name is not None else _owner_of(configuration.state_directory)
    except KeyError:
        raise ConfigError(
            f"there is no user {name!a} here", hint=f"useradd --system --home-dir {SYSTEM_STATE} --shell /usr/sbin/nologin {name}"
        ) from None


def _owner_of(state: Path) -> pwd.struct_passwd:
    """Who has run certpush here before: nobody else may use what it remembers."""
    try:
        return pwd.getpwuid(state.stat().st_uid)
    except (OSError, KeyError):
        return pwd.getpwuid(0)


def _own_command() -> tuple[str, ...]:
    """How to call this very certpush again: its script beside Python, else Python with our name."""
    python = Path(sys.executable)
    script = python.parent / "certpush"
    return (str(script),) if os.access(script, os.X_OK) else (str(python), "-m", "certpush")


def _credentials(given: list[str]) -> dict[str, Path]:
    pairs = {name: path for name, _, path in (one.partition("=") for one in given)}
    for name, path in pairs.items():
        if not name or "/" in name or not Path(path).is_absolute():
            raise ConfigError(f"--credential: {name[:60]!a} has no file", hint="--credential token=/etc/certpush/token.cred, in full")
    return {name: Path(path) for name, path in pairs.items()}


def _words(arguments: argparse.Namespace, scope: Scope) -> tuple[str, ...]:
    account = ("--as", arguments.account) if arguments.account else ()
    credentials = (word for one in arguments.credentials for word in ("--credential", one))
    config = ("--config", str(Path(arguments.config).absolute())) if arguments.config else ()
    return (f"--{scope}", *config, *account, *credentials)
