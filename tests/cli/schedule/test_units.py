"""The units themselves: systemd takes them, rates them as safe, and they run what they say with all that it needs."""

from __future__ import annotations

import os
import pwd
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from certpush.cli.schedule import units
from certpush.cli.schedule.sandbox import word
from certpush.errors import ConfigError
from cli.schedule.conftest import LOCAL, REMOTE, value
from conftest import not_run

RELOAD = 'reload = ["systemctl", "reload", "nginx"]'


def analysed(*words: str, folder: Path) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        not_run("there is no systemd-analyze here (systemd)")
    environment = {"PATH": os.environ["PATH"], "LC_ALL": "C.UTF-8", "HOME": str(folder), "XDG_RUNTIME_DIR": str(folder)}
    return subprocess.run(["systemd-analyze", *words], cwd=folder, env=environment, capture_output=True, text=True, check=False)


def verified(folder: Path, *scope: str) -> list[str]:
    """What systemd has to say against the units."""
    names = [path.name for path in folder.iterdir() if path.suffix in (".service", ".timer")]
    done = analysed(*scope, "verify", *sorted(names), folder=folder)
    return [line for line in done.stderr.splitlines() if "certpush" in line] + ([done.stderr] if done.returncode else [])


def exposure(folder: Path, unit: str) -> float:
    rated = analysed("security", "--offline=true", unit, folder=folder).stdout
    return float(re.search(r"exposure level for \S+: ([0-9.]+)", rated)[1])


def test_a_service_for_targets_elsewhere_is_rated_2_at_most(certpush, machine, configure):
    ended = certpush("--config", configure(REMOTE), "schedule", "install", "--system")
    assert (ended.code, machine.units) == (0, ["certpush.service", "certpush.timer"])
    assert verified(machine.folder) == []
    assert exposure(machine.folder, "certpush.service") <= 2.0


def test_targets_of_this_machine_have_a_service_of_their_own_that_may_more(certpush, machine, configure):
    certpush("--config", configure(REMOTE, LOCAL, more=RELOAD), "schedule", "install", "--system")
    assert machine.units == [f"{name}.{kind}" for name in ("certpush-local", "certpush") for kind in ("service", "timer")]
    assert verified(machine.folder) == []
    assert exposure(machine.folder, "certpush.service") <= 2.0
    assert exposure(machine.folder, "certpush-local.service") <= 3.0
    tight, wide = machine.text("certpush.service"), machine.text("certpush-local.service")
    assert (value(tight, "CapabilityBoundingSet"), value(tight, "ProtectSystem")) == ("", "strict")
    assert value(wide, "CapabilityBoundingSet") == "CAP_CHOWN CAP_FOWNER CAP_DAC_OVERRIDE CAP_KILL"
    assert "/etc/ssl/here" in wide
    assert "/etc/ssl/here" not in tight
    assert [("ssh-key" in one, "provisioner-password" in one) for one in (tight, wide)] == [(True, True), (False, True)]


def test_a_local_target_without_commands_keeps_the_machine_read_only(certpush, machine, configure):
    certpush("--config", configure(LOCAL), "schedule", "install", "--system")
    assert machine.units == ["certpush-local.service", "certpush-local.timer"]
    text = machine.text("certpush-local.service")
    assert (value(text, "ProtectSystem"), value(text, "MemoryDenyWriteExecute")) == ("strict", "yes")
    assert "CAP_KILL" not in text
    assert "--here" not in text  # it is alone, so that a new target of any kind is its business, too


def test_a_timer_of_ones_own_is_one_that_systemd_takes(certpush, machine, configure, home):
    certpush("--config", configure(REMOTE), "schedule", "install", "--user")
    folder = home / ".config/systemd/user"
    assert verified(folder, "--user") == []
    text = (folder / "certpush.service").read_text()
    assert ("User=" in text, "ProtectSystem" in text, "NoNewPrivileges=yes" in text) == (False, False, True)


def test_commands_of_somebody_who_is_not_root_may_call_sudo(certpush, machine, configure, home):
    certpush("--config", configure(LOCAL, more=RELOAD), "schedule", "install", "--user")
    text = (home / ".config/systemd/user/certpush-local.service").read_text()
    assert not re.search("NoNewPrivileges|SystemCall|Restrict|LockPersonality", text)


def test_how_often_comes_from_the_shortest_lifetime(certpush, machine, configure):
    for lifetime, said in (("24h", "hourly"), ("395d", "daily"), ("2h", "*:0/5"), ("7d", "0/6:00"), ("5m", "*:0/1")):
        certpush("--config", configure(REMOTE, more=f'lifetime = "{lifetime}"'), "schedule", "install", "--system")
        timer = machine.text("certpush.timer")
        assert value(timer, "OnCalendar") == said
        assert value(timer, "Persistent") == "true"
    assert verified(machine.folder) == []


def test_a_run_that_is_stopped_has_the_time_to_finish_its_switch(certpush, machine, configure):
    certpush("--config", configure(REMOTE, more='rescue_after = "20m"'), "schedule", "install", "--system")
    text = machine.text("certpush.service")
    assert int(value(text, "TimeoutStopSec")[:-1]) >= 2 * 20 * 60
    assert (value(text, "KillMode"), value(text, "Type"), "Restart=" in text) == ("mixed", "oneshot", False)
    assert int(value(text, "TimeoutStartSec")[:-1]) < 2 * 3600


