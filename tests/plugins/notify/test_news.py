"""What is told, and when: once for each state, again when it could not be sent, and one message for all."""

from __future__ import annotations

import stat
from dataclasses import dataclass, field, replace
from datetime import timedelta

import pytest

from certpush import Duration, Outcome
from certpush.errors import (
    ForeignCertificate,
    HostKeyMismatch,
    IssuerRefused,
    IssuerUnreachable,
    LockHeld,
    ObserverFailed,
    Stranded,
    TargetAuthFailed,
)
from certpush.model import Action, Deployment, Installed, Phase, Plan, WayBack, WayBackKind
from certpush_notify import certpush_observer, observer
from certpush_notify.message import Message
from certpush_notify.settings import NotifySettings
from plugins.runs import Scheduler, failed, receipt, skipped

HOUR = timedelta(hours=1)


@dataclass
class Inbox:
    """The way to a person, which may be closed."""

    where: str = "the inbox"
    open: bool = True
    got: list[Message] = field(default_factory=list)

    def send(self, message: Message) -> None:
        if not self.open:
            raise ObserverFailed("the inbox is closed")
        self.got.append(message)

    @property
    def titles(self) -> list[str]:
        return [one.title.partition(": ")[2] for one in self.got]


@pytest.fixture
def inbox(monkeypatch):
    inbox = Inbox()
    monkeypatch.setattr(observer, "way_of", lambda _: inbox)
    monkeypatch.setattr("platform.node", lambda: "scheduler")
    return inbox


@pytest.fixture
def nights(tmp_path, inbox):
    (tmp_path / "state").mkdir(mode=0o700)
    return Scheduler(certpush_observer(), NotifySettings(command=("tell",)), tmp_path / "state")


def stranded(target: str):
    deployment = Deployment("d", target, target, Installed(None), "bb" * 32, Phase.STRANDED, WayBack(WayBackKind.EXACT, ""))
    error = Stranded(
        f"STRANDED: {target}: it serves nothing", deployment=deployment, cause=OSError(), rollback_error=OSError(), hint="look"
    )
    return failed(target, error, Outcome.STRANDED)


def ca_is_down(target: str):
    return failed(target, IssuerUnreachable("https://ca.lan:9000: connection refused", hint="start it"))


def test_where_all_is_well_nobody_is_disturbed_and_nothing_is_written(nights, inbox, tmp_path):
    assert nights.run(receipt("wiki"), receipt("mail", Outcome.UNCHANGED)) == "nothing to tell"
    nights.run(skipped("wiki"), failed("mail", LockHeld("another run")))
    assert inbox.got == []
    assert not (tmp_path / "state" / "observers").exists()


def test_a_failure_is_told_once_and_so_is_its_end(nights, inbox):
    assert nights.run(failed("wiki"), receipt("mail")) == "told the inbox: 1 failed"
    for _ in range(3):
        nights.now += HOUR
        assert nights.run(failed("wiki"), receipt("mail")) == "nothing to tell"
    nights.run(skipped("wiki"))
    nights.run(receipt("wiki"))
    nights.run(receipt("wiki"))
    assert inbox.titles == ["1 failed", "1 recovered"]
    nights.run(failed("wiki"))
    assert inbox.titles[2:] == ["1 failed"], "that is another one"


def test_a_message_says_what_where_until_when_and_what_next(nights, inbox):
    nights.run(failed("wiki"))
    (message,) = inbox.got
    assert message.title == "certpush on scheduler: 1 failed"
    assert message.severity == "warning"
    assert message.text == (
        "failed: wiki\n"
        "  nothing answers at wiki.lan:443\n"
        "  next: start it\n"
        "  the certificate there lasts until 2026-01-02 12:00 UTC, 24h from now"
    )


def test_another_cause_is_told_too_and_coming_back_to_the_first_is_not(nights, inbox):
    nights.run(failed("wiki"))
    nights.run(failed("wiki", TargetAuthFailed("wiki: the login was refused")))
    nights.run(failed("wiki"))
    nights.run(failed("wiki", TargetAuthFailed("wiki: the login was refused")))
    assert inbox.titles == ["1 failed", "1 failed"]


