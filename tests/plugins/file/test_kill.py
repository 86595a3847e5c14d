"""kill -9 at every step that changes the disk; a fresh instance brings the old files back, byte for byte."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PROGRAM = Path(__file__).with_name("kill_everywhere.py")


@pytest.mark.timeout(240)
@pytest.mark.parametrize("layout", ["files", "directory"])
@pytest.mark.parametrize("move", ["rotate", "rollback"])
def test_killed_at_any_point_a_fresh_instance_restores_the_old_files_and_the_next_run_converges(tmp_path, layout, move):
    ended = subprocess.run([sys.executable, PROGRAM, tmp_path, layout, move], capture_output=True, text=True, check=False)
    assert ended.returncode == 0, ended.stderr[-3000:]
    points = json.loads(ended.stdout)
    wanted = {"rename", "unlink", "fsync"} | ({"mkdir", "fchmod"} if move == "rotate" else {"rmdir"})
    assert wanted <= points.keys(), points
