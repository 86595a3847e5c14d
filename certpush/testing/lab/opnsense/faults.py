"""What the web GUI and the API of an OPNsense box can be told to do wrong; all of it may be changed while it runs."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta


@dataclass
class OpnSenseFaults:
    """What goes wrong. A number says how often; True is always, False never.

    ``restart_does_nothing``: a restart of the web GUI leaves it as it is. ``restart_dies``: it ends it, and
    starts nothing. ``restart_delay``: how many seconds a restart by the API waits (three on a real box).
    ``no_restart_call``: the API has no call for it, as before there was one. ``drop``: fragments of paths;
    the next request to such a path is broken off before anything is done. ``lose``: the same after
    it was done. ``read_only``: the API's user may not write. ``page``: a web page answers in place of the API.
    ``clock_offset``: by how much the clock is wrong that answers tell.
    """

    restart_does_nothing: bool | int = False
    restart_dies: bool | int = False
    restart_delay: float = 0.05
    no_restart_call: bool = False
    drop: list[str] = field(default_factory=list)
    lose: list[str] = field(default_factory=list)
    read_only: bool = False
    page: bool = False
    clock_offset: timedelta = timedelta()

    def now(self, name: str) -> bool:
        """Whether this goes wrong now; one of several times is used up."""
        left: bool | int = getattr(self, name)
        if left and left is not True:
            setattr(self, name, left - 1)
        return bool(left)


def take(fragments: list[str], path: str) -> bool:
    """Whether one of the fragments is in this path; it is used up."""
    found = next((one for one in fragments if one in path), None)
    if found is not None:
        fragments.remove(found)
    return found is not None
