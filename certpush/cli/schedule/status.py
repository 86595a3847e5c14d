"""certpush schedule status: what is installed, when it runs, how it ended last, and whether it still fits the configuration."""

from __future__ import annotations

import argparse
import os
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from certpush.cli.console import Console, safe
from certpush.cli.schedule.cron import lines_of
from certpush.cli.schedule.order import Scope, order_from, scope_of
from certpush.cli.schedule.systemd import Systemd
from certpush.cli.schedule.units import NAMES, Unit, is_as_written, is_ours, units_of, words_of
from certpush.errors import CertpushError
from certpush.records import record

if TYPE_CHECKING:
    from certpush.model import Deployment

_SHOWN = 6  # of the lines that differ; the first few say what it is about


@record(frozen=True, slots=True)
class Standing:
    """How one service stands, with its timer."""

    name: str
    drift: tuple[str, ...] = ()
    active: bool | None = None
    """Whether its timer waits or runs; None where systemd does not say."""
    next: datetime | None = None
    last: datetime | None = None
    result: str = ""
    status: int | None = None
    """The exit code of the last run."""


def run(arguments: argparse.Namespace, console: Console) -> int:
    """Show what is there; changes nothing."""
    scope = scope_of(arguments)
    systemd = Systemd.of(scope, os.environ)
    installed = {f"{name}.{kind}": text for name in NAMES for kind in ("service", "timer") if (text := systemd.text_of(f"{name}.{kind}"))}
    ours = {name: text for name, text in installed.items() if is_ours(text)}
    for name in installed.keys() - ours.keys():
        console.warn(f"{systemd.folder / name} was not written by certpush")
    then = _as_installed(ours) if ours else arguments
    drift = _drift(ours, then, console)
    standings = [_standing(name, drift, systemd, console) for name in NAMES if f"{name}.service" in ours]
    _show(standings, systemd, console, again=_again(ours, scope), cron=lines_of(scope))
    _show_last(arguments.config or then.config, console)
    return 0


def _again(ours: dict[str, str], scope: Scope) -> str:
    words = words_of(next(iter(ours.values()))) if ours else [f"--{scope}"]
    return " ".join(("certpush schedule install", *words))


# --- drift ------------------------------------------------------------------------------------


def _as_installed(ours: dict[str, str]) -> argparse.Namespace:
    """The words that led to the units, read again."""
    from certpush.cli.commands import COMMANDS
    from certpush.cli.options import parser_for
    from certpush.cli.schedule import configure

    parser = parser_for("schedule", COMMANDS["schedule"])
    configure(parser)
    return parser.parse_args(["install", *words_of(next(iter(ours.values())))])


def _drift(ours: dict[str, str], then: argparse.Namespace, console: Console) -> dict[str, tuple[str, ...]]:
    """What of each unit is not as it would be written now, by the unit's name."""
    if not ours:
        return {}
    try:
        wanted = {one.name: one for one in units_of(order_from(then, os.environ))}
    except CertpushError as error:
        console.warn(f"the configuration cannot be compared with the units: {error.message}")
        return {}
    return {name: tuple(_differences(ours.get(name), wanted.get(name))) for name in dict.fromkeys([*wanted, *ours])}


def _differences(text: str | None, wanted: Unit | None) -> Iterator[str]:
    if text is None:
        yield "is missing"
        return
    if wanted is None:
        yield "is not needed any more"
        return
    if not is_as_written(text):
        yield "was changed by hand"
    there, then = (_lines(one) for one in (text, wanted.text))
    yield from (f"- {line}" for line in there if line not in then)
    yield from (f"+ {line}" for line in then if line not in there)


def _lines(text: str) -> list[str]:
    return [line for line in text.splitlines() if line and not line.startswith(("#", "Description="))]


# --- what systemd says ------------------------------------------------------------------------


