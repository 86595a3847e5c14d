"""Writes results into docs/performance.md, between its two marks: `python benchmarks/document.py RESULTS.json ...`."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable, Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

from picture import picture
from rows import times

DOCS = Path(__file__).parents[1] / "docs"
BEGIN, END = "<!-- written by benchmarks/document.py: begin -->\n", "<!-- end -->\n"
_MACHINE = ("machine", "system", "python", "step", "step-ca", "ssh", "nginx")
_HEAD = "| what | against | CPU ms | theirs | ratio | lowest-highest | goal | | wall ratio |\n|---|---|---|---|---|---|---|---|---|"
_FIGURES = "| figure | measured | goal | |\n|---|---|---|---|"


def written(page: str, results: Sequence[Mapping[str, Any]]) -> str:
    """The page with these results in the place of earlier ones."""
    before, _, rest = page.partition(BEGIN)
    _, _, after = rest.partition(END)
    return f"{before}{BEGIN}{_measured(results)}\n{END}{after}"


def _measured(results: Sequence[Mapping[str, Any]]) -> str:
    rows = [row for one in results for row in one["rows"]]
    about = results[0]["machine"]
    runs = "; ".join(f"{one['machine']['date']} (load {one['machine']['load'].split()[0]})" for one in results)
    facts = "; ".join(about[name] for name in _MACHINE)
    table = [_HEAD, *(_compared(row) for row in rows if "cpu" in row), *(_not_run(row) for row in rows if "not_run" in row)]
    figures = [_FIGURES, *(_figure(row) for row in rows if "value" in row)]
    return "\n".join([f"{runs}. {facts}.", "", *table, "", *figures])


def _compared(row: Mapping[str, Any]) -> str:
    cpu, wall = row["cpu"], row["wall"]
    goal = "-" if row["goal"] is None else f"{row['goal']:g}"
    spread = f"{times(cpu['lowest'])}-{times(cpu['highest'])}"
    sides = (_ms(row[side]["cpu"]) for side in ("ours", "theirs"))
    cells = (escape(row["what"]), row["against"], *sides, times(cpu["ratio"]), spread, goal, _told(row), times(wall["ratio"]))
    return f"| {' | '.join(cells)} |"


def _not_run(row: Mapping[str, Any]) -> str:
    return f"| {row['what']} | {row['against']} | not run: {row['not_run']} | | | | | | |"


def _figure(row: Mapping[str, Any]) -> str:
    goal = "-" if row["goal"] is None else f"{row['goal']:g}"
    return f"| {row['what']} | {row['value']:.3g} {row['unit']} | {goal} | {_told(row)} |"


def _told(row: Mapping[str, Any]) -> str:
    verdict = str(row["verdict"])
    return "" if verdict == "no goal" else verdict.replace("NOT MET", "**missed**")


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.3g}"


def write(results: Sequence[Mapping[str, Any]]) -> None:
    """Write table and picture into docs/."""
    page = DOCS / "performance.md"
    page.write_text(written(page.read_text(), results))
    (DOCS / "performance.svg").write_text(picture(_rows(results), f"CPU time, as a multiple ({results[0]['machine']['date'][:10]})"))


def _rows(results: Iterable[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    return [row for one in results for row in one["rows"]]


if __name__ == "__main__":
    write([json.loads(Path(path).read_text()) for path in sys.argv[1:]])
