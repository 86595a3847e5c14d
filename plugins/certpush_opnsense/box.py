"""What is done over SSH: a look at which certificate the web GUI has, and the change of that, with the firewall's own way back.

One script each, sent to ``/bin/sh -s``; in it, one PHP program that OPNsense's own interpreter runs.
"""

from __future__ import annotations

import json
import shlex
from dataclasses import dataclass
from datetime import timedelta
from importlib import resources
from typing import Any

from certpush.errors import TargetRefused
from certpush.kit.ssh import connect, session
from certpush.kit.ssh.firewall import Changed, Program
from certpush.kit.ssh.session import TO_THE_LOG, Session, Steps, Told, armed
from certpush.kit.ssh.settings import FREEBSD, SshSettings
from certpush_opnsense.troubles import failure

_HERE = resources.files(__package__)
PROGRAM = Program(_HERE.joinpath("transaction.php").read_text(encoding="ascii"))
LIBRARY = session.STEPS + _HERE.joinpath("steps.sh").read_text(encoding="ascii")

_RESCUE = "/var/run/certpush.rescue"
_PHP_SECONDS = timedelta(seconds=120)  # what follows a change (interfaces, plugins) may be slow
_RESTART_SECONDS = timedelta(seconds=60)
_TRIES = 3


@dataclass(frozen=True, slots=True)
class Sight:
    """What the configuration says of the web GUI's certificate."""

    pointer: str
    """The number of the entry that it has."""
    leaf: str
    """Fingerprint of the certificate in it; empty where the entry is missing, or has no key."""
    pem: str
    protocol: str
    others: tuple[str, ...]
    """Where else this number stands."""
    sends_to: str
    """The second firewall of a pair, to which this one sends its settings."""
    sends_certificates: bool
    skew: int
    """How far behind this firewall is as the second of a pair; -1 where it is none of a pair."""


class Box:
    """The firewall's shell. One connection, made when it is first needed."""

    def __init__(self, login: SshSettings) -> None:
        sudo = FREEBSD if login.sudo else False
        self._session = Session(lambda: connect(login), user=login.user, sudo=sudo, folder=".certpush-opnsense")

    def close(self) -> None:
        """End the connection; the next use makes a new one."""
        self._session.close()

    def look(self) -> Sight:
        """Which certificate the web GUI has; changes nothing."""
        found = _result(self._transact(Steps(), {"verb": "look"}))
        return Sight(**{name: found[name] for name in Sight.__slots__} | {"others": tuple(found["others"])})

    def probe(self) -> Told:
        """What there is to work with, as steps.sh says it."""
        steps = Steps()
        steps.step("probe")
        return self._perform(steps)

    def switch(self, *, former: str, new: str, rescue_after: timedelta) -> None:
        """Start the timer, give the web GUI the entry ``new`` if it has ``former`` (or has it already), and restart it."""
        task = _pointing(former, new, "certpush: web GUI certificate")
        for attempt in range(_TRIES):
            steps = Steps(lines=armed(_RESCUE, rescue_after, _rescue_script(former, new)))
            try:
                _feed(steps, task)
                steps.step("still_armed", _RESCUE)
                steps.step("restart_gui")
                steps.within += _PHP_SECONDS + _RESTART_SECONDS
                self._perform(steps)
            except Changed:
                if attempt + 1 == _TRIES:
                    raise
            else:
                return

    def confirm(self, new: str) -> None:
        """Take the decision away from the timer for good, over a connection of its own.

        Raises:
            RescueFired: it was faster.

        """
        self.close()
        steps = Steps()
        steps.step("confirm", _RESCUE)
        steps.step("pointed", new)
        self._perform(steps)

    def point_back(self, *, former: str, new: str) -> None:
        """Disarm the timer, give the web GUI its former entry if it has ours, and remove ours; no restart yet."""
        steps = Steps()
        steps.step("stand_down", _RESCUE, "90")
        steps.within += timedelta(seconds=90)
        task = _pointing(new, former, "certpush: web GUI certificate put back")
        self._persistently(steps, task | {"remove": [new] if new != former else []})

    def restore(self, *, entry: str, new: str, old: str, kept: str) -> None:
        """Put the kept pair back into our entry, for when the API does not answer any more; no restart yet."""
        task = {
            "verb": "restore",
            "entry": entry,
            "new": new,
            "old": old,
            "kept": kept,
            "remove_kept": [old],
            "description": "certpush: web GUI certificate put back",
        }
        self._persistently(Steps(), task)

    def restart(self) -> None:
        """Restart the web GUI, and wait for the end of it."""
        steps = Steps(within=_RESTART_SECONDS)
        steps.step("restart_gui")
        self._perform(steps)

    def _persistently(self, steps: Steps, task: dict[str, Any]) -> Told:
        """Somebody else may write at the same moment: then it is done anew, from what they wrote."""
        for _ in range(_TRIES - 1):
            try:
                return self._transact(Steps(list(steps.lines), within=steps.within), task)
            except Changed:
                continue
        return self._transact(steps, task)

    def _transact(self, steps: Steps, task: dict[str, Any]) -> Told:
        _feed(steps, task)
        steps.within += _PHP_SECONDS
        return self._perform(steps)

    def _perform(self, steps: Steps) -> Told:
        return self._session.perform(steps, lambda lines, tag: session.script_of(LIBRARY, lines, tag), failure)


def _pointing(former: str, new: str, description: str) -> dict[str, Any]:
    return {"verb": "point", "from": former, "to": new, "description": description}


def _feed(steps: Steps, task: dict[str, Any]) -> None:
    steps.feed("transact", text=PROGRAM.told(task))


def _rescue_script(former: str, new: str) -> list[str]:
    """What the timer's process knows: the same program, and a task that holds no key."""
    flip = Steps()
    flip.feed("run_php", text=PROGRAM.told(_pointing(new, former, "certpush: not confirmed, web GUI certificate put back")))
    return [LIBRARY, TO_THE_LOG, f"tag={shlex.quote('certpush:')}", "flip_back() {", *flip.lines, "}", "go_back() { go_back_by_php; }"]


def _result(told: Told) -> dict[str, Any]:
    for line in told.of("result"):
        try:
            found = json.loads(line)
        except ValueError:
            continue
        if isinstance(found, dict) and set(Sight.__slots__) <= set(found):
            return found
    raise TargetRefused("what PHP on the firewall answers cannot be understood", hint="upgrade certpush")
