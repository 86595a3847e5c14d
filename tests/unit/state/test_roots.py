"""What a CA named is written by many at once: by each target of one run, and by other runs."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from certpush.errors import LockHeld
from certpush.state.lock import Locks
from certpush.state.roots import LearnedRoots

NOW = datetime(2026, 11, 27, 12, tzinfo=UTC)


def test_many_write_at_once_and_the_file_is_whole(tmp_path: Path) -> None:
    state = tmp_path / "state"
    state.mkdir()
    moments = [NOW + timedelta(seconds=seconds) for seconds in range(40)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda moment: LearnedRoots(state / "roots", "home").note_asked(moment), moments))
    assert LearnedRoots(state / "roots", "home").asked() in moments
    assert [path.name for path in (state / "roots").iterdir()] == ["home.asked"]


def test_who_waits_too_long_for_another_writer_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("certpush.state.roots._WAIT_SECONDS", 0.0)
    with Locks(tmp_path / "locks").hold("+roots"), pytest.raises(LockHeld):
        LearnedRoots(tmp_path / "roots", "home").note_asked(NOW)
