"""Measure certpush against what one would use instead: `make bench`. README.md says how to read the table."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
import time
from pathlib import Path

import config_splice
import fleet
import machine
import obtain
import on_proxmox
import over_ssh
import scan
import startup
import tools
from document import write
from pairs import Broken, Runner
from parts import Bench
from picture import picture
from rows import Figure, Row, table

BENCHMARKS = {
    "startup": startup,
    "obtain": obtain,
    "ssh": over_ssh,
    "proxmox": on_proxmox,
    "splice": config_splice,
    "scan": scan,
    "fleet": fleet,
}
"""A module each; its ``measure`` gives rows."""


def main() -> int:
    """Run what was asked for; gives 1 where something broke. A goal that is not reached is no failure: this machine may be busy."""
    arguments = _arguments()
    begun = time.monotonic()
    provided = tools.provide()
    facts = machine.describe(provided)
    rows, broken = [], []
    with tempfile.TemporaryDirectory(prefix="certpush-bench-") as directory:
        for name in arguments.only or BENCHMARKS:
            (place := Path(directory, name)).mkdir()
            _say(f"{name} ...")
            with Runner(place) as runner:
                broken += _measured(name, Bench(runner, provided, arguments.pairs, arguments.targets), rows)
    facts["took"] = f"{time.monotonic() - begun:.0f} s"
    document = {"machine": facts, "rows": [row.document() for row in rows], "broken": broken}
    if arguments.write:
        arguments.write.write_text(json.dumps(document, indent=2) + "\n")
    if arguments.picture:
        arguments.picture.write_text(picture(document["rows"], f"CPU time of whole processes, as a multiple ({facts['date'][:10]})"))
    if arguments.document:
        write([document])
    print(json.dumps(document, indent=2) if arguments.output == "json" else _text(facts, rows))
    return 1 if broken else 0


def _measured(name: str, bench: Bench, rows: list[Row | Figure]) -> list[str]:
    """Add this benchmark's rows as they come; give what broke."""
    try:
        for row in BENCHMARKS[name].measure(bench):
            rows.append(row)
            _say(f"  {row.what}: {row.verdict}")
    except Broken as error:
        _say(f"broken: {name}: {error}")
        return [f"{name}: {error}"]
    return []


def _text(facts: dict[str, str], rows: list[Row | Figure]) -> str:
    lines = [f"{name:<9} {told}" for name, told in facts.items()]
    explained = (
        "CPU and wall are medians of whole processes, run in turn with what they are compared with; a ratio is the median of the pairs'."
    )
    return "\n".join([*lines, "", explained, "", table(rows)])


def _say(text: str) -> None:
    print(text, file=sys.stderr, flush=True)


def _arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", description=__doc__)
    parser.add_argument("--output", choices=("text", "json"), default="text", help="how the results are printed")
    parser.add_argument("--write", type=Path, metavar="FILE", help="keep them as JSON in this file, too")
    parser.add_argument("--picture", type=Path, metavar="FILE", help="draw the ratios into this file, as SVG")
    parser.add_argument("--document", action="store_true", help="write table and picture into docs/performance.md and .svg")
    parser.add_argument("--only", nargs="+", choices=list(BENCHMARKS), metavar="NAME", help=f"some of: {', '.join(BENCHMARKS)}")
    parser.add_argument("--pairs", type=int, metavar="N", help="runs of each; the default differs by what they cost")
    parser.add_argument("--targets", type=int, default=1000, metavar="N", help="how many SSH targets the fleet has (default: 1000)")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
