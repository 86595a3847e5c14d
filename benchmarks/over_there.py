"""What the other side of SSH costs: an sshd with all that it ever started. A fleet's machines would share it among them."""

from __future__ import annotations

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def cpu_of(pid: int) -> float:
    """Seconds of CPU time of a process, of its descendants that live, and of those that were waited for.

    Not there is what left its session, as a timer that waits to put old files back.
    """
    try:
        # Behind the name, which may hold anything, fields 14 to 17 of proc(5): utime, stime, and both of children.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[11:15]
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:  # it ended meanwhile, and whoever waited for it has its time
        return 0.0
    return sum(map(int, fields)) / _TICKS + sum(cpu_of(int(child)) for child in children)
