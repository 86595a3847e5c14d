"""Whole processes in turn, A B A B: what disturbs one disturbs the other, and the ratio of a pair stands nearly still."""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self


class Broken(Exception):
    """A process that is to be measured did not do what it should; a figure for it would mean nothing."""


@dataclass(frozen=True, kw_only=True)
class Command:
    """A process to be measured.

    ``expects`` must stand in its output, and ``ready`` makes things ready before each run,
    unmeasured. With ``tells`` the process measures a part of itself: its last line is
    ``{"cpu": ..., "wall": ...}``, in seconds, and that counts. Where a run does the same for
    ``times`` targets, what one of them cost counts.
    """

    name: str
    argv: Sequence[str]
    env: Mapping[str, str] = field(default_factory=dict)
    expects: str = ""
    ready: Callable[[], object] = lambda: None
    tells: bool = False
    times: int = 1
    seconds: int = 120


@dataclass(frozen=True)
class Cost:
    """What one run cost: seconds of CPU and of wall, and MiB at the peak of its largest process."""

    cpu: float
    wall: float
    peak: float


@dataclass(frozen=True)
class Pairs:
    """The runs of two commands, in pairs."""

    ours: tuple[Cost, ...]
    theirs: tuple[Cost, ...]

    def ratios(self, what: str) -> list[float]:
        """Ours divided by theirs, pair by pair; ``what`` is cpu or wall."""
        return [getattr(one, what) / getattr(other, what) for one, other in zip(self.ours, self.theirs, strict=True)]


class Runner:
    """Runs commands in a directory of their own with an environment that holds nothing of the caller's."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        self.log = directory / "output.log"
        home = directory / "home"
        home.mkdir(exist_ok=True)
        self.env = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": str(home), "LANG": "C.UTF-8"}
        launcher = Path(__file__).with_name("launcher.py")
        self._launcher = subprocess.Popen(
            [sys.executable, "-I", "-S", str(launcher)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
        )

    def run(self, command: Command) -> Cost:
        """Run it once.

        Raises:
            Broken: it failed, took too long, or did not say what it should.

        """
        command.ready()
        order = {"argv": list(command.argv), "env": {**self.env, **command.env}, "cwd": str(self.directory), "log": str(self.log)}
        print(json.dumps({**order, "seconds": command.seconds}), file=self._launcher.stdin)
        told = json.loads(self._launcher.stdout.readline())
        said = self.log.read_text(errors="replace")
        if told["exit"] or command.expects not in said:
            raise Broken(f"{command.name}: exit {told['exit']}, and it said: {said.strip()[-1000:] or '(nothing)'}")
        if command.tells:
            told |= json.loads(said.strip().splitlines()[-1])
        return Cost(told["cpu"] / command.times, told["wall"] / command.times, told["peak"])

    def alternate(self, ours: Command, theirs: Command, pairs: int) -> Pairs:
        """Run both in turn; the first pair warms caches and does not count."""
        costs = [(self.run(ours), self.run(theirs)) for _ in range(pairs + 1)][1:]
        return Pairs(*(tuple(side) for side in zip(*costs, strict=True)))

    def close(self) -> None:
        """End the launcher."""
        self._launcher.stdin.close()
        self._launcher.wait(5)
        self._launcher.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def median_of(costs: Sequence[Cost], what: str) -> float:
    """The median of one figure over the runs."""
    return statistics.median(getattr(cost, what) for cost in costs)
