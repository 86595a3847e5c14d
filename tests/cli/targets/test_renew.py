"""`certpush renew`, as a timer runs it and as a person reads it."""

from __future__ import annotations

import re
import subprocess
import sys
import time

import pytest

from certpush.state.lock import Locks

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def two(yard, certpush):
    yard.serve("wiki")
    yard.serve("mail")
    assert certpush("deploy").code == 0
    return yard


def test_nothing_due_is_one_line_and_leaves_everything_as_it_was(certpush, two):
    before, asked = two.everything(), len(two.ca.exchanges)
    ended = certpush("renew")
    assert (ended.code, ended.err) == (0, "")
    (line,) = ended.out.splitlines()
    assert line.startswith("2 targets serve what they should; the next is due in 1")
    assert line.endswith(("h (wiki)", "h (mail)"))
    assert {path: content for path, content in two.everything().items() if "sqlite3" not in path} == {
        path: content for path, content in before.items() if "sqlite3" not in path
    }
    assert len(two.ca.exchanges) == asked
    assert certpush("renew", "wiki").out.startswith("wiki serves what it should; the next is due in 1")
    assert certpush("renew", "-q").out == ""
    assert "unchanged: 23h59m left" in certpush("renew", "-v").out


def test_what_fails_keeps_nobody_else_from_its_turn_and_waits(certpush, two):
    two.tables["defaults"] = 'lifetime = "12h"'
    two.tables["fleet"] = "canary = 1\nstop_after = 1"
    two.write()
    two.break_reload("wiki")
    old = two.served("wiki")
    ended = certpush("renew")
    assert ended.code == 1
    assert "1 target" not in ended.out
    assert [line.split()[0] for line in ended.out.splitlines()[1:]] == ["wiki", "mail"]
    assert "rolled-back" in ended.out
    assert "rotated" in ended.out
    assert two.served("wiki") == old

    waiting = certpush("renew", "--output=json")
    assert waiting.code == 1
    wiki, mail = waiting.document["targets"]
    assert (wiki["error"]["type"], wiki["outcome"], wiki["exit"]) == ("BackingOff", "failed", 1)
    assert (mail["outcome"], mail["exit"]) == ("unchanged", 0)
    assert mail["due"] is not None
    assert two.served("wiki") == old

    text = certpush("renew")
    assert "error: wiki: it failed once, and is not tried again before" in text.err
    assert "hint: `certpush renew wiki` tries at once" in text.err
    assert "mail serves what it should" in text.out

    assert certpush("renew", "wiki").code == 0  # named by a person
    assert two.served("wiki") != old
    assert certpush("renew").out.startswith("2 targets serve what they should")


def test_a_new_target_gets_its_first_certificate(certpush, yard):
    yard.serve("wiki")
    first = yard.served("wiki")
    assert certpush("renew").code == 0
    assert yard.served("wiki") != first


def test_words_are_those_of_deploy(certpush, two):
    assert certpush("renew", "wikki").code == 2
    two.tables = {name: table for name, table in two.tables.items() if not name.startswith("target.")}
    two.write()
    ended = certpush("renew")
    assert ended.code == 2
    assert "there is no target yet" in ended.err


# --- without a password ---------------------------------------------------------------------------


@pytest.fixture
def due(yard, certpush):
    """One target whose certificate is due at once, and no password on this machine any more."""
    yard.tables["defaults"] = 'lifetime = "24h"\nrenew_at = "1/1000000"'
    yard.serve("wiki")
    assert certpush("deploy").code == 0
    (yard.directory / "password").unlink()
    return yard


def test_a_machine_that_only_renews_needs_no_password(certpush, due):
    before, old = due.signed, due.served("wiki")
    ended = certpush("renew", "--output=json")
    assert ended.code == 0
    assert due.served("wiki") == ended.document["targets"][0]["now"] != old
    assert due.signed == before
    assert due.ca.exchanges[-1].request.target.endswith("/rekey")


def test_where_the_ca_refuses_to_renew_the_missing_password_is_told_beside_the_reason(certpush, due):
    old = due.served("wiki")
    due.ca.update(admin_claims={"disableRenewal": True})
    ended = certpush("renew")
    assert ended.code == 1
    assert "showing the present certificate to the CA did not do" in ended.err
    assert "a fresh one cannot be asked for: the secret file" in ended.err
    assert due.served("wiki") == old
    (due.directory / "password").touch(mode=0o600)
    (due.directory / "password").write_text(due.ca.password)
    assert certpush("renew", "wiki").code == 0
    assert "signed anew, because showing the present certificate to the CA did not do" in certpush("history", "wiki", "--output=json").out


# --- what this machine lacks -------------------------------------------------------------------


def test_status_tells_who_waits_after_failures_until_when_and_why(certpush, two):
    two.tables["defaults"] = 'lifetime = "12h"'
    two.write()
    two.break_reload("wiki")
    assert certpush("renew").code == 1
    wiki, mail = certpush("status", "--output=json").document["targets"]
    assert mail["waiting"] is None
    assert wiki["waiting"]["tries"] == 1
    assert wiki["waiting"]["until"] > wiki["last"]["started"]
    assert "reload" in wiki["waiting"]["error"]
    assert "wiki" not in wiki["waiting"]["error"].split()[0]  # whose it is stands before it
    assert re.search(
        r"wiki: waiting until \d\d-\d\d \d\d:\d\d UTC, because it failed once; the last time: .*reload", certpush("status").err
    )
    two.strand("wiki")
    assert certpush("renew", "wiki").code == 3
    assert "waiting" not in certpush("status").err, "what was left half-way is tried by each run"
    assert certpush("renew", "wiki").code == 0
    assert "waiting" not in certpush("status").err


def test_another_run_at_work_is_told_within_a_second(certpush, two, tmp_path):
    two.tables["defaults"] = 'lifetime = "12h"'
    two.write()
    served, locks = two.served("wiki"), Locks(tmp_path / "state" / "locks")
    with locks.hold("wiki"), locks.hold("mail"):
        for verb in ("renew", "deploy"):
            begun = time.process_time()
            ended = certpush(verb, "--output=json")
            assert time.process_time() - begun < 1, "of our own time: what others do on this machine is no wait"
            assert (ended.code, {one["error"]["type"] for one in ended.document["targets"]}) == (6, {"LockHeld"})
    assert two.served("wiki") == served
    assert certpush("renew").code == 0


def test_with_hardly_a_file_to_open_what_is_served_stays(two):
    """Sixteen would do for the beginning of a switch, and not for its end."""
    two.tables["defaults"] = 'lifetime = "12h"'
    two.write()
    served = two.served("wiki"), two.served("mail")
    limited = 'ulimit -n 16 && exec "$@"'
    command = ["sh", "-c", limited, "sh", sys.executable, "-m", "certpush", "--config", str(two.path), "renew"]
    ended = subprocess.run(command, capture_output=True, text=True, timeout=100, check=False)
    assert (ended.returncode, ended.stdout) == (5, "")
    assert ended.stderr.startswith("error: this process may open 16 files only")
    assert "LimitNOFILE=1024" in ended.stderr
    assert (two.served("wiki"), two.served("mail")) == served
