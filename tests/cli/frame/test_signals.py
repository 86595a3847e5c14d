"""Ctrl-C and its kin, sent to a real deploy: before the switch a clean stop, inside the switch to its end."""

from __future__ import annotations

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from certpush.cli import stopping
from certpush.cli.console import Console
from certpush.cli.stopping import stoppable
from certpush.testing.lab.process import wait_until
from cli.frame.conftest import environment, file_target

pytestmark = [pytest.mark.timeout(120), pytest.mark.usefixtures("measured")]
SIGNALS = [signal.SIGINT, signal.SIGTERM, signal.SIGHUP]
STOPPING = "stopping: nothing new is begun; what is being switched is brought to its end first\n"
FINISHING = "still finishing the switch or the way back, so that nothing is left half-way\n"


def lines_until(process: subprocess.Popen[str], wanted: str) -> None:
    """Read stderr up to a line: the signal has been heard then."""
    for line in process.stderr:
        if line == wanted:
            return
    raise AssertionError(f"ended without saying {wanted!r}")


def ended(process: subprocess.Popen[str]) -> tuple[int, str, str]:
    out, err = process.communicate(timeout=60)
    return process.returncode, out, err


@pytest.fixture
def before(place, gate):
    """A deploy that waits before the switch, for the provisioner's password."""
    place.password = f"cmd:{place.directory}/password-command"
    script = place.directory / "password-command"
    script.write_text(f"#!/bin/sh\n{shlex.join(gate.command)} || exit 1\ncat {place.directory}/password\n")
    script.chmod(0o700)
    return place


@pytest.fixture
def inside(place, gate):
    """A place whose reload waits for the test, with one deployment done."""
    assert place.run("deploy").returncode == 0
    place.targets = file_target(place.directory, "mail", reload=gate.command)
    return place


@pytest.mark.parametrize("number", SIGNALS, ids=lambda one: one.name)
def test_a_signal_before_the_switch_stops_cleanly(before, gate, number):
    process = before.start("deploy")
    gate.entered()
    process.send_signal(number)
    lines_until(process, STOPPING)
    gate.open()
    code, out, err = ended(process)
    assert code == 1
    assert "failed" in out
    assert err == "error: mail: stopped before anything was switched\n  hint: run it again when you like\n"
    assert not (before.directory / "mail.crt").exists()
    assert not (before.directory / "mail.key").exists()


def pending(process, number: signal.Signals) -> bool:
    """Whether the kernel has not delivered the signal yet."""
    lines = Path(f"/proc/{process.pid}/status").read_text().splitlines()
    told = dict(line.split(":", 1) for line in lines)
    return bool((int(told["ShdPnd"], 16) | int(told["SigPnd"], 16)) >> (number - 1) & 1)


def test_a_machine_hears_of_a_stop_in_the_target_s_part_of_the_document(before, gate):
    process = before.start("--output", "json", "deploy")
    gate.entered()
    process.send_signal(signal.SIGTERM)
    # Nothing is said meanwhile; that the signal came is seen in the end. Until then it must have been taken.
    wait_until(lambda: not pending(process, signal.SIGTERM), "the signal's being taken")
    time.sleep(0.5)
    gate.open()
    code, out, err = ended(process)
    assert (code, err) == (1, "")
    (target,) = json.loads(out)["targets"]
    assert (target["outcome"], target["error"]["type"]) == ("failed", "Interrupted")


def test_what_was_obtained_before_a_stop_is_pushed_by_the_next_run(before, gate):
    process = before.start("deploy")
    gate.entered()
    process.send_signal(signal.SIGINT)
    lines_until(process, STOPPING)
    gate.open()
    assert ended(process)[0] == 1
    asked = len(before.ca.exchanges)
    (target,) = before.document("deploy")["targets"]
    assert (target["outcome"], target["action"]) == ("rotated", "push")
    assert len(before.ca.exchanges) == asked


