"""Servers of a process that was killed end all the same."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from certpush.testing.lab.heir import Heir
from certpush.testing.lab.process import ServerProcess, wait_until

LAB = """
import sys, time
from pathlib import Path
from certpush.testing.lab.process import ServerProcess
def start(): return ServerProcess(["sleep", "60"], log_path=Path(sys.argv[1]), environment={"PATH": "/usr/bin:/bin"})
kept, stopped = start(), start()
stopped.stop()
print(kept.pid, stopped.pid, flush=True)
sys.stdin.read()
"""


def runs(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


@pytest.mark.parametrize("by", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT, None])
def test_a_server_ends_with_the_process_that_started_it_however_that_ends(tmp_path, by):
    streams = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL}
    with subprocess.Popen([sys.executable, "-c", LAB, tmp_path / "log"], **streams, text=True) as lab:
        kept, stopped = map(int, lab.stdout.readline().split())
        assert runs(kept)
        assert not runs(stopped)
        lab.send_signal(by) if by else lab.stdin.close()
        lab.wait(10)
    wait_until(lambda: not runs(kept), "the end of the server", 10)


def test_what_has_another_s_number_by_then_is_left_alone(tmp_path):
    heir = Heir()
    with subprocess.Popen(["sleep", "60"]) as other:
        heir._tell(f"took {other.pid} 1")
        heir._tell("took 4194305 1")
        heir._finalizer()
        assert other.poll() is None
        other.kill()


def test_without_an_heir_servers_start_and_stop_as_ever(tmp_path, monkeypatch):
    heir = Heir()
    heir._shell.kill()
    heir._shell.wait()
    monkeypatch.setattr("certpush.testing.lab.heir._heirs", [heir])
    server = ServerProcess(["sleep", "60"], log_path=tmp_path / "log", environment={"PATH": "/usr/bin:/bin"})
    assert server.running
    server.stop()
    assert not server.running
