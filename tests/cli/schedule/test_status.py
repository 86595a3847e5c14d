"""certpush schedule status: what is installed, when it runs, and whether it still fits."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from certpush.model import Deployment, Installed, Phase, WayBack, WayBackKind
from certpush.state.journal import Journal
from cli.schedule.conftest import LOCAL, REMOTE

TIMER = "ActiveState=active\nNextElapseUSecRealtime=Fri 2026-11-27 07:11:04 UTC\nLastTriggerUSec=Fri 2026-11-27 06:03:00 UTC\n"
SERVICE = "Result=success\nExecMainStatus=0\nExecMainExitTimestamp=Fri 2026-11-27 06:03:02 UTC\n"


@pytest.fixture
def installed(certpush, machine, configure):
    path = configure(REMOTE, more='lifetime = "30d"')
    certpush("--config", path, "schedule", "install", "--system")
    machine.says = {"certpush.timer": TIMER, "certpush.service": SERVICE}
    return path


def status(certpush, path, *words: str):
    return certpush("--config", path, *words, "schedule", "status", "--system")


def test_it_says_when_it_runs_and_how_it_ended(certpush, machine, installed):
    ended = status(certpush, installed, "--output", "json")
    (unit,) = ended.document["units"]
    assert unit == {
        "unit": "certpush",
        "path": str(machine.folder / "certpush.service"),
        "active": True,
        "next": "2026-11-27T07:11:04Z",
        "last": "2026-11-27T06:03:02Z",
        "result": "success",
        "status": 0,
        "drift": [],
    }
    text = status(certpush, installed).out
    assert "waits" in text
    assert "success, exit code 0" in text


def test_a_lifetime_that_became_shorter_shows(certpush, machine, installed, configure):
    configure(REMOTE, more='lifetime = "24h"')
    ended = status(certpush, installed)
    assert "    - OnCalendar=daily\n" in ended.err
    assert "    + OnCalendar=hourly\n" in ended.err
    assert f"`certpush schedule install --system --config {installed}` writes it anew" in ended.err
    assert ended.out.splitlines()[1].endswith("no")


def test_a_target_of_another_sort_shows(certpush, machine, installed, configure):
    configure(REMOTE, LOCAL, more='lifetime = "30d"')
    ended = status(certpush, installed)
    assert "+ ExecStart=" in ended.err
    assert "--elsewhere" in ended.err


def test_hands_and_half_an_installation_show(certpush, machine, installed):
    (machine.folder / "certpush.timer").unlink()
    service = machine.folder / "certpush.service"
    service.write_text(service.read_text() + "Nice=19\n")
    ended = status(certpush, installed, "--output", "json")
    assert ended.document["units"][0]["drift"] == ["was changed by hand", "- Nice=19", "is missing"]


def test_what_is_not_needed_any_more_shows(certpush, machine, installed, configure):
    configure(LOCAL)
    assert "is not needed any more" in status(certpush, installed).err


def test_a_run_that_never_was_and_one_that_failed(certpush, machine, installed):
    machine.says = {"certpush.timer": "ActiveState=active\nNextElapseUSecRealtime=\nLastTriggerUSec=n/a\n"}
    assert "never, since the machine started" in status(certpush, installed).out
    failed = SERVICE.replace("success", "exit-code").replace("Status=0", "Status=3")
    machine.says = {"certpush.timer": TIMER.replace("=active", "=inactive"), "certpush.service": failed}
    text = status(certpush, installed).out
    assert "stopped" in text
    assert "exit-code, exit code 3" in text


def test_nothing_installed(certpush, machine, configure):
    ended = status(certpush, configure(REMOTE))
    assert (ended.code, "`certpush schedule install --system` makes one" in ended.out) == (0, True)
    assert "cron's lines are in /etc/cron.d/certpush" in ended.out  # where `schedule install` would have them


def test_somebody_elses_units_are_named(certpush, machine, configure):
    machine.folder.mkdir()
    (machine.folder / "certpush.service").write_text("[Service]\n")
    assert "certpush.service was not written by certpush" in status(certpush, configure(REMOTE)).err


def test_a_systemd_that_does_not_answer_or_does_not_run(certpush, machine, installed, monkeypatch, tmp_path):
    machine.refuses = "show"
    assert "not known" in status(certpush, installed).out
    monkeypatch.setattr("certpush.cli.schedule.systemd.BOOTED", tmp_path / "nothing")
    assert "nothing starts these units" in status(certpush, installed).err


def test_a_broken_configuration_hides_nothing_else(certpush, machine, installed):
    installed.write_text("[cb]\n")
    ended = status(certpush, installed)
    assert ended.code == 0
    assert "waits" in ended.out
    assert "the configuration cannot be compared with the units" in ended.err


def test_the_configuration_is_the_one_that_it_was_installed_for(certpush, machine, installed):
    ended = certpush("schedule", "status", "--system")
    assert (ended.code, "no configuration" in ended.err) == (0, False)
    assert "yes" in ended.out


def test_the_last_deployment_is_told_by_certpushs_own_journal(certpush, machine, installed, tmp_path):
    begun = datetime(2026, 11, 27, 6, 3, tzinfo=UTC)
    journal = Journal(tmp_path / "state" / "journal.sqlite3")
    way_back = WayBack(WayBackKind.EXACT, "the pair is kept")
    journal.begin(Deployment("1", "wiki", "wiki", Installed(None), "ab" * 32, Phase.INTENT, way_back, started=begun))
    journal.close()
    ended = status(certpush, installed, "--output", "json")
    assert ended.document["last_deployment"]["target"] == "wiki"
    assert "last deployment: wiki unfinished (intent)" in status(certpush, installed).out
