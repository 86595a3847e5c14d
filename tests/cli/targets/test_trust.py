"""`certpush trust`: first contact with a real SSH server, and what happens when its key changes later."""

from __future__ import annotations

import os
import pty
import select
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = [pytest.mark.live("sshd"), pytest.mark.timeout(120)]


@pytest.fixture
def wiki(yard, start_sshd):
    """A target behind SSH, of whose host key nothing is known yet."""
    yard.sshd = start_sshd()
    yard.serve("wiki", target=False)
    describe(yard)
    return yard


def describe(yard, more: str = "") -> None:
    way = f'kind = "ssh"\nhost = "{yard.sshd.host}"\nport = {yard.sshd.port}\nuser = "{yard.sshd.user}"\n'
    yard.describe("wiki", f'{way}identity = "file:{yard.sshd.client_key_path}"\n{more}')


def logins(yard) -> int:
    """How often somebody tried to log in, rightly or wrongly."""
    log = yard.sshd.log()
    return log.count("Accepted") + log.count("Failed") + log.count("Postponed") + log.count("userauth-request")


def asked(yard, answer: str, *words: str) -> tuple[int, str]:
    """Run the command on a terminal of its own, and type an answer once it asks."""
    ours, theirs = pty.openpty()
    environment = {**os.environ, "HOME": str(Path.home()), "TERM": "dumb"}
    with subprocess.Popen(
        [sys.executable, "-m", "certpush", "trust", "wiki", *words], stdin=theirs, stdout=theirs, stderr=theirs, env=environment
    ) as process:
        os.close(theirs)
        shown, typed = "", False
        while select.select([ours], [], [], 30)[0]:
            try:
                shown += os.read(ours, 65536).decode()
            except OSError:  # the other end is closed: it ended
                break
            if not typed and "[yes/no]" in shown:
                typed = bool(os.write(ours, answer.encode()))
    os.close(ours)
    return process.returncode, shown.replace("\r\n", "\n")


def test_a_person_compares_and_then_it_is_pinned(certpush, wiki):
    refused = certpush("deploy", "wiki")
    assert refused.code == 4
    assert "which nobody has confirmed yet; nothing was sent to it" in refused.err
    assert "run `certpush trust wiki`" in refused.err
    code, shown = asked(wiki, "yes\n")
    assert code == 0
    assert f"ssh-ed25519 {wiki.sshd.host_key_fingerprint}" in shown
    assert "compare it on the machine's own console: ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub" in shown
    assert f"pinned: {wiki.sshd.host_key_fingerprint}" in shown
    assert "certpush deploy wiki --plan" in shown
    assert logins(wiki) == 0
    done = certpush("deploy", "wiki", "--output=json")
    assert done.code == 0, done.out
    assert done.document["targets"][0]["now"] == wiki.served("wiki")


@pytest.mark.parametrize("answer", ["no\n", "\n", "y\n", "\x04"], ids=["no", "nothing", "y", "end of input"])
def test_anything_but_yes_pins_nothing(certpush, wiki, answer):
    code, shown = asked(wiki, answer)
    assert code == 4
    assert "not pinned; nothing secret was sent" in shown
    assert certpush("deploy", "wiki").code == 4
    assert logins(wiki) == 0


def test_nobody_there_to_ask_is_told_what_a_script_needs(certpush, wiki):
    ended = certpush("trust", "wiki")
    assert ended.code == 2
    assert "certpush trust wiki --fingerprint VALUE" in ended.err
    assert wiki.sshd.host_key_fingerprint in ended.out


def test_a_script_pins_what_it_expects(certpush, wiki):
    ended = certpush("trust", "wiki", "--fingerprint", wiki.sshd.host_key_fingerprint, "--output=json")
    assert ended.code == 0
    assert ended.document["pinned"] == {"setting": "host_key", "value": wiki.sshd.host_key_fingerprint}
    assert certpush("deploy", "wiki").code == 0
    again = certpush("trust", "wiki", "--fingerprint", wiki.sshd.host_key_fingerprint, "--output=json")
    assert again.code == 0
    assert again.document["identities"][0]["pinned_before"] == wiki.sshd.host_key_fingerprint
    unasked = certpush("trust", "wiki", "--output=json")  # nobody has to compare the same twice
    assert (unasked.code, unasked.document["pinned"]) == (0, again.document["pinned"])
    assert f"already pinned: {wiki.sshd.host_key_fingerprint}" in certpush("trust", "wiki").out
    wiki.sshd.restart(new_host_key=True)
    assert certpush("trust", "wiki").code == 2


