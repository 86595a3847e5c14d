"""The main job on real parts: a real step-ca, a real nginx, a real sshd."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import pytest

from certpush.errors import TargetRefused
from certpush.model import Action, Outcome

pytestmark = [pytest.mark.live, pytest.mark.timeout(120)]

KILLED_AT = """
import os, signal, sys
from certpush import Fleet

def observe(event):
    if event.phase == sys.argv[2]:
        os.kill(os.getpid(), signal.SIGKILL)

with Fleet.load(sys.argv[1], observe=observe) as fleet:
    for receipt in fleet.deploy(["wiki"], force=True):
        print(receipt)
"""


def test_deploy_then_nothing_then_renewal(site):
    first = site.deploy()
    assert first.outcome is Outcome.ROTATED, first.error
    assert site.served == first.now
    assert site.seen_by_clients == ""
    assert site.deploy().plan.action is Action.NOTHING
    renewed = site.deploy(force=True)
    assert renewed.outcome is Outcome.ROTATED
    assert renewed.was == first.now != renewed.now == site.served
    with site.fleet() as fleet:
        (status,) = fleet.status()
        assert status.standing == "ok"
        back = fleet.rollback("wiki")
    assert back.outcome is Outcome.ROLLED_BACK
    assert back.error is None
    assert site.served == first.now


def test_a_failing_check_leaves_the_old_certificate_and_files(site):
    first = site.deploy()
    files = {path.name: path.read_bytes() for path in site.directory.glob("wiki.*")}
    site.check = 'check = ["sh", "-c", "echo the configuration is broken >&2; exit 3"]'
    receipt = site.deploy(force=True)
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert isinstance(receipt.error, TargetRefused)
    assert "the configuration is broken" in receipt.error.message
    assert site.served == first.now
    assert {path.name: path.read_bytes() for path in site.directory.glob("wiki.*")} == files


def test_a_failing_reload_is_rolled_back_and_the_old_certificate_is_seen(site):
    first = site.deploy()
    site.break_reload(1)
    receipt = site.deploy(force=True)
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert "broken on purpose" in receipt.error.message
    assert site.served == first.now
    again = site.deploy()
    assert again.outcome is Outcome.ROTATED
    assert again.plan.action is Action.PUSH


@pytest.mark.parametrize("site", ["ssh"], indirect=True)
def test_the_host_rescues_itself_when_we_die_right_after_the_switch(site):
    first = site.deploy()
    site.rescue_after = "10s"  # longer than a loaded machine needs to get to the kill
    killed = subprocess.run(
        [sys.executable, "-c", KILLED_AT, str(site.configuration), "confirm"],
        check=False,
        capture_output=True,
        timeout=60,
        env={**os.environ},
    )
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    site.await_served(first.now, seconds=90)  # nobody but the host itself does that
    assert site.deploy().outcome is Outcome.ROTATED
