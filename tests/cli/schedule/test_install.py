"""certpush schedule install and remove: what is written and called, what is refused, and that repeating it is harmless."""

from __future__ import annotations

import os
import pwd
import re

import pytest

from certpush.kit import command
from cli.schedule.conftest import LOCAL, REMOTE, value

NAME = pwd.getpwuid(os.geteuid()).pw_name


def install(certpush, path, *words: str):
    return certpush("--config", path, "schedule", "install", "--system", *words)


def test_it_shows_what_it_writes_and_starts_the_timer(certpush, machine, configure):
    ended = install(certpush, configure(REMOTE))
    assert (ended.code, machine.asked) == (0, ["daemon-reload", "enable --now certpush.timer", "restart certpush.timer"])
    for unit in machine.units:
        assert machine.text(unit) in ended.out
    assert "looks every 1h" in ended.err
    assert {path.stat().st_mode & 0o777 for path in machine.folder.iterdir()} == {0o644}


def test_print_only_shows(certpush, machine, configure, tmp_path):
    ended = install(certpush, configure(REMOTE), "--print")
    assert "ExecStart=" in ended.out
    assert (machine.units, machine.asked, (tmp_path / "state").exists()) == ([], [], False)


def test_a_second_time_nothing_is_changed(certpush, machine, configure):
    install(certpush, configure(REMOTE))
    before = {path: path.stat().st_ino for path in machine.folder.iterdir()}
    assert "as it was" in install(certpush, configure(REMOTE)).err
    assert {path: path.stat().st_ino for path in machine.folder.iterdir()} == before


def test_a_service_that_is_not_needed_any_more_goes(certpush, machine, configure):
    install(certpush, configure(REMOTE, LOCAL))
    assert "--elsewhere" in machine.text("certpush.service")
    install(certpush, configure(REMOTE))
    assert machine.units == ["certpush.service", "certpush.timer"]
    assert "disable --now certpush-local.timer" in machine.asked
    assert "--elsewhere" not in machine.text("certpush.service")


@pytest.mark.parametrize("unit", ["certpush.timer", "certpush-local.service"])
def test_a_unit_of_somebody_else_is_not_touched(certpush, machine, configure, unit):
    machine.folder.mkdir()
    (machine.folder / unit).write_text("[Unit]\nDescription=mine\n")
    ended = install(certpush, configure(REMOTE))
    assert (ended.code, machine.units, machine.asked) == (5, [unit], [])
    assert f"{machine.folder / unit} was not written by certpush" in ended.err
    ended = certpush("schedule", "remove", "--system")
    assert (ended.code, machine.units) == (0, [unit])
    assert "and stays" in ended.err


def test_what_a_person_changed_is_not_written_over_without_asking(certpush, machine, configure):
    path = configure(REMOTE)
    install(certpush, path)
    timer = machine.folder / "certpush.timer"
    timer.write_text(timer.read_text().replace("hourly", "daily"))
    ended = install(certpush, path)
    assert (ended.code, value(machine.text("certpush.timer"), "OnCalendar")) == (5, "daily")
    assert "systemctl edit certpush.timer" in ended.err
    assert (install(certpush, path, "--force").code, value(machine.text("certpush.timer"), "OnCalendar")) == (0, "hourly")


def test_systemctl_that_says_no_is_heard(certpush, machine, configure):
    machine.refuses = "enable"
    ended = install(certpush, configure(REMOTE))
    assert ended.code == 1
    assert "systemctl enable --now certpush.timer failed: Failed to connect to bus" in ended.err


def test_without_a_running_systemd_units_are_written_and_the_rest_is_said(certpush, machine, configure, monkeypatch, tmp_path):
    monkeypatch.setattr("certpush.cli.schedule.systemd.BOOTED", tmp_path / "nothing")
    ended = install(certpush, configure(REMOTE), "--by", "systemd")
    assert (ended.code, machine.asked, len(machine.units)) == (0, [], 2)
    assert "once it does, systemctl enable --now certpush.timer" in ended.err
    assert certpush("schedule", "remove", "--system").code == 0
    assert machine.units == []


def test_a_timer_of_ones_own_needs_a_login_or_lingering(certpush, machine, configure, monkeypatch, tmp_path):
    monkeypatch.setattr("certpush.cli.schedule.install.LINGERING", tmp_path)
    ended = certpush("--config", configure(REMOTE), "schedule", "install", "--user")
    assert f"loginctl enable-linger {NAME}" in ended.err
    assert machine.asked[0] == "--user daemon-reload"
    (tmp_path / NAME).touch()
    assert "linger" not in certpush("--config", configure(REMOTE), "schedule", "install", "--user").err