@pytest.mark.parametrize(
    "change", [lambda right: "SHA256:" + "A" * 43, lambda right: right.swapcase(), lambda right: right[:-1], lambda _: ""]
)
def test_a_script_that_expects_another_pins_nothing(certpush, wiki, change):
    wrong = change(wiki.sshd.host_key_fingerprint)
    ended = certpush("trust", "wiki", f"--fingerprint={wrong}")
    assert ended.code == (4 if wrong else 2)
    assert "pinned: " not in ended.out
    assert certpush("deploy", "wiki").code == 4
    assert logins(wiki) == 0


def test_a_script_may_give_the_whole_line_that_ssh_keygen_prints(certpush, wiki):
    line = f"256 {wiki.sshd.host_key_fingerprint} root@wiki (ED25519)\n"
    assert certpush("trust", "wiki", "--fingerprint", line).code == 0


@pytest.mark.parametrize(
    ("given", "says", "hint"),
    [
        ("", "--fingerprint is empty", "variable"),
        (" \n", "--fingerprint is empty", "variable"),
        ("MD5:" + ":".join(["0a"] * 16), "is an MD5 fingerprint", "ssh-keygen -E sha256"),
        (":".join(["0a"] * 16), "is an MD5 fingerprint", "ssh-keygen -E sha256"),
    ],
)
def test_what_can_match_nothing_is_a_slip_and_no_stranger(certpush, wiki, given, says, hint):
    ended = certpush("trust", "wiki", f"--fingerprint={given}")
    assert ended.code == 2
    assert says in ended.err
    assert hint in ended.err
    assert "pinned: " not in ended.out


@pytest.fixture
def pinned(certpush, wiki):
    assert certpush("trust", "wiki", "--fingerprint", wiki.sshd.host_key_fingerprint).code == 0
    assert certpush("deploy", "wiki").code == 0
    return wiki


def test_a_host_key_that_changed_stops_everything_before_anybody_logs_in(certpush, pinned):
    before, old = pinned.served("wiki"), pinned.sshd.host_key_fingerprint
    pinned.sshd.restart(new_host_key=True)
    tried = logins(pinned)
    for command in (["deploy", "wiki", "--force"], ["deploy", "wiki", "--plan"], ["rollback", "wiki"]):
        ended = certpush(*command)
        assert ended.code == 4
        assert old in ended.err
        assert pinned.sshd.host_key_fingerprint in ended.err
        assert "run `certpush trust wiki`" in ended.err
    doctor = certpush("doctor", "wiki")
    assert doctor.code == 1
    assert old in doctor.out
    assert logins(pinned) == tried
    assert pinned.served("wiki") == before


def test_a_changed_key_is_shown_beside_the_old_one_before_it_is_pinned_anew(certpush, pinned):
    old = pinned.sshd.host_key_fingerprint
    pinned.sshd.restart(new_host_key=True)
    code, shown = asked(pinned, "no\n")
    assert code == 4
    assert f"this is NOT what was pinned before: {old}" in shown
    assert certpush("deploy", "wiki").code == 4
    code, shown = asked(pinned, "yes\n")
    assert code == 0
    assert certpush("deploy", "wiki", "--force").code == 0


def test_what_the_configuration_pins_comes_first_and_is_said_before_anybody_compares(certpush, wiki):
    wrong = "SHA256:" + "A" * 43
    describe(wiki, f'host_key = "{wrong}"')
    code, shown = asked(wiki, "yes\n")
    assert code == 2
    assert "[yes/no]" not in shown
    assert "target.wiki: host_key stands in the configuration" in shown
    assert f'host_key = "{wiki.sshd.host_key_fingerprint}"' in shown
    assert certpush("trust", "wiki", "--fingerprint", wrong).code == 4
    assert certpush("trust", "wiki", "--fingerprint", wiki.sshd.host_key_fingerprint).code == 2


def test_what_has_no_identity_says_so(certpush, wiki):
    wiki.describe("mail", 'verify = "files"')
    ended = certpush("trust", "mail")
    assert ended.code == 2
    assert "mail: a target of kind file shows no identity" in ended.err
    assert "there is no target 'mial'" in certpush("trust", "mial").err


def test_a_host_that_does_not_answer_pins_nothing(certpush, wiki):
    wiki.sshd.stop()
    ended = certpush("trust", "wiki", "--fingerprint", wiki.sshd.host_key_fingerprint)
    assert ended.code == 1
    assert f"{wiki.sshd.host}:{wiki.sshd.port}" in ended.err
