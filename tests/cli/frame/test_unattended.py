"""Unattended, as it really runs: what a unit starts, and the daemon beside a timer, a person and a broken configuration."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from cli.frame.conftest import file_target, until
from conftest import not_run

pytestmark = pytest.mark.timeout(120)


def allowed(*filters: str) -> set[str]:
    """The system calls of these groups, without those that this machine has no number for."""
    if shutil.which("systemd-analyze") is None:
        not_run("there is no systemd-analyze here (systemd)")
    listed = subprocess.run(["systemd-analyze", "syscall-filter", *filters], capture_output=True, text=True, check=True).stdout
    names = [line.strip() for line in listed.splitlines() if line.startswith("    ")]
    groups = [name for name in names if name.startswith("@")]
    return {name for name in names if name[0] not in "@#"} | (allowed(*groups) if groups else set())


def executed(trace: str) -> set[str]:
    """The system calls that succeeded."""
    return set(re.findall(r"^\d+ +(\w+)\(.*= (?!-1 )", trace, re.MULTILINE))


def test_what_the_service_starts_runs_without_a_path_and_with_no_more_system_calls_than_it_may(place):
    credentials = place.directory / "credentials"
    credentials.mkdir(mode=0o700)
    (place.directory / "password").rename(credentials / "provisioner-password")
    place.password, place.more = "cred:provisioner-password", {"XDG_CONFIG_HOME": f"{place.directory}/config"}
    words = "--credential", f"provisioner-password={credentials}/provisioner-password"
    installed = place.document("schedule", "install", "--user", "--by", "systemd", *words)
    service = next(one["text"] for one in installed["units"] if one["unit"].endswith(".service"))
    command = shlex.split(re.search("^ExecStart=(.*)$", service, re.MULTILINE)[1])
    strace = shutil.which("strace") or not_run("there is no strace here")
    trace = place.directory / "trace"
    given = {"CREDENTIALS_DIRECTORY": str(credentials), "NOTIFY_SOCKET": str(place.directory / "notify"), "HOME": str(place.directory)}
    refused = "inject=fchown:error=EPERM"  # as the filter refuses it; SQLite asks for it as root, and goes on
    done = subprocess.run(
        [strace, "-f", "-qq", "-e", refused, "-o", trace, *command],
        env=given,
        cwd="/",
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "mail    -  " in done.stdout
    assert b"BEGIN CERTIFICATE" in place.installed("mail")
    may = allowed("@system-service") - allowed("@privileged", "@resources")
    assert executed(trace.read_text()) - may == set()


def test_a_daemon_renews_hears_of_changes_and_stops_when_the_switch_is_over(place, gate):
    health = place.directory / "health.json"
    words = ("daemon", "--every", "5s", "--health-file", str(health), "--log-format", "json")
    daemon = place.start(*words)

    def says(key: str) -> object:
        return json.loads(health.read_bytes())[key] if health.exists() else None

    until(lambda: says("runs"), "the first run")
    assert says("last")["rotated"] == ["mail"]
    good = place.targets
    place.targets = good.replace("fullchain", "fulchain")
    assert place.configuration.exists()  # written
    daemon.send_signal(signal.SIGHUP)
    until(lambda: says("refused_configuration"), "the broken configuration")
    assert "unknown key" in says("refused_configuration")
    place.targets = good + file_target(place.directory, "web", reload=gate.command)
    assert place.configuration.exists()
    daemon.send_signal(signal.SIGHUP)
    gate.entered()  # inside the switch of the new target
    begun = time.monotonic()
    assert place.document("renew", "web", code=6)["targets"][0]["error"]["type"] == "LockHeld"
    assert time.monotonic() - begun < 20
    daemon.send_signal(signal.SIGTERM)
    with pytest.raises(subprocess.TimeoutExpired):
        daemon.wait(1)
    gate.open()
    out, err = daemon.communicate(timeout=60)
    assert (daemon.returncode, out) == (0, "")
    assert b"BEGIN CERTIFICATE" in place.installed("web")
    messages = [json.loads(line)["message"] for line in err.splitlines()]
    assert any(message.startswith("web: rotated: was -, is ") for message in messages)
    assert messages[-1].startswith("stopped, after ")
    assert place.run("daemon", "--healthcheck", "--health-file", str(health)).returncode == 1


def test_two_daemons_do_each_other_no_harm(place, gate):
    place.targets = file_target(place.directory, "mail", reload=gate.command)
    files = [place.directory / f"health-{number}.json" for number in range(2)]
    daemons = [place.start("daemon", "--every", "5s", "--health-file", str(path)) for path in files]
    gate.entered()

    def last(path: Path) -> dict:
        return (json.loads(path.read_bytes())["last"] or {}) if path.exists() else {}

    until(lambda: any(last(path).get("exit") == 6 for path in files), "the run that found the lock held")
    gate.open()
    until(lambda: all(last(path).get("exit") == 0 for path in files), "both to find all well")
    for daemon in daemons:
        daemon.send_signal(signal.SIGTERM)
    assert [(daemon.communicate(timeout=60), daemon.returncode)[1] for daemon in daemons] == [0, 0]
    history = place.document("history")["deployments"]
    assert [one["outcome"] for one in history] == ["rotated"]


def test_a_daemon_that_cannot_begin_says_why(place):
    place.targets = ""
    assert "there is no target to renew" in place.run("daemon").stderr


def test_each_side_renews_its_own_targets(place):
    assert place.document("renew", "--elsewhere")["targets"] == []
    assert place.document("renew", "--here", "mail", code=2)["error"]["message"].startswith("--here and --elsewhere")
    assert [one["outcome"] for one in place.document("renew", "--here")["targets"]] == ["rotated"]
