"""certpush schedule install: write service and timer, and start the timer; or say which line cron needs."""

from __future__ import annotations

import argparse
import os
import platform
import stat
from pathlib import Path

from certpush.cli.console import Console
from certpush.cli.schedule.cron import cron_line, place_of
from certpush.cli.schedule.order import Order, order_from
from certpush.cli.schedule.secrets import doubts, refuse_unreachable
from certpush.cli.schedule.systemd import Systemd
from certpush.cli.schedule.units import NAMES, Unit, units_of
from certpush.errors import SafetyRefusal
from certpush.kit.settings import format_duration
from certpush.state.directory import open_state_directory

LINGERING = Path("/var/lib/systemd/linger")


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Install what the configuration needs; repeating it is harmless."""
    order = order_from(arguments, os.environ)
    systemd = Systemd.of(order.scope, os.environ)
    cron = arguments.by == "cron" or (arguments.by is None and not systemd.runs)
    refuse_unreachable(order, cron=cron)
    for text in doubts(order):
        console.warn(text)
    console.document |= {"every": int(order.needs.every.total_seconds()), "units": [], "cron": None}
    if cron:
        _show_line(order, console)
    else:
        units = units_of(order)
        _show(units, systemd, console)
        if not arguments.only_print:
            _install(units, order, systemd, console, force=arguments.force)
    return 0


def _show_line(order: Order, console: Console) -> None:
    line = cron_line(order, platform.node())
    console.document["cron"] = line
    console.note(f"nothing was written: put this line into {place_of(order)}")
    console.result(line)


def _show(units: tuple[Unit, ...], systemd: Systemd, console: Console) -> None:
    for unit in units:
        console.line(f"# {systemd.folder / unit.name}\n{unit.text}")
    console.document["units"] = [{"unit": one.name, "path": str(systemd.folder / one.name), "text": one.text} for one in units]


def _install(units: tuple[Unit, ...], order: Order, systemd: Systemd, console: Console, *, force: bool) -> None:
    _refuse_program_of_others(order)
    superfluous = [name for name in _all_names() if name not in {one.name for one in units} and systemd.text_of(name) is not None]
    for name in (*(one.name for one in units), *superfluous):
        systemd.refuse_foreign(name, force=force)
    if order.state.parent.is_dir() and order.account.pw_uid == os.geteuid():
        open_state_directory(order.state)  # for one that is not to be used, now is a better time to say so than at night
    if systemd.runs:
        _stop(superfluous, systemd)
    for name in superfluous:
        systemd.delete(name)
    changed = [one for one in units if systemd.write(one)]
    _start(units, systemd, console)
    done = "written" if changed or superfluous else "as it was"
    if systemd.runs:
        console.note(f"{done}: certpush looks every {format_duration(order.needs.every)}; `certpush schedule status` shows when")
    _say_who_lingers(order, console)


def _stop(superfluous: list[str], systemd: Systemd) -> None:
    for name in superfluous:
        if name.endswith(".timer"):
            systemd.call("disable", "--now", name)


def _start(units: tuple[Unit, ...], systemd: Systemd, console: Console) -> None:
    timers = [one.name for one in units if one.name.endswith(".timer")]
    if not systemd.runs:
        console.warn(f"systemd does not run here: once it does, {systemd.shown('enable', '--now', *timers)}")
        return
    systemd.call("daemon-reload")
    systemd.call("enable", "--now", *timers)
    systemd.call("restart", *timers)  # one that ran before has its old calendar until then


def _say_who_lingers(order: Order, console: Console) -> None:
    if order.scope == "user" and not (LINGERING / order.account.pw_name).exists():
        console.warn(f"the timer runs only while you are logged in, unless: sudo loginctl enable-linger {order.account.pw_name}")


def _refuse_program_of_others(order: Order) -> None:
    """Who may write to a program that root runs every hour is root."""
    program = Path(order.command[0])
    for path in (program, program.parent) if order.scope == "system" else ():
        found = path.stat()
        if found.st_uid not in (0, order.account.pw_uid) or stat.S_IMODE(found.st_mode) & 0o022:
            raise SafetyRefusal(
                f"{path} can be changed by others than {order.account.pw_name}, whom the service runs as",
                hint="install certpush where only root writes (python3 -m venv /opt/certpush), or a timer of your own: --user",
            )


def _all_names() -> tuple[str, ...]:
    return tuple(f"{name}.{kind}" for name in NAMES for kind in ("service", "timer"))