def test_remove_stops_and_removes_what_install_wrote(certpush, machine, configure):
    install(certpush, configure(REMOTE, LOCAL))
    machine.asked.clear()
    ended = certpush("--output", "json", "schedule", "remove", "--system")
    assert ended.document["removed"] == ["certpush.timer", "certpush.service", "certpush-local.timer", "certpush-local.service"]
    assert (machine.units, machine.asked[-1]) == ([], "daemon-reload")
    assert "nothing of certpush is in" in certpush("schedule", "remove", "--system").out


# --- secrets ----------------------------------------------------------------------------------


def test_a_credential_is_loaded_from_where_it_is_found_or_said_to_be(certpush, machine, configure, tmp_path):
    path = configure(REMOTE)
    (path.parent / "ssh-key.cred").rename(path.parent / "ssh-key")
    install(certpush, path, "--credential", f"provisioner-password={tmp_path}/elsewhere.cred")
    text = machine.text("certpush.service")
    assert value(text, "LoadCredential") == f"ssh-key:{path.parent}/ssh-key"
    assert value(text, "LoadCredentialEncrypted") == f"provisioner-password:{tmp_path}/elsewhere.cred"


def test_a_credential_that_is_nowhere_is_found_missing_before_the_night(certpush, machine, configure):
    path = configure(REMOTE)
    (path.parent / "ssh-key.cred").unlink()
    ended = install(certpush, path)
    assert (ended.code, machine.units) == (2, [])
    assert 'target.wiki: nothing is there for "cred:ssh-key"' in ended.err
    assert f"systemd-creds encrypt --name=ssh-key FILE {path.parent}/ssh-key.cred" in ended.err


@pytest.mark.parametrize(
    ("reference", "words", "message"),
    [
        ("env:CA_PASSWORD", ("--system",), "is a variable that no timer has"),
        ("cred:token", ("--user", "--by", "cron"), "is a credential of systemd, and cron has none"),
        ("keyring:ca/admin", ("--system",), "the system has no keyring"),
    ],
)
def test_a_secret_that_cannot_reach_the_run_is_refused(certpush, machine, configure, reference, words, message):
    ended = certpush("--config", configure(REMOTE, password=reference), "schedule", "install", *words)
    assert (ended.code, machine.units) == (2, [])
    assert message in ended.err
    assert "hint: " in ended.err


def test_a_command_or_a_keyring_may_need_a_person_and_that_is_said(certpush, machine, configure):
    path = configure(REMOTE, password="cmd:pass show ca", identity="keyring:ssh/me")
    ended = certpush("--config", path, "schedule", "install", "--user", "--print")
    assert ended.code == 0
    assert "'cmd:pass show ca' runs without a person" in ended.err
    assert "a keyring is locked while nobody is logged in" in ended.err


def test_a_secret_file_that_the_service_could_not_read_is_refused(certpush, machine, configure, tmp_path, monkeypatch):
    secret = tmp_path / "password"
    secret.touch(mode=0o600)
    path = configure(REMOTE, password=f"file:{secret}", identity=f"file:{tmp_path}/missing")
    assert install(certpush, path, "--print").code == 0
    other = next(one.pw_name for one in pwd.getpwall() if one.pw_uid != os.geteuid())
    ended = install(certpush, path, "--print", "--as", other)
    assert ended.code == 2
    assert f"{secret} cannot be read by {other}" in ended.err


# --- words ------------------------------------------------------------------------------------


def test_wrong_words_end_with_the_next_step(certpush, machine, configure):
    path = configure(REMOTE)
    for words, message in (
        (("--system", "--as", "nobody-of-that-name"), "useradd --system"),
        (("--user", "--as", "root"), "--as is for the system's service"),
        (("--system", "--credential", "token"), "'token' has no file"),
    ):
        ended = certpush("--config", path, "schedule", "install", *words)
        assert (ended.code, message in ended.err) == (2, True), ended.err
    assert certpush("schedule", "install").code == 2
    assert "no target that an unattended run could rotate" in certpush("--config", configure(), "schedule", "install").err


def test_a_program_that_others_may_change_does_not_become_roots(certpush, machine, configure, monkeypatch, tmp_path):
    program = tmp_path / "loose" / "certpush"
    program.parent.mkdir()
    program.touch(mode=0o755)
    program.parent.chmod(0o777)
    monkeypatch.setattr("certpush.cli.schedule.order._own_command", lambda: (str(program),))
    ended = install(certpush, configure(REMOTE))
    assert (ended.code, machine.units) == (5, [])
    assert "can be changed by others" in ended.err


