"""C1, C2, C9, C10, L10 and L16 by libfaketime: a machine and a CA whose clocks are others, or become others while the command works."""

from __future__ import annotations

import json
import re
import shlex
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from certpush.kit.tls import look
from certpush.model import Endpoint
from cli.frame.conftest import Place, environment, file_target
from cli.frame.machine import ALWAYS
from conftest import not_run

pytestmark = pytest.mark.timeout(120)

CA = """
import json, sys
from certpush.testing.authority import EmbeddedCa, JwkProvisioner
with EmbeddedCa(admin=JwkProvisioner.make(p2c=1000)) as ca:
    print(json.dumps([ca.url, ca.fingerprint, ca.provisioner, ca.password]), flush=True)
    for _ in sys.stdin:
        print(json.dumps([one.request.path for one in ca.exchanges]), flush=True)
"""
HURRIED = """
import select, sys, time
from dataclasses import replace
from datetime import timedelta

time.sleep = lambda seconds: select.select([], [], [], seconds)  # libfaketime spoils the real one where it leaves its clock alone
from certpush.cli.main import run
from certpush.plugins import PluginLoader
from certpush.testing.lab import hurry

real = PluginLoader.load_kind
PluginLoader.load_kind = lambda self, name: replace(real(self, name), deadline=timedelta(seconds=1))
hurry.looks()
sys.exit(run(sys.argv[1:]))
"""
"""The command, which does not look for long."""


class Clock:
    """A clock that can be set, for processes that are started with it; deadlines go by another one, which cannot."""

    def __init__(self, file: Path) -> None:
        library = next(iter(sorted(Path("/usr/lib").glob("**/faketime/libfaketime.so.1"))), None)
        self._library = library or not_run("faketime is missing (apt-get install faketime)")
        self.file = file
        self.set("+0")

    def set(self, to: str) -> None:
        self.file.write_text(f"{to}\n")

    @property
    def environment(self) -> dict[str, str]:
        told = {"FAKETIME_TIMESTAMP_FILE": str(self.file), "FAKETIME_NO_CACHE": "1", "DONT_FAKE_MONOTONIC": "1"}
        return {"LD_PRELOAD": str(self._library), **told}


class Ca:
    """A CA in a process of its own."""

    def __init__(self, clock: Clock, home: Path) -> None:
        self.clock = clock
        self._process = subprocess.Popen(
            [sys.executable, "-c", CA], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment(home, **clock.environment)
        )
        self.url, self.fingerprint, self.provisioner, self.password = self._told()

    def asked(self) -> list[str]:
        """What it was asked for."""
        print(file=self._process.stdin, flush=True)
        return self._told()

    def close(self) -> None:
        if self._process.stdin and not self._process.stdin.closed:
            self._process.communicate(timeout=20)

    def _told(self) -> Any:
        return json.loads(self._process.stdout.readline())


class Times:
    """A machine whose files are served, and its CA, each with a clock of its own."""

    def __init__(self, place: Place, server, ca: Ca, clock: Clock) -> None:
        self.place, self.server, self.ca, self.clock = place, server, ca, clock
        place.ca = ca
        (place.directory / "password").write_text(ca.password)
        self.reload = place.directory / "reload"
        self.at_the_switch()
        self.configure("")

    def configure(self, more: str) -> None:
        self.place.targets = file_target(self.place.directory, "wiki", port=self.server.port, reload=[str(self.reload)], more=more)

    def at_the_switch(self, jump: str = "") -> None:
        """Set the machine's clock in the middle of the next switch; only once."""
        once = f"[ ! -e {self.reload}.once ] || {{ rm {self.reload}.once; echo {jump} >{self.clock.file}; }}\n" if jump else ""
        Path(f"{self.reload}.once").touch()
        self.reload.write_text(f"#!/bin/sh\n{once}exec {shlex.join(self.server.reload_command)}\n")
        self.reload.chmod(stat.S_IRWXU)

    def run(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-c", HURRIED, "--config", str(self.place.configuration), *words]
        return subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
            env=environment(self.place.directory, **self.clock.environment),
        )

    @property
    def served(self) -> str:
        return look(Endpoint("127.0.0.1", self.server.port), (), datetime.now(UTC)).fingerprint


@pytest.fixture
def times(place, serve, tmp_path) -> Iterator[Times]:
    """With a certificate of twelve hours, which is not due."""
    with closing(Ca(Clock(tmp_path / "clock of the CA"), tmp_path)) as ca:
        made = Times(place, serve("wiki"), ca, Clock(tmp_path / "clock"))
        first = made.run("renew")
        assert first.returncode == 0, first.stderr
        yield made


def test_by_a_clock_that_is_wrong_nothing_is_asked_of_the_ca_and_nothing_is_switched(times):
    """Ten minutes or a year: what is due, or looks as if it were, waits for the right time."""
    times.configure(ALWAYS)
    before, asked = times.served, len(times.ca.asked())
    for wrong, says in {
        "+10m": r"the clocks differ by 60\d s \(here .*Z, there .*Z\)",
        "+365d": r"the clocks differ by 3153600\d s \(here .*Z, there .*Z\)",
        "-10m": r"this machine's clock was set back: here it is .* UTC, and the certificate that we hold begins .* UTC",
        "-365d": r"this machine's clock was set back: here it is .* UTC, and the certificate that we hold begins .* UTC",
    }.items():
        times.clock.set(wrong)
        done = times.run("renew")
        assert done.returncode == 5, done.stderr
        assert re.search(says, done.stderr), done.stderr
        assert "timedatectl set-ntp true" in done.stderr
        assert times.served == before
    assert {*times.ca.asked()[asked:]} <= {"/health", "/roots"}
    times.clock.set("+0")
    assert times.run("renew").returncode == 0
    assert times.served != before


@pytest.mark.parametrize("jump", ["+365d", "-365d"])
def test_a_clock_that_jumps_within_a_switch_ends_it_in_time_and_the_next_run_is_well(times, jump):
    """The service has the new certificate by then. It looks expired, or as if it were not valid yet: so it is gone back from, and that is seen."""
    times.configure(ALWAYS)
    times.at_the_switch(jump)
    before, began = times.served, time.monotonic()
    done = times.run("renew")
    assert time.monotonic() - began < 20
    assert (done.returncode, times.served) == (1, before), done.stderr
    assert "GOING BACK" in done.stderr
    times.clock.set("+0")
    assert times.run("renew").returncode == 0
    assert times.served != before
    assert "rolled-back" in times.run("history").stdout


def test_after_thirty_days_without_a_timer_one_run_catches_up(times):
    """By then the certificate has long ended, and the CA does not renew it any more: it is signed anew, and the record says why."""
    before = times.served
    for clock in (times.clock, times.ca.clock):
        clock.set("+30d")
    assert times.run("renew").returncode == 0
    assert times.served != before
    after = times.run("renew")
    assert (after.returncode, "serves what it should" in after.stdout) == (0, True)
    (latest, _) = json.loads(times.run("--output", "json", "history").stdout)["deployments"]
    assert re.match(r"expired on .*; signed anew, because renewing it after its end did not do: ", latest["why"])


def test_a_ca_that_is_down_is_told_and_louder_when_the_certificate_is_in_danger(times):
    before = times.served
    times.ca.close()
    for passed, danger in (("+9h", False), ("+11h", True)):
        times.clock.set(passed)
        done = times.run("renew", "wiki")
        assert (done.returncode, times.served) == (1, before)
        assert "connection refused" in done.stderr
        check = times.run("check")
        assert (check.returncode, check.stdout.partition(" - ")[0]) == ((7, "CRITICAL") if danger else (0, "OK"))