def test_stranded_is_told_before_all_else(nights, inbox):
    nights.run(failed("mail"), stranded("wiki"))
    (message,) = inbox.got
    assert message.title.endswith("1 STRANDED, 1 failed")
    assert message.severity == "critical"
    assert message.text.startswith("STRANDED: wiki\n  it serves nothing\n  next: look\n")
    nights.run(stranded("wiki"))
    assert len(inbox.got) == 1


def test_what_was_refused_or_rolled_back_needs_a_person_and_going_back_on_request_does_not(nights, inbox):
    nights.run(receipt("wiki", Outcome.ROLLED_BACK), command="rollback")
    assert inbox.got == []
    foreign = ForeignCertificate("wiki: a certificate that certpush did not deploy is there", hint="--adopt takes it over")
    nights.run(failed("wiki", foreign, Outcome.REFUSED), failed("mail", outcome=Outcome.ROLLED_BACK))
    assert inbox.titles == ["2 failed"]


# --- recovery -------------------------------------------------------------------------------------


def unchanged(target: str, action: Action = Action.NOTHING):
    return replace(receipt(target, Outcome.UNCHANGED), plan=Plan(action, ""))


def host_key_changed(target: str):
    return replace(failed(target, HostKeyMismatch(f"{target}: another host key"), Outcome.REFUSED), plan=Plan(Action.REFUSE, ""))


def test_a_timer_that_has_nothing_to_do_is_no_recovery_from_a_deploy_that_failed(nights, inbox):
    nights.run(ca_is_down("wiki"), host_key_changed("mail"), command="deploy")
    assert nights.run(unchanged("wiki"), unchanged("mail")) == "nothing to tell"
    nights.run(receipt("wiki"), receipt("mail"))
    assert inbox.titles == ["2 failed", "2 recovered"]


def test_a_deploy_that_logs_in_again_is_the_recovery_from_a_login_that_failed_and_not_from_a_ca_that_did(nights, inbox):
    nights.run(ca_is_down("wiki"), host_key_changed("mail"), command="deploy")
    nights.run(unchanged("wiki"), unchanged("mail"), command="deploy")
    assert inbox.titles == ["2 failed", "1 recovered"]
    assert [one.target for one in inbox.got[1].news] == ["mail"]


def test_what_a_timer_could_not_do_is_over_once_a_timer_finds_all_well(nights, inbox):
    nights.run(failed("wiki"), stranded("mail"))
    nights.run(unchanged("wiki"), unchanged("mail"))
    assert inbox.titles == ["1 STRANDED, 1 failed", "2 recovered"]


def test_what_is_due_and_waits_for_its_window_shows_nothing(nights, inbox):
    nights.run(ca_is_down("wiki"))
    nights.run(unchanged("wiki", Action.WAIT))
    nights.run(ca_is_down("wiki"))
    assert inbox.titles == ["1 failed"]


def test_a_decision_or_a_way_back_ends_it_and_that_nothing_was_to_be_decided_does_not(nights, inbox):
    nights.run(ca_is_down("wiki"), ca_is_down("mail"), command="deploy")
    nights.run(unchanged("wiki"), command="resolve")
    assert inbox.titles == ["2 failed"]
    nights.run(replace(unchanged("wiki"), deployment="d"), command="resolve")
    nights.run(receipt("mail", Outcome.ROLLED_BACK), command="rollback")
    assert inbox.titles[1:] == ["1 recovered", "1 recovered"]


def test_what_was_well_from_outside_and_fails_anew_is_told_anew(nights, inbox):
    nights.run(host_key_changed("wiki"), command="deploy")
    nights.run(unchanged("wiki"))
    nights.now += HOUR
    nights.run(host_key_changed("wiki"))
    assert inbox.titles == ["1 failed"] * 2


def test_what_an_older_run_saw_is_dropped_after_a_younger_one_told(nights, inbox):
    nights.run(failed("wiki"))
    daemon = nights.open()
    nights.now += timedelta(seconds=1)
    nights.hear(daemon, failed("wiki"), failed("mail"))
    nights.run(unchanged("wiki"))
    nights.now += timedelta(seconds=4)
    daemon.close()
    assert inbox.titles == ["1 failed", "1 recovered", "1 failed"]
    assert [one.target for one in inbox.got[2].news] == ["mail"]
    nights.run(failed("wiki"))
    assert inbox.titles[3:] == ["1 failed"], "the next run looks anew"


# --- danger ---------------------------------------------------------------------------------------


