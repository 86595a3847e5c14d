"""Promise 3: kill -9 anywhere, and a plain run converges. On a real step-ca, nginx and sshd, before every write to the journal and every step there."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from certpush.kit.placement import Placement
from certpush.model import Action, Outcome
from certpush.testing.lab.process import wait_until
from certpush_file.settings import FileSettings
from conftest import STRIDE

pytestmark = [pytest.mark.live, pytest.mark.timeout(400)]

# Runs of certpush that end before one of their deeds; what they need is loaded once, and each is a fork of its own. Whatever
# a run leaves behind, here or there, it leaves by one of these.
KILLED_BEFORE = """
import json, os, signal, sys
import paramiko, requests, certpush_file.target, certpush_ssh.target
from certpush import Fleet
from certpush.kit import command
from certpush.kit.files import Directory
from certpush.kit.ssh.connection import SshConnection
from certpush.state.escrow import Escrow
from certpush.state.journal import Journal
from certpush.testing.lab import hurry

hurry.looks()
count = 0

def counted(owner, name, at, tell):
    real = getattr(owner, name)
    def call(*args, **more):
        global count
        count += 1
        phase = f" {args[1].phase}" if owner is Journal and name != "adopt" else ""
        deed = f"{owner.__name__}.{name}{phase}"
        if at in (str(count), deed):
            os.write(tell, deed.encode())
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*args, **more)
    setattr(owner, name, call)

def run(configuration, at, force, tell):
    for owner, names in (
        (Journal, ("begin", "enter", "adopt")),
        (Escrow, ("store", "make_current", "prune")),
        (SshConnection, ("upload", "run")),
        (Directory, ("rename",)),
        (command, ("run",)),
    ):
        for name in names:
            counted(owner, name, at, tell)
    with Fleet.load(configuration) as fleet:
        for receipt in fleet.deploy(["wiki"], force=force):
            assert receipt.error is None, receipt.error

for line in sys.stdin:
    hear, tell = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            run(*json.loads(line), tell)
            os._exit(0)
        finally:
            sys.excepthook(*sys.exc_info())
            os._exit(7)
    os.close(tell)
    with os.fdopen(hear) as told:
        deed = told.read()
    print(json.dumps([os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), deed]), flush=True)
"""


class Mortal:
    """The program that forks them."""

    def __init__(self) -> None:
        self._process = subprocess.Popen([sys.executable, "-c", KILLED_BEFORE], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def killed_before(self, site, deed: int | str, *, force: bool = False) -> str | None:
        """Run, and die before this deed, by its name or number; its name, or None when the run came to its end."""
        print(json.dumps([str(site.configuration), str(deed), force]), file=self._process.stdin, flush=True)
        status, deed = json.loads(self._process.stdout.readline())
        assert status in (0, -signal.SIGKILL), status
        return deed if status else None

    def close(self) -> None:
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


@pytest.fixture(scope="module")
def mortal() -> Iterator[Mortal]:
    with contextlib.closing(Mortal()) as program:
        yield program


def leftovers(site) -> list[str]:
    """What is beside the certificate that should not be there after a good run; kept copies may."""
    there = [path.name for path in (site.directory / ".certpush").glob("*")]
    homes = [site.sshd.home, Path("/tmp")] if site.sshd else []
    slot = Placement(FileSettings(fullchain=f"{site.directory}/wiki.crt", key_file=f"{site.directory}/wiki.key")).slot
    uploads = [str(path) for home in homes for path in home.glob(f".certpush-{slot}")]
    return [one for one in there if not one.endswith(".old")] + uploads


def a_plain_run_converges(site, point: str) -> None:
    assert site.seen_by_clients == "", f"{point}: what is served is broken"
    receipt = site.deploy()
    assert receipt.outcome in (Outcome.ROTATED, Outcome.UNCHANGED), (point, receipt.error)
    assert site.served == receipt.now, point
    assert site.seen_by_clients == "", point
    assert site.deploy().plan.action is Action.NOTHING, point
    assert leftovers(site) == [], point


def test_killed_before_every_write_and_every_step_a_plain_run_converges(site, mortal):
    assert site.deploy().outcome is Outcome.ROTATED
    points = []
    while point := mortal.killed_before(site, len(points) + 1, force=True):
        points.append(point)
        a_plain_run_converges(site, f"{len(points)} {point}")
    a_plain_run_converges(site, "the end")
    wanted = {f"Journal.enter {phase}" for phase in ("staged", "activating", "activated", "verified", "confirmed")}
    assert wanted | {"Journal.begin intent", "Escrow.store", "Escrow.prune"} <= set(points)
    assert points.count("SshConnection.run") == 5 if site.sshd else "Directory.rename" in points


# With the new certificate in place, before that is written down; and confirmed there, before it is in the journal.
@pytest.mark.parametrize("first", ["Journal.enter activated", "Journal.enter confirmed"])
def test_killed_again_while_it_settles_the_next_run_converges(site, mortal, first):
    assert site.deploy().outcome is Outcome.ROTATED
    points: list[str] = []
    for number in itertools.count(1, STRIDE if site.sshd else 1):
        old = site.served
        assert mortal.killed_before(site, first, force=True) == first
        wait_until(lambda old=old: site.served != old, "the switch")
        assert site.seen_by_clients == ""
        second = mortal.killed_before(site, number)
        a_plain_run_converges(site, f"{first}, then {second}")
        if second is None:
            break
        points.append(second)
    assert "Journal.enter confirmed" in points or site.sshd
    assert points


KILLED_BY_A_COMMAND = """
import os, sys
from pathlib import Path
from certpush import Fleet