def _standing(name: str, drift: dict[str, tuple[str, ...]], systemd: Systemd, console: Console) -> Standing:
    changes = tuple(line for kind in ("service", "timer") for line in drift.get(f"{name}.{kind}", ()))
    if not systemd.runs:
        return Standing(name, changes)
    try:
        timer = systemd.properties(f"{name}.timer", "ActiveState", "NextElapseUSecRealtime", "LastTriggerUSec")
        service = systemd.properties(f"{name}.service", "Result", "ExecMainStatus", "ExecMainExitTimestamp")
    except CertpushError as error:
        console.warn(error.message)
        return Standing(name, changes)
    last = _moment(service.get("ExecMainExitTimestamp", "")) or _moment(timer.get("LastTriggerUSec", ""))
    return Standing(
        name,
        changes,
        active=timer.get("ActiveState") == "active",
        next=_moment(timer.get("NextElapseUSecRealtime", "")),
        last=last,
        result=service.get("Result", "") if last else "",
        status=int(service["ExecMainStatus"]) if last and service.get("ExecMainStatus", "").isdecimal() else None,
    )


def _moment(text: str) -> datetime | None:
    """``Fri 2026-11-27 07:00:00 UTC``; None for ``n/a`` and for nothing."""
    with suppress(ValueError):
        return datetime.strptime(text, "%a %Y-%m-%d %H:%M:%S UTC").replace(tzinfo=UTC)
    return None


# --- showing ----------------------------------------------------------------------------------


def _show(standings: list[Standing], systemd: Systemd, console: Console, *, again: str, cron: str) -> None:
    from certpush.cli.receipts import moment

    console.document["units"] = [
        {
            "unit": one.name,
            "path": str(systemd.folder / f"{one.name}.service"),
            "active": one.active,
            "next": moment(one.next),
            "last": moment(one.last),
            "result": one.result,
            "status": one.status,
            "drift": list(one.drift),
        }
        for one in standings
    ]
    if not standings:
        console.line(f"no timer of certpush's is in {systemd.folder}: `{again}` makes one; cron's lines are {cron}")
        return
    console.table(("unit", "timer", "next run", "last run", "fits"), [_row(one, console) for one in standings])
    for one in (one for one in standings if one.drift):
        more = f"\n    and {len(one.drift) - _SHOWN} more" if len(one.drift) > _SHOWN else ""
        differences = "\n    ".join(map(safe, one.drift[:_SHOWN]))
        console.note(f"{one.name} is not as the configuration wants it now; `{again}` writes it anew:\n    {differences}{more}")
    if not systemd.runs:
        console.note("systemd does not run here, so nothing starts these units")


def _row(one: Standing, console: Console) -> list[str]:
    timer = {True: console.paint("waits", "green"), False: console.paint("stopped", "red"), None: "not known"}[one.active]
    return [one.name, timer, _when(one.next), _last(one, console), console.paint("no", "yellow") if one.drift else "yes"]


def _last(one: Standing, console: Console) -> str:
    if one.last is None:
        return "never, since the machine started" if one.active else "-"
    good = one.result == "success"
    return f"{_when(one.last)} {console.paint(f'{one.result}, exit code {one.status}', 'green' if good else 'red')}"


def _when(moment: datetime | None) -> str:
    return f"{moment.astimezone():%Y-%m-%d %H:%M:%S}" if moment else "-"


def _show_last(config: str | None, console: Console) -> None:
    """The last deployment of all, from certpush's own journal: systemd forgets at a restart, it does not."""
    from certpush.cli.receipts import deployment_document
    from certpush.fleet.fleet import Fleet

    console.document["last_deployment"] = None
    try:
        with Fleet.load(config) as fleet:
            records = fleet.history(limit=1)
    except CertpushError as error:
        console.warn(error.message)
        return
    for one in records:
        console.document["last_deployment"] = deployment_document(one)
        console.line(_in_words(one))


def _in_words(one: Deployment) -> str:
    ended = one.outcome.value if one.outcome else f"unfinished ({one.phase})"
    return f"last deployment: {safe(one.target)} {ended}, {_when(one.finished or one.started)}; `certpush history` shows all"
