"""A configuration and a journal, written by hand: what happened is told without making it happen."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from certpush.model import Deployment, Installed, Outcome, Phase, WayBack, WayBackKind
from certpush.state.directory import open_state_directory
from certpush.state.journal import Journal

PHASES = {Outcome.ROTATED: Phase.CONFIRMED, Outcome.ROLLED_BACK: Phase.ROLLED_BACK, Outcome.STRANDED: Phase.STRANDED, None: Phase.STAGED}


@dataclass
class Remembered:
    """Where targets are described and deployments told."""

    path: Path
    state: Path
    count: int = 0
    tables: dict[str, str] = field(default_factory=dict)

    def describe(self, name: str, **more: str) -> None:
        usual = {"kind": '"file"', "names": f'["{name}.lan"]', "fullchain": f'"/nowhere/{name}.crt"', "key_file": f'"/nowhere/{name}.key"'}
        table = {**usual, "verify": '"files"', **more}
        self.tables[name] = "\n".join([f"[target.{name}]", *(f"{key} = {value}" for key, value in table.items())])
        state = f'[state]\ndirectory = "{self.state}"'
        self.path.write_text("\n".join(["[ca]", 'url = "https://127.0.0.1:1"', state, *self.tables.values(), ""]))

    def tell(self, target: str, *, ago: timedelta = timedelta(), notes: tuple[str, ...] = (), **more: Any) -> Deployment:
        """Write a deployment into the journal; ``outcome``, ``error`` and what else a record has."""
        self.count += 1
        began = datetime.now(UTC) - ago
        outcome = more.setdefault("outcome", Outcome.ROTATED)
        usual = {"certificate": target, "before": Installed(None), "wanted": f"{self.count:064x}", "phase": PHASES[outcome]}
        usual |= {"way_back": WayBack(WayBackKind.EXACT, "kept"), "started": began, "not_after": began + timedelta(hours=24), "why": "due"}
        usual |= {"finished": began + timedelta(seconds=9) if outcome else None}
        record = Deployment(id=f"{self.count:016x}", target=target, **usual | more)
        journal = Journal(open_state_directory(self.state) / "journal.sqlite3")
        on_its_way = replace(record, phase=Phase.STAGED, outcome=None, finished=None) if notes else record
        journal.begin(on_its_way)
        for note in notes:
            journal.enter(on_its_way, began, note)
        if notes:
            journal.enter(record, began)
        journal.close()
        return record


@pytest.fixture
def remembered(home: Path) -> Remembered:
    """No target and no deployment yet."""
    path = home / ".config" / "certpush" / "certpush.toml"
    path.parent.mkdir(parents=True)
    return Remembered(path, home.parent / "state")