def test_danger_is_told_once_a_day_while_it_lasts(nights, inbox):
    nights.run(ca_is_down("wiki"))
    nights.now += timedelta(hours=21)
    nights.run(ca_is_down("wiki"))
    nights.now += HOUR
    nights.run(ca_is_down("wiki"))
    assert inbox.titles == ["1 failed", "1 in danger"]
    assert inbox.got[1].severity == "critical"
    assert "  https://ca.lan:9000: connection refused\n  next: start it\n" in inbox.got[1].text
    assert "lasts until 2026-01-02 12:00 UTC, 3h from now" in inbox.got[1].text
    nights.now += timedelta(hours=23)
    nights.run(skipped("wiki"))
    assert inbox.titles[2:] == ["1 EXPIRED"], "also where its turn did not come"
    assert "the certificate there ended 2026-01-02 12:00 UTC" in inbox.got[2].text
    nights.born = nights.now
    nights.run(receipt("wiki"))
    assert inbox.titles[3:] == ["1 recovered"]


def test_that_it_ended_is_told_at_once_and_once(nights, inbox):
    nights.now += timedelta(hours=23, minutes=59)
    nights.run(ca_is_down("wiki"))
    nights.now += timedelta(minutes=1)
    for _ in range(2):
        nights.run(ca_is_down("wiki"))
        nights.now += HOUR
    assert inbox.titles == ["1 in danger", "1 EXPIRED"]
    assert inbox.got[1].text.startswith("EXPIRED: wiki\n  https://ca.lan:9000: connection refused\n")
    assert (inbox.got[1].severity, inbox.got[1].news[0].occasion) == ("critical", "danger")
    nights.now += timedelta(hours=23)
    nights.run(ca_is_down("wiki"))
    assert inbox.titles[2:] == ["1 EXPIRED"], "and each day while it lasts"


def test_what_a_clock_told_that_was_ahead_keeps_nobody_from_hearing(nights, inbox):
    nights.now += timedelta(days=365)
    nights.run(ca_is_down("wiki"))
    assert inbox.titles == ["1 EXPIRED"]
    nights.now -= timedelta(days=365) - timedelta(hours=21)
    nights.run(skipped("wiki"), ca_is_down("mail"))
    assert inbox.titles == ["1 EXPIRED", "2 in danger"]


def test_danger_without_a_failure_says_what_to_do(nights, inbox):
    nights.now += timedelta(hours=20)
    nights.run(receipt("wiki", Outcome.UNCHANGED))
    assert "next: `certpush doctor` says what keeps it" in inbox.got[0].text


def test_how_often_is_the_administrators_choice(nights, inbox):
    nights.settings = NotifySettings(command=("tell",), danger_every=Duration(hours=1))
    nights.now += timedelta(hours=20)
    for _ in range(3):
        nights.run(skipped("wiki"))
        nights.now += HOUR
    assert inbox.titles == ["1 in danger"] * 3


def test_where_nothing_is_known_of_a_certificate_nothing_is_claimed(nights, inbox):
    nights.run(failed("wiki"), known=False)
    assert "certificate" not in inbox.got[0].text


# --- what is not wanted ---------------------------------------------------------------------------


def test_only_what_is_wanted_is_told(nights, inbox):
    nights.settings = NotifySettings(command=("tell",), on=("danger", "stranded"))
    nights.run(failed("wiki"))
    assert inbox.got == []
    nights.now += timedelta(hours=20)
    nights.run(failed("wiki"))
    nights.born = nights.now
    nights.run(receipt("wiki"))
    assert inbox.titles == ["1 in danger"]


# --- sending --------------------------------------------------------------------------------------


def test_what_could_not_be_sent_is_sent_by_the_next_run_and_not_recorded_as_sent(nights, inbox):
    inbox.open = False
    with pytest.raises(ObserverFailed):
        nights.run(failed("wiki"))
    with pytest.raises(ObserverFailed):
        nights.run(skipped("wiki"))
    inbox.open = True
    nights.run(skipped("wiki"), failed("mail"))
    assert inbox.titles == ["2 failed"]
    nights.run(failed("wiki"), failed("mail"))
    assert inbox.titles == ["2 failed"]


def test_a_failure_that_nobody_heard_of_ends_unheard(nights, inbox):
    inbox.open = False
    with pytest.raises(ObserverFailed):
        nights.run(failed("wiki"))
    inbox.open = True
    assert nights.run(receipt("wiki")) == "nothing to tell"
    assert inbox.got == []


