"""The results: one row for each comparison, with its goal; as a table for people, as objects for machines."""

from __future__ import annotations

import statistics
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from pairs import Command, Pairs, Runner, median_of


@dataclass(frozen=True, kw_only=True)
class Row:
    """One comparison. ``goal`` is the most that ours may cost, in CPU time of theirs, ``wall_goal`` in wall time.

    ``not_run`` says why there is no figure.
    """

    group: str
    what: str
    against: str
    goal: float | None = None
    wall_goal: float | None = None
    note: str = ""
    p2c: int | None = None
    """PBKDF2 rounds that seal the provisioner's key: whoever opens it pays for them."""
    pairs: Pairs | None = None
    not_run: str = ""

    @property
    def ratio(self) -> float | None:
        """The median of the pairs' ratios of CPU time."""
        return statistics.median(self.pairs.ratios("cpu")) if self.pairs else None

    @property
    def verdict(self) -> str:
        """Whether the goal is met."""
        if self.ratio is None:
            return "not run"
        if self.goal is None:
            return "no goal"
        slow = self.wall_goal is not None and self.pairs is not None and statistics.median(self.pairs.ratios("wall")) > self.wall_goal
        if self.ratio > self.goal:
            return "NOT MET"
        return "NOT MET in wall time" if slow else "met"

    def document(self) -> dict[str, Any]:
        """The row for a machine; seconds and MiB."""
        told: dict[str, Any] = {
            "group": self.group,
            "what": self.what,
            "against": self.against,
            "goal": self.goal,
            "wall_goal": self.wall_goal,
            "verdict": self.verdict,
            "p2c": self.p2c,
            "note": self.note,
        }
        if self.pairs is None:
            return {**told, "not_run": self.not_run}
        sides = {"ours": self.pairs.ours, "theirs": self.pairs.theirs}
        medians = {side: {what: median_of(costs, what) for what in ("cpu", "wall", "peak")} for side, costs in sides.items()}
        return {**told, "pairs": len(self.pairs.ours), "cpu": _spread(self.pairs, "cpu"), "wall": _spread(self.pairs, "wall"), **medians}


def compare(runner: Runner, ours: Command, theirs: Command, count: int, *, group: str, **more: Any) -> Row:
    """Measure two commands against each other."""
    return Row(group=group, what=ours.name, against=theirs.name, pairs=runner.alternate(ours, theirs, count), **more)


def _spread(pairs: Pairs, what: str) -> dict[str, float]:
    ratios = pairs.ratios(what)
    return {"ratio": statistics.median(ratios), "lowest": min(ratios), "highest": max(ratios)}


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One measured figure with the most that it may be; beside nothing else, so it says something of this machine alone."""

    group: str
    what: str
    value: float
    unit: str
    goal: float | None = None
    note: str = ""

    @property
    def verdict(self) -> str:
        """Whether the goal is met."""
        if self.goal is None:
            return "no goal"
        return "met" if self.value <= self.goal else "NOT MET"

    def document(self) -> dict[str, Any]:
        """The figure for a machine."""
        names = ("group", "what", "value", "unit", "goal", "verdict", "note")
        return {name: getattr(self, name) for name in names}


HEADINGS = ("", "against", "CPU ms", "theirs", "ratio", "[lowest-highest]", "wall ms", "theirs", "ratio", "MiB", "p2c", "n", "goal", "")


def table(rows: Iterable[Row | Figure]) -> str:
    """All rows as text, a heading for each group."""
    cells: list[tuple[str, ...] | str] = [HEADINGS]
    group = ""
    for row in rows:
        if row.group != group:
            group = row.group
            cells.append(f"\n{group}")
        cells.append(_cells(row) if isinstance(row, Row) else _in_line(row))
        if row.note:
            cells.append(f"      {row.note}")
    widths = [max(len(line[column]) for line in cells if not isinstance(line, str)) for column in range(len(HEADINGS))]
    return "\n".join(line if isinstance(line, str) else _line(line, widths) for line in cells)


def _in_line(figure: Figure) -> str:
    goal = "" if figure.goal is None else f" (goal: at most {figure.goal:g}), {figure.verdict}"
    return f"  {figure.what}: {figure.value:.3g} {figure.unit}{goal}"


def _line(cells: tuple[str, ...], widths: list[int]) -> str:
    words = (0, 1, len(cells) - 1)  # the others are figures
    sides = (
        cell.ljust(width) if column in words else cell.rjust(width) for column, (cell, width) in enumerate(zip(cells, widths, strict=True))
    )
    return "  ".join(sides).rstrip()


def _cells(row: Row) -> tuple[str, ...]:
    goal = "-" if row.goal is None else f"<= {row.goal:g}x"
    p2c = f"{row.p2c:,}" if row.p2c else "-"
    if row.pairs is None:
        return (f"  {row.what}", row.against, *["-"] * 8, p2c, "-", goal, f"not run: {row.not_run}")
    cpu, wall = _spread(row.pairs, "cpu"), _spread(row.pairs, "wall")
    return (
        f"  {row.what}",
        row.against,
        _ms(row.pairs, "ours", "cpu"),
        _ms(row.pairs, "theirs", "cpu"),
        times(cpu["ratio"]),
        f"[{times(cpu['lowest'])}-{times(cpu['highest'])}]",
        _ms(row.pairs, "ours", "wall"),
        _ms(row.pairs, "theirs", "wall"),
        times(wall["ratio"]),
        f"{median_of(row.pairs.ours, 'peak'):.0f}",
        p2c,
        str(len(row.pairs.ours)),
        goal,
        row.verdict if row.goal is not None else "",
    )


def _ms(pairs: Pairs, side: str, what: str) -> str:
    value = median_of(getattr(pairs, side), what) * 1000
    return f"{value:.2f}" if value < 10 else f"{value:.0f}"


def times(ratio: float) -> str:
    """A ratio with as many digits as it deserves."""
    return f"{ratio:.3f}" if ratio < 0.1 else f"{ratio:.2f}"
