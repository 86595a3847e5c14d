"""What goes wrong in a year, and when: by a seed, so that a bad year can be lived through again."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from certpush.testing.device import DEFAULT, Reload
from year.world import BEGIN, DAY, HOUR, NOTHING, Box, World

YEAR = 365 * DAY
QUIET = 6 * DAY
"""So long before the year's end the last trouble is over: everything must be well again by then."""
_MINUTE = timedelta(minutes=1)
_JUMPS = (-YEAR, -40 * DAY, -3 * HOUR, -10 * _MINUTE, 10 * _MINUTE, 3 * HOUR, 40 * DAY, YEAR)


@dataclass(frozen=True)
class Trouble:
    """Something is wrong from ``begins`` to ``ends``, with one box or (None) with all."""

    what: str
    begins: datetime
    ends: datetime
    box: str | None
    """The empty name is no box's: something happens, and it troubles none."""
    chance: float
    """Between 0 and 1: what else there is to choose."""

    def __str__(self) -> str:
        return f"{self.begins:%m-%d %H:%M} to {self.ends:%m-%d %H:%M} {self.what} {self.box or ''}"

    def concerns(self, box: str) -> bool:
        return self.box in (None, box)

    def begin(self, world: World) -> None:
        _BEGIN[self.what](world, self)

    def end(self, world: World) -> None:
        _END.get(self.what, lambda *_: None)(world, self)


def troubles_of(seed: int, boxes: Iterable[Box]) -> list[Trouble]:
    """A year's, ordered by when they begin. One box has one at a time, beside those that all have."""
    dice = random.Random(seed)
    found = [
        *_once(dice),
        *_a_row(dice, None, "the CA is down", every=35 * DAY, longest=30 * HOUR),
        *_a_row(dice, None, "no timer", every=80 * DAY, longest=35 * DAY),
        *_a_row(dice, None, "the clock is wrong", every=40 * DAY, longest=9 * HOUR),
        *_a_row(dice, None, "killed", every=8 * DAY, longest=HOUR),
    ]
    for box in boxes:
        often = 12 * DAY if box.lifetime < 2 * DAY else 60 * DAY
        found += _a_row(dice, box.name, *OF_A_BOX, every=often, longest=3 * DAY)
    return sorted(found, key=lambda one: one.begins)


def _once(dice: random.Random) -> Iterator[Trouble]:
    """What a year has once: its first half a state from an old snapshot, its second half a new root at the CA."""
    snapshot = BEGIN + dice.uniform(20, 60) * DAY
    yield Trouble(SNAPSHOT, _at_half_past(snapshot), _at_half_past(snapshot + dice.uniform(1, 40) * DAY), "", 0)
    announced = BEGIN + dice.uniform(110, 170) * DAY
    changed = announced + dice.uniform(50, 70) * DAY  # longer than any timer of this year is away
    withdrawn = changed + dice.uniform(20, 60) * DAY
    yield Trouble(NEXT_ROOT, _at_half_past(announced), _at_half_past(changed), "", 0)
    yield Trouble(BOTH_ROOTS, _at_half_past(changed), _at_half_past(withdrawn), "", 0)


def _a_row(dice: random.Random, box: str | None, *what: str, every: timedelta, longest: timedelta) -> Iterator[Trouble]:
    begins = BEGIN + every * dice.expovariate(1)
    while (ends := begins + longest * dice.uniform(0.05, 1) ** 2 + HOUR) < BEGIN + YEAR - QUIET:
        yield Trouble(dice.choice(what), _at_half_past(begins), _at_half_past(ends), box, dice.random())
        begins = ends + every * dice.expovariate(1) + HOUR


def _at_half_past(when: datetime) -> datetime:
    """The timer comes at the full hour, so that the order of both is always clear."""
    return when.replace(minute=30, second=0, microsecond=0)


# --- what each of them is -----------------------------------------------------------------------


def _device_of(world: World, trouble: Trouble) -> Box:
    return world.boxes[trouble.box or ""]


def _jump(world: World, trouble: Trouble) -> None:
    world.ahead = _JUMPS[int(trouble.chance * len(_JUMPS))]


def _set_right(world: World, _: Trouble) -> None:
    world.ahead = NOTHING


def _to_be_killed(world: World, trouble: Trouble) -> None:
    world.lives = int(trouble.chance * 45)


def _fall_silent(world: World, trouble: Trouble) -> None:
    box = _device_of(world, trouble)
    box.silent = True
    box.device.power(on=False)


def _answer_again(world: World, trouble: Trouble) -> None:
    box = _device_of(world, trouble)
    box.silent = False
    box.device.power(on=True)


def _reload_does(how: Reload) -> Callable[[World, Trouble], None]:
    return lambda world, trouble: _device_of(world, trouble).device.break_reload(how)


def _somebody_installs_theirs(world: World, trouble: Trouble) -> None:
    box = _device_of(world, trouble)
    world.replaced[box.name] = box.device.selected() or DEFAULT
    box.install("theirs", world.theirs(box))


def _they_are_asked(world: World, trouble: Trouble) -> None:
    """A person lets certpush have it, or puts back what was there."""
    box, theirs = _device_of(world, trouble), world.boxes[trouble.box or ""].served
    before, world.lives = world.replaced.pop(box.name), None
    if trouble.chance < 0.5 and world.adopt(box.name):
        assert box.served != theirs
        return
    box.install(before if before in box.device.certificates() else DEFAULT)


def _reset(world: World, trouble: Trouble) -> None:
    _device_of(world, trouble).install(DEFAULT)


SNAPSHOT, NEXT_ROOT, BOTH_ROOTS = "a snapshot, put back at its end", "the CA announces a root", "the CA signs below its new root"
ONCE = (SNAPSHOT, NEXT_ROOT, BOTH_ROOTS)
_BEGIN: dict[str, Callable[[World, Trouble], None]] = {
    "the CA is down": lambda world, _: world.ca.stop(),
    "no timer": lambda world, _: world.end_process(),
    "the clock is wrong": _jump,
    "killed": _to_be_killed,
    "silent": _fall_silent,
    "refuses logins": lambda world, trouble: _device_of(world, trouble).device.power(on=False),
    "refuses reloads": _reload_does(Reload.REFUSED),
    "ignores reloads": _reload_does(Reload.IGNORED),
    "somebody else's certificate": _somebody_installs_theirs,
    "reset": _reset,
    SNAPSHOT: lambda world, _: world.keep_copy(),
    NEXT_ROOT: lambda world, _: world.announce_root(),
    BOTH_ROOTS: lambda world, _: world.change_root(),
}
_END: dict[str, Callable[[World, Trouble], None]] = {
    "the CA is down": lambda world, _: world.ca.start(),
    "the clock is wrong": _set_right,
    "silent": _answer_again,
    "refuses logins": _answer_again,
    "refuses reloads": _reload_does(Reload.WORKS),
    "ignores reloads": _reload_does(Reload.WORKS),
    "somebody else's certificate": _they_are_asked,
    SNAPSHOT: lambda world, _: world.put_copy_back(),
    BOTH_ROOTS: lambda world, _: world.withdraw_root(),
}
OF_A_BOX = ("silent", "refuses logins", "refuses reloads", "ignores reloads", "somebody else's certificate", "reset")
OF_ALL = ("the CA is down", "no timer", "the clock is wrong", "killed")
