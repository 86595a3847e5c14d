"""A line for cron, where there is no systemd."""

from __future__ import annotations

import hashlib
import shlex
from datetime import timedelta

from certpush.cli.schedule.order import Order, Scope

_HOUR, _DAY = 60, 1440  # minutes


def cron_line(order: Order, host: str) -> str:
    """The line, with the user's name where the system's crontab wants one.

    Cron mails what a run prints: with -q that is nothing unless something went wrong. The minute
    depends on the machine's name, so that not all machines ask the CA at once.
    """
    account = f"{order.account.pw_name} " if order.scope == "system" else ""
    command = shlex.join((*order.renew(), "--quiet"))
    escaped = command.replace("%", "\\%")  # to cron a bare percent sign ends the line
    variables = "".join(f"{name}={shlex.quote(value)} " for name, value in order.environment.items())
    return f"{_when(order.needs.every, host)} {account}{variables}{escaped}"


def place_of(order: Order) -> str:
    """Where the line belongs, for a person."""
    if order.scope == "user":
        return f"crontab -e, as {order.account.pw_name}"
    return "a file /etc/cron.d/certpush of root's, mode 0644; where there is no /etc/cron.d (macOS, older BSDs), /etc/crontab"


def lines_of(scope: Scope) -> str:
    """Where such lines are then."""
    return "in crontab -l" if scope == "user" else "in /etc/cron.d/certpush, or in /etc/crontab"


def _when(every: timedelta, host: str) -> str:
    minutes = int(every.total_seconds()) // 60
    offset = int.from_bytes(hashlib.sha256(host.encode()).digest()[:4], "big")
    if minutes < _HOUR:
        return f"{_steps(offset % minutes, minutes, 59)} * * * *"
    if minutes < _DAY:
        return f"{offset % 60} {_steps(offset % (minutes // 60), minutes // 60, 23)} * * *"
    return f"{offset % 60} {offset // 60 % 24} * * *"


def _steps(first: int, step: int, last: int) -> str:
    return "*" if step == 1 else f"{first}-{last}/{step}"