def test_an_end_that_could_not_be_sent_waits_too(nights, inbox):
    nights.run(failed("wiki"))
    inbox.open = False
    with pytest.raises(ObserverFailed):
        nights.run(receipt("wiki"))
    inbox.open = True
    nights.run()
    nights.run(receipt("wiki"))
    assert inbox.titles == ["1 failed", "1 recovered"]


def test_a_process_that_ends_within_sending_tells_it_again_rather_than_never(nights, inbox, monkeypatch):
    def killed(_message: Message) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(inbox, "send", killed, raising=False)
    with pytest.raises(KeyboardInterrupt):
        nights.run(failed("wiki"))
    monkeypatch.undo()
    again = Inbox()
    monkeypatch.setattr(observer, "way_of", lambda _: again)
    nights.run(skipped("wiki"))
    assert again.titles == ["1 failed"]


def test_the_memory_is_private_and_forgets_who_is_not_there_any_more(nights, inbox, tmp_path):
    nights.run(failed("wiki"), failed("mail/one"))
    file = tmp_path / "state" / "observers" / "it.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    del nights.targets["mail"]
    nights.run()
    assert "mail" not in file.read_text()
    assert "wiki" in file.read_text()


def test_a_memory_of_another_form_is_begun_anew(nights, inbox, tmp_path):
    nights.run(failed("wiki"))
    (tmp_path / "state" / "observers" / "it.json").write_text('{"targets": []}')
    nights.run(failed("wiki"))
    assert len(inbox.got) == 2


# --- many -----------------------------------------------------------------------------------------


def test_an_outage_of_a_thousand_targets_is_one_message(nights, inbox):
    names = [f"box{number:04}" for number in range(1000)]
    nights.targets = dict.fromkeys(names, "ssh")
    nights.run(*map(ca_is_down, names))
    (message,) = inbox.got
    assert message.title.endswith("1000 failed")
    assert message.text == (
        "failed: 1000 targets (box0000, box0001, box0002, box0003, box0004 and 995 more)\n"
        "  https://ca.lan:9000: connection refused\n"
        "  next: start it\n"
        "  the first of their certificates (box0000) lasts until 2026-01-02 12:00 UTC, 24h from now"
    )
    nights.run(*map(receipt, names))
    assert inbox.titles[1:] == ["1000 recovered"]


def test_targets_that_come_due_while_the_ca_is_down_are_not_told_one_by_one(nights, inbox):
    nights.run(ca_is_down("wiki"))
    nights.now += HOUR
    assert nights.run(ca_is_down("wiki"), ca_is_down("mail")) == "nothing to tell"
    nights.run(failed("mail", IssuerRefused("the provisioner is gone")))
    assert inbox.titles == ["1 failed", "1 failed"], "another answer of the CA is news"
    nights.run(receipt("wiki"), receipt("mail"))
    assert inbox.titles[2:] == ["2 recovered"]
    nights.run(ca_is_down("mail"))
    assert inbox.titles[3:] == ["1 failed"], "the CA had been well since"


def test_danger_is_told_though_the_outage_was(nights, inbox):
    nights.run(ca_is_down("wiki"))
    nights.now += timedelta(hours=21)
    nights.run(ca_is_down("mail"))
    assert inbox.titles == ["1 failed", "1 in danger"]


def test_a_message_that_would_be_too_long_says_how_many_are_left_out(nights, inbox):
    nights.targets = {f"box{number}": "ssh" for number in range(100)}
    nights.run(*map(failed, nights.targets))
    (message,) = inbox.got
    assert len(message.text) < 1900
    assert message.text.endswith("more: `certpush status` and `certpush history` tell all of it")
    assert len(message.news) == 100


def test_what_others_wrote_cannot_play_tricks(nights, inbox):
    nights.run(failed("wiki", TargetAuthFailed("wiki: no\x1b[2J\nrecovered: all", hint="x\ry")))
    assert "\x1b" not in inbox.got[0].text
    assert "\r" not in inbox.got[0].text
    assert "\nrecovered" not in inbox.got[0].text


def test_trying_it_says_that_nothing_is_wrong_and_remembers_nothing(nights, inbox, tmp_path):
    assert nights.open("test").test() == "told the inbox: test"
    assert "This is a test" in inbox.got[0].text
    assert not (tmp_path / "state" / "observers").exists()