def test_what_lies_in_a_home_is_shown_to_the_service_and_nothing_else_of_it(certpush, machine, configure, home):
    key = home / "id"
    key.touch(mode=0o600)
    certpush("--config", configure(REMOTE, identity=f"file:{key}"), "schedule", "install", "--system")
    text = machine.text("certpush.service")
    assert (value(text, "ProtectHome"), value(text, "BindReadOnlyPaths")) == ("tmpfs", f"-{key}")
    certpush("--config", configure(REMOTE), "schedule", "install", "--system")
    assert value(machine.text("certpush.service"), "ProtectHome") == "yes"


def test_where_step_keeps_the_ca_is_told_to_the_service(certpush, machine, configure, home, monkeypatch):
    (home / "my step").mkdir()
    monkeypatch.setenv("STEPPATH", str(home / "my step"))
    path = configure(REMOTE)
    path.write_text(path.read_text().replace('provisioner = "admin"\n', ""))
    certpush("--config", path, "schedule", "install", "--system")
    text = machine.text("certpush.service")
    assert value(text, "Environment") == f'"STEPPATH={home}/my step"'
    assert value(text, "BindReadOnlyPaths") == f'-"{home}/my step"'
    assert verified(machine.folder) == []


def test_a_state_directory_of_another_place_can_be_written(certpush, machine, configure, monkeypatch, tmp_path):
    certpush("--config", configure(REMOTE), "schedule", "install", "--system")
    assert value(machine.text("certpush.service"), "ReadWritePaths") == f"-{tmp_path}/state"
    monkeypatch.setattr("certpush.cli.schedule.sandbox.SYSTEM_STATE", tmp_path / "state")
    certpush("--config", configure(REMOTE), "schedule", "install", "--system")
    assert value(machine.text("certpush.service"), "StateDirectory") == "certpush"


def test_what_an_observer_writes_and_knows_reaches_both_services(certpush, machine, configure, tmp_path):
    (tmp_path / "chat").touch()
    observers = """
[observer.page]
kind = "metrics"
file = "/var/lib/node-exporter/certpush.prom"
[observer.chat]
kind = "notify"
url_from = "cred:chat"
"""
    path = configure(REMOTE, LOCAL, observers)
    assert certpush("--config", path, "schedule", "install", "--system", "--credential", f"chat={tmp_path}/chat").code == 0
    for service in ("certpush.service", "certpush-local.service"):
        assert "-/var/lib/node-exporter" in machine.text(service)
        assert f"LoadCredential=chat:{tmp_path}/chat" in machine.text(service)


def test_words_are_written_as_systemd_reads_them():
    assert [word(one) for one in ("/a", "/a b", '/"', "/100%", "")] == ["/a", '"/a b"', '"/\\""', "/100%%", '""']
    with pytest.raises(ConfigError, match="cannot stand in a unit"):
        word("/a\nExecStart=/bin/evil")


def test_what_the_service_runs_really_runs(certpush, machine, configure, tmp_path):
    """ExecStart as systemd calls it: an environment of its own, the credentials in a directory, a socket to notify, no PATH."""
    credentials = tmp_path / "credentials"
    credentials.mkdir(mode=0o700)
    (credentials / "provisioner-password").write_text("secret\n")
    certpush("--config", configure(LOCAL), "schedule", "install", "--system")
    command = shlex.split(value(machine.text("certpush-local.service"), "ExecStart"))
    environment = {"CREDENTIALS_DIRECTORY": str(credentials), "NOTIFY_SOCKET": str(tmp_path / "notify"), "HOME": str(tmp_path)}
    environment |= {name: text for name, text in os.environ.items() if name.startswith("COVERAGE_")}
    position = command.index("renew")
    checked = [*command[:position], "config", "check", *command[position + 1 :]]
    done = subprocess.run(checked, env=environment, cwd="/", capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout
    assert "ok" in done.stdout


def test_our_own_command_is_called_by_its_full_path(monkeypatch, tmp_path):
    from certpush.cli.schedule.order import _own_command

    assert Path(_own_command()[0]).is_absolute()
    monkeypatch.setattr(sys, "executable", str(tmp_path / "python3"))
    assert _own_command() == (str(tmp_path / "python3"), "-m", "certpush")


def test_a_text_that_was_changed_is_known(certpush, machine, configure):
    certpush("--config", configure(REMOTE), "schedule", "install", "--system", "--credential", "a=/b c")
    text = machine.text("certpush.timer")
    assert (units.is_ours(text), units.is_as_written(text)) == (True, True)
    assert units.words_of(text)[-2:] == ["--credential", "a=/b c"]
    assert not units.is_as_written(text.replace("hourly", "daily"))


def test_somebody_who_is_not_root_has_no_capability_and_his_commands_no_sandbox(certpush, machine, configure, monkeypatch):
    other = next(one for one in pwd.getpwall() if one.pw_uid != os.geteuid())
    monkeypatch.setattr("certpush.cli.schedule.install._refuse_program_of_others", lambda _: None)
    words = ("schedule", "install", "--system", "--as", other.pw_name)
    certpush("--config", configure(LOCAL), *words)
    text = machine.text("certpush-local.service")
    assert (value(text, "User"), value(text, "CapabilityBoundingSet"), value(text, "ProtectSystem")) == (other.pw_name, "", "strict")
    certpush("--config", configure(LOCAL, more=RELOAD), *words)
    text = machine.text("certpush-local.service")
    assert ("CapabilityBoundingSet" in text, "NoNewPrivileges" in text, "UMask=0077" in text) == (False, False, True)
    assert verified(machine.folder) == []


def test_a_path_with_a_colon_cannot_be_bound(certpush, machine, configure, home):
    key = home / "a:key"
    key.touch(mode=0o600)
    ended = certpush("--config", configure(REMOTE, identity=f"file:{key}"), "schedule", "install", "--system")
    assert (ended.code, f"{key} has a colon" in ended.err, machine.units) == (2, True, [])
