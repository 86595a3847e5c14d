"""The texts of services and timers."""

from __future__ import annotations

import hashlib
import shlex
from collections.abc import Iterator
from datetime import timedelta

from certpush.cli.schedule.order import Order
from certpush.cli.schedule.sandbox import sandbox, word
from certpush.cli.schedule.secrets import credentials_of, is_sealed
from certpush.kit.settings import format_duration
from certpush.records import record

REMOTE, LOCAL = "certpush", "certpush-local"
NAMES = (REMOTE, LOCAL)
MARK = "# Written by certpush, as: certpush schedule install"
_SUM = "# sha256 of what follows: "
_SPREAD = 4  # a timer waits for up to this part of its interval, so that not all machines ask the CA at once
_MINUTE, _HOUR, _DAY = 60, 3600, 86400


@record(frozen=True, slots=True)
class Unit:
    """A unit's file: its name, and its whole text."""

    name: str
    text: str


def units_of(order: Order) -> tuple[Unit, ...]:
    """A service and a timer; those targets that change this machine have another pair, for they need more rights.

    Raises:
        ConfigError: a secret cannot reach the service.

    """
    return tuple(unit for name, only in _services(order) for unit in (_service(name, only, order), _timer(name, order)))


def is_ours(text: str) -> bool:
    """Whether certpush wrote this unit, whatever was changed in it since."""
    return text.startswith(MARK)


def is_as_written(text: str) -> bool:
    """Whether nobody changed it since."""
    head, _, rest = text.partition("\n\n")
    return head.rpartition(_SUM)[2] == _sum_of(rest)


def words_of(text: str) -> list[str]:
    """The words after ``schedule install`` that led to a unit of ours."""
    return shlex.split(text.partition("\n")[0].removeprefix(MARK))


def _services(order: Order) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Each service with what it restricts its runs to. Where there is one alone it takes all, so that no new target is left out."""
    both = bool(order.needs.here and order.needs.elsewhere)
    if order.needs.elsewhere:
        yield REMOTE, ("--elsewhere",) if both else ()
    if order.needs.here:
        yield LOCAL, ("--here",) if both else ()


def _service(name: str, only: tuple[str, ...], order: Order) -> Unit:
    local = name == LOCAL
    network = ("Wants=network-online.target", "After=network-online.target time-sync.target") if order.scope == "system" else ()
    body = (
        "[Unit]",
        f"Description=Replace the certificates that are due{' on this machine' if local else ''}",
        *network,
        "",
        "[Service]",
        "Type=oneshot",
        f"ExecStart={_command(order.renew(*only))}",
        *_identity(order),
        "# Another run at work is no failure: its lock ends with it.",
        "SuccessExitStatus=6",
        "# SIGTERM is for certpush alone, which finishes what it is switching first, with the commands that it runs for that.",
        "KillMode=mixed",
        f"TimeoutStopSec={_span(order.needs.switch)}",
        f"TimeoutStartSec={_span(_longest_run(order))}",
        *_credentials(order, local=local),
        *sandbox(order, local=local),
    )
    return Unit(f"{name}.service", _signed(body, order))


def _timer(name: str, order: Order) -> Unit:
    every = order.needs.every
    body = (
        "[Unit]",
        f"Description=Look every {format_duration(every)} whether a certificate is due",
        "",
        "[Timer]",
        f"OnCalendar={calendar(every)}",
        f"RandomizedDelaySec={_span(every / _SPREAD)}",
        "AccuracySec=1s" if every < timedelta(minutes=15) else "AccuracySec=1min",
        "# What was missed while the machine was off is made up for, once.",
        "Persistent=true",
        "",
        "[Install]",
        "WantedBy=timers.target",
    )
    return Unit(f"{name}.timer", _signed(body, order))


def calendar(every: timedelta) -> str:
    """An interval that divides an hour or a day, as systemd.time(7) writes it."""
    seconds = int(every.total_seconds())
    if seconds < _HOUR:
        return f"*:0/{seconds // _MINUTE}"
    return {_HOUR: "hourly", _DAY: "daily"}.get(seconds, f"0/{seconds // _HOUR}:00")


def _signed(lines: tuple[str, ...], order: Order) -> str:
    body = "\n".join(lines) + "\n"
    head = (
        f"{MARK} {shlex.join(order.words)}",
        "# It is written anew each time. Lines of your own belong into a drop-in, which stays: systemctl edit",
        f"{_SUM}{_sum_of(body)}",
    )
    return "\n".join(head) + "\n\n" + body


def _sum_of(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()


def _command(words: tuple[str, ...]) -> str:
    return " ".join(word(one).replace("$", "$$") for one in words)


def _identity(order: Order) -> Iterator[str]:
    if order.scope == "system":
        yield f"User={order.account.pw_name}"
    yield from (f"Environment={word(f'{name}={value}')}" for name, value in order.environment.items())


def _credentials(order: Order, *, local: bool) -> Iterator[str]:
    for name, path in credentials_of(order, local=local).items():
        yield f"LoadCredential{'Encrypted' if is_sealed(path) else ''}={name}:{str(path).replace('%', '%%')}"


def _longest_run(order: Order) -> timedelta:
    """A run that is longer than this hangs; it is asked to stop, and the next one goes on."""
    targets = len(order.needs.here) + len(order.needs.elsewhere)
    return max(timedelta(hours=1), order.needs.switch) + timedelta(minutes=1) * targets


def _span(length: timedelta) -> str:
    """A length of time, as systemd.time(7) reads it."""
    return f"{int(length.total_seconds())}s"