@pytest.mark.parametrize("number", SIGNALS, ids=lambda one: one.name)
def test_a_signal_inside_the_switch_brings_it_to_its_end(inside, gate, number):
    old = inside.installed("mail")
    process = inside.start("deploy", "--force")
    gate.entered()
    process.send_signal(number)
    lines_until(process, STOPPING)
    gate.open()
    code, out, err = ended(process)
    assert (code, err) == (0, "")
    assert "rotated" in out
    assert inside.installed("mail") != old
    assert inside.document("status")["targets"][0]["standing"] == "ok"


@pytest.mark.parametrize("number", SIGNALS, ids=lambda one: one.name)
def test_no_further_signal_skips_going_back(inside, gate, number):
    old = inside.installed("mail")
    process = inside.start("deploy", "--force")
    gate.entered()
    process.send_signal(number)
    lines_until(process, STOPPING)
    gate.open(1)
    gate.entered()  # the reload on the way back
    for _ in range(3):
        process.send_signal(number)
        lines_until(process, FINISHING)
    gate.open()
    code, out, err = ended(process)
    assert code == 1
    assert "rolled-back" in out
    assert "error: mail: the reload command failed" in err
    assert inside.installed("mail") == old
    (record, _) = inside.document("history")["deployments"]
    assert record["phase"] == "rolled-back"


def test_after_a_signal_no_further_target_is_begun(place, gate):
    place.targets = (
        "[fleet]\nworkers = 1\n" + file_target(place.directory, "first", reload=gate.command) + file_target(place.directory, "second")
    )
    process = place.start("deploy")
    gate.entered()
    process.send_signal(signal.SIGTERM)
    lines_until(process, STOPPING)
    gate.open()
    code, out, _ = ended(process)
    assert code == 1
    first, second = out.splitlines()[1:]
    assert (first.split()[0], "rotated" in first) == ("first", True)
    assert (second.split()[0], "failed" in second) == ("second", True)
    assert not (place.directory / "second.crt").exists()


def test_going_back_on_request_is_brought_to_its_end(inside, gate):
    old = inside.installed("mail")
    process = inside.start("deploy", "--force")
    gate.entered()
    gate.open()
    assert ended(process)[0] == 0
    process = inside.start("rollback", "mail")
    gate.entered()
    process.send_signal(signal.SIGINT)
    lines_until(process, STOPPING)
    gate.open()
    code, out, _ = ended(process)
    assert code == 0
    assert "rolled-back" in out
    assert inside.installed("mail") == old


def test_what_was_ignored_before_us_stays_ignored(inside, gate):
    """As nohup does it."""
    nohup = "import os, signal, sys; signal.signal(signal.SIGHUP, signal.SIG_IGN); os.execv(sys.argv[1], sys.argv[1:])"
    process = subprocess.Popen(
        [sys.executable, "-c", nohup, *inside.command("deploy", "--force")],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment(inside.directory),
    )
    gate.entered()
    process.send_signal(signal.SIGHUP)
    gate.open()
    code, _, err = ended(process)
    assert (code, err) == (0, "")  # no word of stopping


def test_a_signal_that_comes_while_another_is_being_answered_does_not_wait_for_ever(monkeypatch):
    class Slow(threading.Event):
        def set(self) -> None:
            with self._cond:
                signal.raise_signal(signal.SIGTERM)
            super().set()

    monkeypatch.setattr(stopping.threading, "Event", Slow)
    with stoppable(Console.plain(json=True)) as stop:
        os.kill(os.getpid(), signal.SIGINT)
        assert stop.is_set()


def test_the_handlers_from_before_are_back_afterwards():
    before = [signal.getsignal(number) for number in SIGNALS]
    with stoppable(Console.plain()) as stop:
        assert [signal.getsignal(number) for number in SIGNALS] != before
    assert [signal.getsignal(number) for number in SIGNALS] == before
    assert not stop.is_set()
