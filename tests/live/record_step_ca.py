"""Record what a real step-ca refuses, for tests that have none: ``PYTHONPATH=tests python tests/live/record_step_ca.py``."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from certpush.testing.lab.step_ca import GO_PACKAGE, RealCa
from live.faithful import Answer, World
from live.faithful_cases import ADMIN, ALL, OTHERS

FIXTURES = Path(__file__).parents[2] / "fixtures" / "step-ca" / GO_PACKAGE.rpartition("@")[2]


def refusal(answer: Answer) -> dict[str, Any]:
    """A refusal as it came."""
    return {"status": answer.status, "content-type": answer.headers.get("content-type", ""), "body": answer.body.decode()}


def refusals(world: World) -> dict[str, dict[str, Any]]:
    """Every refusal that the questions of the faithful tests end in, by what was wrong with the question."""
    recorded = {}
    for name, (status, ask) in ALL.items():
        given = ask(world)
        last = given[-1] if isinstance(given, list) else given
        if status >= 400:
            recorded[name] = refusal(last)
    return recorded


def main() -> None:
    """Start one, ask, and write down."""
    FIXTURES.mkdir(parents=True, exist_ok=True)
    with RealCa(admin=ADMIN, provisioners=OTHERS) as ca, tempfile.TemporaryDirectory() as scratch:
        found = refusals(World(ca, Path(scratch)))
    (FIXTURES / "refusals.json").write_text(json.dumps(found, indent=1, sort_keys=True) + "\n")


if __name__ == "__main__":
    main()
