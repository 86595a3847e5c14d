"""A timer that fires before there is anything to put back must not let the switch stand without one."""

from __future__ import annotations

import subprocess
from pathlib import Path

from certpush.kit.remote.shell import script_of

TIMER = "{library}\ngo_back() {{ :; }}\nrescue {folder} 1\n"


def steps(tmp_path: Path, *lines: str) -> subprocess.CompletedProcess[str]:
    folder = tmp_path / "timer"
    timer = TIMER.format(library=script_of([], "t").rsplit("tag=", 1)[0], folder=folder)
    script = script_of(
        [f"arm {folder} <<'END'", timer, "END", *(line.format(folder=folder) for line in lines), f"stand_down {folder} 5"], "told:"
    )
    return subprocess.run(["/bin/sh", "-s"], input=script, capture_output=True, text=True, timeout=30, check=False)


def test_a_timer_that_fired_before_the_switch_was_complete_stops_it(tmp_path):
    done = steps(tmp_path, "sleep 3", "still_armed {folder}", "say switched")
    assert done.returncode == 65
    assert "told:fail rescued" in done.stdout
    assert "told:switched" not in done.stdout


def test_a_timer_that_waits_lets_it_pass(tmp_path):
    done = steps(tmp_path, "still_armed {folder}", "say switched")
    assert "told:switched" in done.stdout
    assert not (tmp_path / "timer").exists()
