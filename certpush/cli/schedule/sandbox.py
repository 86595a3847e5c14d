"""What a service may do, line by line: as little as its runs need. `systemd-analyze security` rates it, and a test holds it to 2.0."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from certpush.cli.schedule.order import SYSTEM_STATE, Order, is_hidden
from certpush.errors import ConfigError

_EVERYWHERE = ("UMask=0077", "LimitCORE=0")  # there are keys in our memory
_TIGHT = (
    "NoNewPrivileges=yes",
    "PrivateTmp=yes",
    "PrivateDevices=yes",
    "PrivateIPC=yes",
    "PrivateMounts=yes",
    "ProtectKernelTunables=yes",
    "ProtectKernelModules=yes",
    "ProtectKernelLogs=yes",
    "ProtectControlGroups=yes",
    "ProtectClock=yes",
    "ProtectHostname=yes",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "LockPersonality=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallErrorNumber=EPERM",  # SQLite asks for a chown as root, and goes on without
    "MemorySwapMax=0",
)
_NO_COMMANDS = ("ProtectProc=invisible", "ProcSubset=pid", "MemoryDenyWriteExecute=yes")
_REMOTE_ONLY = ("CapabilityBoundingSet=", "SystemCallFilter=~@privileged @resources")
# Without a person's rights nothing that needs namespaces works, and what implies NoNewPrivileges would break a `sudo` in a command.
_OF_A_USER = (
    "NoNewPrivileges=yes",
    "RestrictNamespaces=yes",
    "RestrictRealtime=yes",
    "RestrictSUIDSGID=yes",
    "LockPersonality=yes",
    "MemoryDenyWriteExecute=yes",
    "SystemCallArchitectures=native",
    "SystemCallFilter=@system-service",
    "SystemCallErrorNumber=EPERM",
    "RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX",
)


def sandbox(order: Order, *, local: bool) -> Iterator[str]:
    """The lines of a service for targets elsewhere, or ``local``: for those of this machine."""
    yield from _EVERYWHERE
    commands = local and order.needs.commands
    if order.scope == "user":
        yield from () if commands else _OF_A_USER
        return
    yield from _state(order)
    if commands and not order.as_root:
        return  # its commands are free to call sudo, which a sandbox would break
    yield from _TIGHT
    yield from _rights(order, local=local, commands=commands)
    yield from _files(order, local=local, commands=commands)


def word(text: str) -> str:
    """A word for a line of a unit, so that systemd reads what was meant."""
    if not text.isprintable():
        raise ConfigError(f"{text!a} cannot stand in a unit", hint="give the file or directory another name")
    doubled = text.replace("\\", "\\\\").replace('"', '\\"').replace("%", "%%")
    return f'"{doubled}"' if not text or any(letter in " \"'\\;" for letter in text) else doubled


def _rights(order: Order, *, local: bool, commands: bool) -> Iterator[str]:
    if not local:
        yield from _REMOTE_ONLY
    elif order.as_root:
        # Files of services belong to others, and a reload may be a signal to somebody else's process.
        yield f"CapabilityBoundingSet=CAP_CHOWN CAP_FOWNER CAP_DAC_OVERRIDE{' CAP_KILL' if commands else ''}"
    else:
        yield "CapabilityBoundingSet="
    yield f"RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX{' AF_NETLINK' if commands else ''}"
    yield from () if commands else _NO_COMMANDS


def _state(order: Order) -> Iterator[str]:
    """Where the journal is: systemd makes the usual place, another one is only opened."""
    if order.state == SYSTEM_STATE:
        yield "StateDirectory=certpush"
        yield "StateDirectoryMode=0700"


def _files(order: Order, *, local: bool, commands: bool) -> Iterator[str]:
    yield f"ProtectSystem={'full' if commands else 'strict'}"
    own = [order.state] if order.state != SYSTEM_STATE else []
    written = dict.fromkeys([*map(Path, (*(order.needs.directories if local else ()), *order.needs.observers)), *own])
    seen = (path for path in (*order.needs.files, *_program(order)) if is_hidden(path))
    read = [path for path in seen if not any(path.is_relative_to(place) for place in written)]
    shown = [path for path in written if is_hidden(path)]
    yield f"ProtectHome={'tmpfs' if read or shown else 'yes'}"
    yield from (f"BindReadOnlyPaths={_bound(path)}" for path in dict.fromkeys(read))
    yield from (f"BindPaths={_bound(path)}" for path in shown)
    # The hyphen: a directory that is missing stops its own target, not all of them.
    yield from (f"ReadWritePaths=-{word(str(path))}" for path in written if path not in shown)


def _program(order: Order) -> tuple[Path, ...]:
    """Where certpush itself is: the environment around its command."""
    return (Path(order.command[0]).parent.parent,)


def _bound(path: Path) -> str:
    if ":" in str(path):
        raise ConfigError(f"{path} has a colon, and cannot be bound into a unit", hint="give it another name, or a place outside of homes")
    return f"-{word(str(path))}"