Path(sys.argv[2]).write_text(str(os.getpid()))
with Fleet.load(sys.argv[1]) as fleet:
    print(*fleet.deploy(["wiki"], force=True))
"""


def deadly(site, name: str, deed: str, *, on_call: int) -> str:
    """A command that ends certpush when it is called so often, goes on for a while, and then does its deed."""
    script = site.directory / name
    script.write_text(f"""\
#!/bin/sh
printf x >> {script}.calls
if [ "$(wc -c < {script}.calls)" -eq {on_call} ]; then
  kill -9 "$(cat {site.directory}/pid)"
  sleep 2
fi
exec {deed}
""")
    script.chmod(0o700)
    return f'{name} = ["{script}"]'


@pytest.mark.parametrize(("name", "on_call"), [("check", 1), ("check", 2), ("reload", 1)])
def test_killed_while_a_command_runs_that_goes_on_without_us_a_plain_run_converges(site, monkeypatch, name, on_call):
    """The script there, or the command here, is still at work when the next run begins: `check` at staging and after the switch, `reload`."""
    assert site.deploy().outcome is Outcome.ROTATED
    usual = site._toml()
    line = deadly(site, name, "true" if name == "check" else f"{site.directory}/reload.really", on_call=on_call)
    if name == "reload":
        (site.directory / "reload.really").write_bytes(b"#!/bin/sh\nexec " + " ".join(site.nginx.reload_command).encode())
        (site.directory / "reload.really").chmod(0o700)
        toml = usual
    else:
        toml = usual.replace("\nreload =", f"\n{line}\nreload =")
    monkeypatch.setattr(site, "_toml", lambda: toml)
    command = [sys.executable, "-c", KILLED_BY_A_COMMAND, str(site.configuration), str(site.directory / "pid")]
    killed = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60)
    assert killed.returncode == -signal.SIGKILL, killed.stderr
    a_plain_run_converges(site, f"{name}, call {on_call}")
    time.sleep(3)  # nothing can be waited for: what the orphan does at its end must not matter
    assert site.served == site.deploy().now
    assert site.seen_by_clients == ""
    assert leftovers(site) == []


def timers(site) -> list[int]:
    """The process ids of the machine's own timers for this target."""
    listed = subprocess.run(["ps", "-e", "-ww", "-o", "pid=,args="], capture_output=True, text=True, check=True).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if f"{site.directory}/.certpush/" in line]


@pytest.mark.parametrize("site", ["ssh"], indirect=True)
@pytest.mark.parametrize("reloaded", [True, False], ids=["after the reload", "before the reload"])
def test_a_machine_that_was_restarted_after_we_died_has_no_timer_and_a_plain_run_decides(site, mortal, monkeypatch, reloaded):
    """The new files stay, and the service that starts anew serves them: the next run looks, and confirms or goes back."""
    assert site.deploy().outcome is Outcome.ROTATED
    usual = site._toml()
    if reloaded:
        assert mortal.killed_before(site, "Journal.enter activated", force=True)
    else:
        line = deadly(site, "check", "true", on_call=2)
        monkeypatch.setattr(site, "_toml", lambda: usual.replace("\nreload =", f"\n{line}\nreload ="))
        command = [sys.executable, "-c", KILLED_BY_A_COMMAND, str(site.configuration), str(site.directory / "pid")]
        assert subprocess.run(command, check=False, capture_output=True, timeout=60).returncode == -signal.SIGKILL
        monkeypatch.setattr(site, "_toml", lambda: usual)
    assert timers(site) != []
    site.sshd.stop()
    for pid in timers(site):
        os.kill(pid, signal.SIGKILL)
    site.nginx.stop()
    site.nginx.start()
    site.sshd.start()
    assert timers(site) == []
    new = site.served
    a_plain_run_converges(site, "the restart")
    assert site.served == new
    assert timers(site) == []
