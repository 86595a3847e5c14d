"""Runs one process after another and tells what each cost: a small process of its own, started with ``python -I -S``.

The kernel counts what a child's parent occupied at the moment of the fork as the child's own
peak. So the parent is this, which imports next to nothing: no peak below its own size, about
10 MiB, can be read.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import time


def run(order: dict) -> dict:
    """Run ``argv`` to its end: wall and CPU time in seconds (user and system, with all children that it waited for), peak in MiB."""
    os.chdir(order["cwd"])
    streams = [
        (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
        (os.POSIX_SPAWN_OPEN, 1, order["log"], os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600),
        (os.POSIX_SPAWN_DUP2, 1, 2),
    ]
    begun = time.perf_counter()
    pid = os.posix_spawn(order["argv"][0], order["argv"], order["env"], file_actions=streams)
    signal.signal(signal.SIGALRM, lambda *_: os.kill(pid, signal.SIGKILL))
    signal.alarm(order["seconds"])
    _, status, usage = os.wait4(pid, 0)
    wall = time.perf_counter() - begun
    signal.alarm(0)
    return {
        "exit": os.waitstatus_to_exitcode(status),
        "wall": wall,
        "cpu": usage.ru_utime + usage.ru_stime,
        "peak": usage.ru_maxrss / 1024,
    }


if __name__ == "__main__":
    for line in sys.stdin:
        print(json.dumps(run(json.loads(line))), flush=True)
