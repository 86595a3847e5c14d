"""The health file and its check: whose it is, whether the one lives that wrote it, and what it says of the last run."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import stat
import subprocess
import sys
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from certpush.cli.daemon import healthcheck, held_file, running
from certpush.cli.daemon.health import HealthFile
from certpush.cli.daemon.held_file import HeldFile, is_held
from certpush.errors import StateError
from certpush.kit.files import Directory
from certpush.state.checking import check_state
from cli.daemon.conftest import Bench, receipt

NOW = datetime(2026, 11, 27, 6, 0, tzinfo=UTC)
FOREVER = timedelta(days=365 * 900)


def write(file: HealthFile, doing: str = "waiting", *, alive_for: timedelta = FOREVER, **more: object) -> None:
    file.write(now=NOW, alive_for=alive_for, about={"pid": 4711, "doing": doing, "last": None, **more})


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "health.json"


@pytest.fixture
def file(path: Path) -> Iterator[HealthFile]:
    """That of a daemon that lives."""
    file = HealthFile(HeldFile(path, 0o600))
    yield file
    file.close()


@pytest.fixture
def look(certpush, path: Path):
    """The exit code and the words of a look at it."""

    def looked() -> tuple[int, str]:
        ended = certpush("daemon", "--healthcheck", "--health-file", path)
        return ended.code, ended.out

    return looked


# --- what it says -----------------------------------------------------------------------------


def test_alive_is_0_and_all_else_is_1(file, look):
    write(file, last={"ended": "2026-11-27T05:00:00Z", "exit": 1})
    assert look() == (0, "alive: waiting; last run ended 2026-11-27T05:00:00Z with 1\n")
    write(file, alive_for=timedelta(minutes=2))
    silent = "no sign of life since 2026-11-27T06:00:00Z, though its process lives: it hangs, or cannot write this file: waiting"
    assert look() == (1, f"{silent}; no run ended yet\n")
    write(file, "stopped")
    assert look() == (1, "stopped at 2026-11-27T06:00:00Z; no run ended yet\n")


def test_why_the_last_run_failed_as_a_whole_is_said_and_it_is_alive_all_the_same(file, look):
    write(file, last={"ended": "2026-11-27T05:00:00Z", "exit": 5, "problem": "the disk is full; make room"})
    assert look() == (0, "alive: waiting; last run ended 2026-11-27T05:00:00Z with 5: the disk is full; make room\n")


def test_that_a_new_configuration_was_refused_is_said(file, look):
    write(file, refused_configuration="target.wiki.nmaes: unknown key")
    said = "a new configuration was not taken, and the old one is in use: target.wiki.nmaes: unknown key\n"
    assert look() == (0, f"alive: waiting; no run ended yet\n{said}")


def test_what_ails_its_disk_is_said(file, look, path, monkeypatch):
    monkeypatch.setattr(healthcheck, "ailment", lambda _: ("its disk is mounted read-only", "mount -o remount,rw"))
    write(file)
    assert look() == (0, f"alive: waiting; no run ended yet\n{path}: its disk is mounted read-only; what stands there may be old\n")
    write(file, alive_for=timedelta(minutes=2))
    assert "or cannot write this file (its disk is mounted read-only): waiting" in look()[1]


# --- whose it is ------------------------------------------------------------------------------


def test_of_one_that_was_killed_it_is_known_at_once(path, look):
    code = (
        "import os, sys, time\nfrom datetime import UTC, datetime, timedelta\nfrom pathlib import Path\n"
        "from certpush.cli.daemon.health import HealthFile\nfrom certpush.cli.daemon.held_file import HeldFile\n"
        "file = HealthFile(HeldFile(Path(sys.argv[1]), 0o600))\n"
        "file.write(now=datetime.now(UTC), alive_for=timedelta(hours=1), about={'pid': os.getpid(), 'doing': 'waiting', 'at': ''})\n"
        "print(flush=True); time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code, path], stdout=subprocess.PIPE) as daemon:
        daemon.stdout.readline()
        assert look() == (0, "alive: waiting; no run ended yet\n")
        daemon.kill()
        daemon.wait()
    code, said = look()
    assert (code, f"killed: process {daemon.pid} is gone, and said nothing since " in said) == (1, True)


def test_a_second_daemon_neither_writes_it_nor_says_that_the_first_stopped(file, path, look, caplog):
    write(file)
    second = HealthFile(HeldFile(path, 0o600))
    for doing in ("working", "waiting", "stopped"):
        write(second, doing)
    assert look()[0] == 0
    assert [one.getMessage() for one in caplog.records if one.levelno == logging.WARNING] == [
        f"the health file {path} is that of another daemon, which lives; name another one: --health-file"
    ]
    write(file, "stopped")
    file.close()
    write(second)
    assert look() == (0, "alive: waiting; no run ended yet\n")
    second.close()


def test_one_that_was_removed_is_made_again(file, path, look):
    write(file)
    path.unlink()
    write(file)
    assert look()[0] == 0


def test_without_locks_it_goes_by_time(path, look, monkeypatch):
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr(fcntl, "flock", no_locks)
    write(HealthFile(HeldFile(path, 0o600)))
    assert is_held(path) is None
    assert look()[0] == 0


def test_a_look_at_what_is_replaced_meanwhile_is_a_look_at_what_is_there(file, path, monkeypatch):
    write(file)
    before = os.open(path, os.O_RDONLY)
    write(file)
    opened = [before]
    real = os.open
    monkeypatch.setattr(held_file.os, "open", lambda *how: opened.pop() if opened else real(*how))
    assert is_held(path) is True


# --- where it lies ----------------------------------------------------------------------------


def test_within_the_state_it_is_private_and_the_check_of_the_state_is_content(tmp_path):
    state = tmp_path / "state"
    state.mkdir(mode=0o700)
    (state / "health.json").write_text("{}")  # left by an older one, open to others
    file = running._health_file(state / "health.json", state)
    write(file)
    file.close()
    assert stat.S_IMODE((state / "health.json").stat().st_mode) == 0o600
    assert {one.severity.value for _, one in check_state(state)} == {"ok", "info"}
    assert running._health_file(tmp_path / "health.json", state).file.mode == 0o644


@pytest.fixture
def full(monkeypatch) -> None:
    """No new file can be made."""

    def write_new(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(Directory, "write_new", write_new)


def test_where_nothing_can_be_made_it_is_written_over(file, look, caplog, request):
    write(file, last={"ended": "2026-11-27T05:00:00Z", "exit": 0})
    request.getfixturevalue("full")
    for problem in ("a problem of the disk that is told at length", "the disk is full"):
        write(file, last={"ended": "2026-11-27T06:00:00Z", "exit": 1, "problem": problem})
        assert look() == (0, f"alive: waiting; last run ended 2026-11-27T06:00:00Z with 1: {problem}\n")
    assert caplog.records == []


def test_the_file_of_the_one_before_is_taken_over_without_making_another(path, look, full):
    path.write_text("{}")
    file = HealthFile(HeldFile(path, 0o600))
    write(file)
    assert look()[0] == 0
    assert fcntl.fcntl(file.file._held, fcntl.F_GETFL) & os.O_ACCMODE == os.O_RDONLY, "its disk may be remounted read-only meanwhile"
    file.close()
    assert look()[0] == 1


@pytest.mark.parametrize("how", ["link", "second name", "gone"])
def test_nothing_is_written_over_but_a_plain_file_of_our_own(tmp_path, path, full, caplog, how):
    other = tmp_path / "other"
    other.write_text("kept")
    {"link": lambda: path.symlink_to(other), "second name": lambda: path.hardlink_to(other), "gone": lambda: None}[how]()
    write(HealthFile(HeldFile(path, 0o600)))
    assert other.read_text() == "kept"
    assert len(caplog.records) == 1


def test_a_run_that_fails_as_a_whole_stands_in_it(bench: Bench):
    seen = []
    bench.world.moments = {1: lambda: seen.append(json.loads(bench.health_path.read_bytes())["last"])}
    bench.run(StateError("the disk is full", hint="make room"), [receipt()])
    assert (seen[0]["exit"], seen[0]["problem"]) == (5, "the disk is full; make room")
