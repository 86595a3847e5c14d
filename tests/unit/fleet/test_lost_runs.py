"""Of a run that failed as a whole who is there to tell is told once, with what helps, and once that it is over."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from certpush.config import Configuration, from_tables
from certpush.errors import ConfigError, StateError, TargetUnreachable
from certpush.fleet import lost_runs
from certpush.fleet.lost_runs import LostRuns
from certpush.model import Action, Outcome, Plan, Receipt
from certpush.rotation.receipts import receipt_for

FULL = StateError("the disk is full", hint="make room")
GOOD = Receipt("wiki", Outcome.UNCHANGED, Plan(Action.NOTHING, "not due"))


class Clock:
    now = datetime(2026, 11, 27, 6, 0, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


@pytest.fixture
def told(tmp_path: Path):
    """What a person got since the last look."""
    file = tmp_path / "told"

    def since() -> str:
        text = file.read_text() if file.exists() else ""
        file.unlink(missing_ok=True)
        return text

    return since


@pytest.fixture
def here(tmp_path: Path) -> Configuration:
    """Two targets and one that is not enabled; nothing can be kept on the disk of the state."""
    script = tmp_path / "tell"
    script.write_text(f"#!/bin/sh\ncat >> {tmp_path}/told\n")
    script.chmod(0o755)
    (tmp_path / "state").write_text("no directory")
    target = {"kind": "file", "names": ["a.lan"], "verify": "files"}
    tables = {
        "ca": {"url": "https://ca.lan"},
        "state": {"directory": str(tmp_path / "state")},
        "observer": {
            "chat": {"kind": "notify", "command": [str(script)]},
            "page": {"kind": "metrics", "file": str(tmp_path / "page.prom")},
        },
        "target": {name: {**target, "directory": f"/srv/{name}", "enabled": name != "off"} for name in ("wiki", "mail", "off")},
    }
    return from_tables(tables, {"HOME": "/nonexistent"})


def test_each_trouble_is_told_once_and_its_end_once(here, told, tmp_path):
    lost = LostRuns({}, clock=Clock())
    lost.tell(here, FULL)
    first = told()
    assert "failed: 2 targets (mail, wiki)\n  the disk is full\n  next: make room" in first
    lost.tell(here, FULL)
    assert told() == ""
    lost.tell(here, ConfigError("observer.chat.urll: unknown key"))
    assert "unknown key" in told()
    waits = replace(GOOD, target="wiki/one", plan=Plan(Action.WAIT, "due, and its window is closed"))
    lost.over(here, [waits, replace(GOOD, target="wiki/two"), receipt_for("mail", TargetUnreachable("gone"))])
    assert "recovered: wiki" in (last := told())
    assert "mail" not in last
    lost.over(here, [GOOD])
    assert told() == ""
    lost.tell(here, FULL)
    assert "the disk is full" in told()
    assert not (tmp_path / "page.prom").exists(), "metrics would lose what they know of each target"


def test_of_targets_that_had_their_turn_their_own_end_is_told(here, told):
    LostRuns({}, clock=Clock()).tell(here, FULL, [replace(GOOD, target="wiki/one")])
    assert "failed: mail\n" in told()


def test_an_observer_that_cannot_be_loaded_keeps_no_other_from_hearing(here, told):
    broken = replace(here.observers["chat"], name="broken", kind="nosuch")
    LostRuns({}, clock=Clock()).tell(replace(here, observers={"broken": broken, **here.observers}), FULL)
    assert "the disk is full" in told()


def test_whatever_fails_there_the_daemon_goes_on(here, monkeypatch, caplog):
    monkeypatch.setattr(lost_runs, "enabled", lambda _: 1 / 0)
    LostRuns({}).tell(here, FULL)
    assert "observers are not told of the run: ZeroDivisionError at " in caplog.text