# --- cron -------------------------------------------------------------------------------------


def cron(certpush, path, *words: str):
    return certpush("--config", path, "schedule", "install", "--by", "cron", *words)


def test_where_there_is_no_systemd_a_line_for_cron_is_shown(certpush, machine, configure, monkeypatch, tmp_path):
    monkeypatch.setattr("certpush.cli.schedule.systemd.BOOTED", tmp_path / "nothing")
    monkeypatch.setattr("platform.node", lambda: "box")
    secret = tmp_path / "a 100% secret"
    secret.touch(mode=0o600)
    path = configure(REMOTE, password=f"file:{secret}", identity=f"file:{secret}").rename(tmp_path / "100%.toml")
    ended = certpush("--config", path, "schedule", "install", "--system")
    minute, *fields, account, program = ended.out.split(" ", 6)
    assert (0 <= int(minute) < 60, fields, account) == (True, ["*", "*", "*", "*"], NAME)
    assert program.startswith("/")
    assert program.endswith(f"certpush renew --config {tmp_path}/100\\%.toml --quiet\n")
    assert "put this line into a file /etc/cron.d/certpush" in ended.err
    assert machine.units == []


@pytest.mark.parametrize(
    ("lifetime", "when"),
    [("395d", r"\d+ \d+ \* \* \*"), ("7d", r"\d+ \d-23/6 \* \* \*"), ("2h", r"\d-59/5 \* \* \* \*"), ("5m", r"\* \* \* \* \*")],
)
def test_a_line_of_ones_own_has_no_name_in_it(certpush, machine, configure, lifetime, when):
    path = configure(REMOTE, password="cmd:pass", identity="cmd:pass", more=f'lifetime = "{lifetime}"')
    line = cron(certpush, path, "--user").out
    assert re.match(rf"{when} /", line), line


def test_a_directory_of_somebody_else_that_an_observer_writes_to_is_told(certpush, machine, configure, tmp_path):
    metrics = f'[observer.prometheus]\nkind = "metrics"\nfile = "{tmp_path}/certpush.prom"\n'
    path = configure(REMOTE, metrics)
    assert "belongs to another user" not in install(certpush, path, "--print").err
    other = next(one.pw_name for one in pwd.getpwall() if one.pw_uid != os.geteuid())
    assert f"{tmp_path} belongs to another user than {other}" in install(certpush, path, "--print", "--as", other).err


# --- what stands in the way -------------------------------------------------------------------


def test_a_folder_that_cannot_be_written_is_named(certpush, machine, configure):
    machine.folder.write_text("a file where the folder should be")
    ended = install(certpush, configure(REMOTE))
    assert ended.code == 2
    assert f"{machine.folder}" in ended.err
    machine.folder.unlink()
    machine.folder.mkdir()
    (machine.folder / ".certpush.timer.new").mkdir()  # where the file is written before it takes its place
    ended = install(certpush, configure(REMOTE))
    assert (ended.code, "certpush.timer cannot be written" in ended.err) == (2, True)


def test_a_unit_that_cannot_be_read_is_named(certpush, machine, configure):
    (machine.folder / "certpush.timer").mkdir(parents=True)
    ended = install(certpush, configure(REMOTE))
    assert (ended.code, "certpush.timer cannot be read: Is a directory" in ended.err) == (2, True)


def test_a_unit_that_cannot_be_removed_is_named(certpush, machine, configure, monkeypatch):
    install(certpush, configure(REMOTE))

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("certpush.kit.files.os.unlink", refuse)
    ended = certpush("schedule", "remove", "--system")
    assert (ended.code, "certpush.timer cannot be written: Permission denied" in ended.err) == (2, True)


def test_a_systemctl_that_cannot_be_run_is_named(certpush, machine, configure, monkeypatch):
    monkeypatch.setattr("certpush.cli.schedule.systemd.run", command.run)
    (machine.folder.parent / "bin/systemctl").write_text("#!/nonexistent\n")
    ended = install(certpush, configure(REMOTE))
    assert (ended.code, "systemctl cannot be run" in ended.err) == (1, True)


def test_a_superfluous_service_goes_also_where_systemd_does_not_run(certpush, machine, configure, monkeypatch, tmp_path):
    monkeypatch.setattr("certpush.cli.schedule.systemd.BOOTED", tmp_path / "nothing")
    install(certpush, configure(REMOTE, LOCAL), "--by", "systemd")
    install(certpush, configure(REMOTE), "--by", "systemd")
    assert (machine.units, machine.asked) == (["certpush.service", "certpush.timer"], [])
