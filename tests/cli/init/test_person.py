"""init at a terminal, typed at as a person would."""

from __future__ import annotations

import os
import re

import pytest

from certpush.cli.main import run
from certpush.config import load
from certpush.testing.authority import JwkProvisioner

pytestmark = [pytest.mark.timeout(120), pytest.mark.usefixtures("measured")]


def trusting(shown, ca):
    """The first questions, answered well."""
    shown.answers("URL of the CA", ca.url).answers("Fingerprint of its root", ca.fingerprint)
    shown.sees("ok").sees("leads to that root").sees("provisioner admin")
    return shown.sees("Password of the provisioner admin").sees(": ").types(ca.password).sees("the password opens")


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", text)


def test_a_few_answers_make_a_configuration(ca, person, terminal):
    shown = trusting(terminal(), ca).answers("How long", "").answers("Name for a target", "")
    assert shown.ends() == 0
    kept = person.configuration.parent / "provisioner-password"
    assert kept.read_text() == f"{ca.password}\n"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert f'password = "file:{kept}"' in person.written
    assert 'lifetime = "24h"' in person.written
    assert "#[target.wiki]" in person.written
    assert ca.password not in shown.shown + person.written
    assert f"written  {person.configuration} (0600)\nwritten  {kept} (0600)\n" in plain(shown.shown)
    assert "add a target: four examples are in it" in shown.shown
    assert person.certpush("doctor", "--config", person.configuration).code == 0


def test_a_root_that_nobody_vouches_for_is_trusted_by_the_word_yes_only(ca, person, terminal):
    for answer in ("y", "", "no", "YES please"):
        shown = terminal().answers("URL of the CA", ca.url).answers("Fingerprint", "")
        shown.sees("NOT trusted yet").sees(ca.fingerprint)
        shown.sees("step certificate fingerprint $(step path)/certs/root_ca.crt").sees("docker exec")
        assert shown.sees("Only the word yes").sees("[yes/no] ").types(answer).ends() == 4
        assert "its root is not trusted; nothing secret was sent" in shown.shown
        assert person.files == {}
    shown = terminal().answers("URL of the CA", ca.url).answers("Fingerprint", "").sees("[yes/no] ").types("yes")
    shown.sees("leads to that root").sees("Password of").sees(": ").types(ca.password)
    assert shown.answers("How long", "").answers("Name for a target", "").ends() == 0
    assert f'fingerprint = "{ca.fingerprint}"' in person.written


def test_wrong_answers_are_explained_and_asked_again(ca, person, terminal):
    shown = terminal()
    shown.answers("URL of the CA", "").sees("error:").answers("URL of the CA", "http://127.0.0.1:9").sees("is not https")
    shown.answers("URL of the CA", "https://127.0.0.1:9").sees("connection refused").answers("URL of the CA", ca.url)
    shown.answers("Fingerprint", "abc").sees("64 hex digits").answers("Fingerprint", "0" * 64).sees("no root with the fingerprint")
    shown.answers("URL of the CA", ca.url).answers("Fingerprint", ca.fingerprint.upper())
    shown.sees("Password of").sees(": ").types("").sees("error:").sees("Password of").sees(": ").types("not-the-password").sees(
        "does not open"
    )
    shown.sees("Password of").sees(": ").types(ca.password)
    shown.answers("How long", "a while").sees("not a length of time").answers("How long", "0h").sees("error:").answers("How long", "12h")
    shown.answers("Name for a target", "a b").sees("cannot be the name").answers("Name for a target", "")
    assert shown.ends() == 0
    assert 'lifetime = "12h"' in person.written
    assert "not-the-password" not in shown.shown


def test_several_targets_with_all_that_stands_in_brackets(ca, person, terminal):
    (person.home / ".ssh").mkdir()
    (person.home / ".ssh/certpush_ed25519").touch(mode=0o600)
    shown = trusting(terminal(), ca).answers("How long", "")
    shown.answers("Name for a target", "wiki").answers("Kind", "").answers("Names", "wiki.example 10.0.0.7").answers("Host", "")
    shown.answers("User", "deploy").answers("Private key", "").answers("sudo there", "")
    shown.answers("certificate and chain on wiki.example", "/etc/nginx/wiki.crt").answers("File for the private key", "")
    shown.answers("take them up", "systemctl reload nginx").answers("look whether it is: HOST:PORT", "")
    shown.answers("another target", "wiki").sees("already").answers("another target", "here").answers("Kind", "file")
    shown.answers("Names", "*.example").answers("certificate and chain on this machine", "").answers("That directory", "/etc/ssl/here")
    shown.answers("take them up", "").answers("look whether it is: HOST:PORT", "none").answers("another target", "")
    assert shown.ends() == 0
    targets = load(person.configuration, {}).targets
    assert dict(targets["wiki"].table) == {
        "host": "wiki.example",
        "user": "deploy",
        "identity": "file:~/.ssh/certpush_ed25519",
        "sudo": True,
        "fullchain": "/etc/nginx/wiki.crt",
        "key_file": "/etc/nginx/wiki.key",
        "reload": ["systemctl", "reload", "nginx"],
    }
    assert [(one.host, one.port) for one in targets["wiki"].endpoints] == [("wiki.example", 443)]
    assert dict(targets["here"].table) == {"directory": "/etc/ssl/here"}
    assert targets["here"].verify == "files"
    assert "ssh-keygen" not in shown.shown
    assert "certpush trust wiki" in shown.shown


def test_answers_that_do_not_fit_together_are_offered_again(ca, person, terminal):
    shown = trusting(terminal(), ca).answers("How long", "")
    shown.answers("Name for a target", "here").answers("Kind", "file").answers("Names", "here.example")
    shown.answers("certificate and chain", "/etc/ssl/here.pem").answers("private key", "/etc/ssl/here.pem").answers("take them up", "")
    shown.answers("look whether it is: HOST:PORT", "none").sees("same path")
    shown.answers("Kind", "").answers("Names", "").answers("certificate and chain", "").answers("private key", "/etc/ssl/here.key")
    shown.answers("take them up", "").answers("look whether it is: HOST:PORT", "").answers("another target", "")
    assert shown.ends() == 0
    target = load(person.configuration, {}).targets["here"]
    assert dict(target.table) == {"fullchain": "/etc/ssl/here.pem", "key_file": "/etc/ssl/here.key"}


def test_what_options_say_is_not_asked(ca, person, terminal, known):
    shown = terminal(*known, "--lifetime", "24h", "--target", "here", "--kind", "file", "--names", "here.example", "--endpoint", "none")
    shown.answers("certificate and chain", "").answers("That directory", "/etc/ssl/here").answers("take them up", "")
    assert shown.ends() == 0
    assert "URL of the CA" not in shown.shown
    assert "Password" not in shown.shown


def test_a_wrong_option_is_no_question(ca, person, terminal, known):
    assert terminal("--ca-url", ca.url, "--fingerprint", "0" * 64).ends() == 4
    assert terminal("--ca-url", "http://x").ends() == 2
    assert terminal(*known[:4], "--password-file", "/nowhere").ends() == 2
    assert sorted(person.files) == ["ca-password"]


def test_only_a_machine_reads_json_so_nothing_is_asked(terminal):
    shown = terminal("--output", "json")
    assert shown.ends() == 2
    assert "--ca-url" in shown.shown


@pytest.mark.parametrize("end", ["\x03", "\x04"], ids=["ctrl-c", "end of input"])
def test_stopping_leaves_nothing(ca, person, terminal, end):
    def stopped(shown):
        assert shown.sees(": ").stops(end) == 1
        assert "nothing was written" in shown.shown
        assert "Traceback" not in shown.shown
        assert person.files == {}
        assert person.folders == []

    stopped(terminal().sees("URL of the CA"))
    stopped(terminal().answers("URL of the CA", ca.url).sees("Fingerprint"))
    shown = terminal().answers("URL of the CA", ca.url).answers("Fingerprint", ca.fingerprint)
    stopped(shown.sees("Password"))
    stopped(trusting(terminal(), ca).sees("How long"))
    stopped(trusting(terminal(), ca).answers("How long", "").sees("Name for"))


def test_an_arrow_key_is_no_answer(ca, person, terminal):
    shown = terminal().answers("URL of the CA", f"{ca.url}\x1b[D").sees("arrow key").answers("URL of the CA", ca.url)
    assert shown.sees("Fingerprint").sees(": ").stops("\x03") == 1


def test_bytes_that_are_no_text_are_no_answer(person, terminal):
    shown = terminal().sees("URL of the CA").sees(": ")
    os.write(shown._fd, b"\xff\xfe\n")
    assert shown.sees("error:").answers("URL of the CA", "").sees("error:").stops("\x03") == 1


# --- which provisioner, and how long ----------------------------------------------------------


@pytest.mark.live
def test_one_of_several_provisioners_is_chosen_by_number_or_name(start_real_ca, person, terminal):
    further = [JwkProvisioner.make(name, "other", p2c=1000, claims={"maxTLSCertDuration": "48h"}) for name in ("second", "1")]
    ca = start_real_ca(provisioners=further)
    ended = person.init("--ca-url", ca.url, "--fingerprint", ca.fingerprint, "--password", "cmd:echo other")
    assert ended.code == 2
    assert "--provisioner NAME; the CA has admin, second, 1" in ended.err
    shown = terminal().answers("URL of the CA", ca.url).answers("Fingerprint", ca.fingerprint)
    shown.sees("3 provisioners").sees("1  admin").sees("2  second").answers("Which of them", "4").sees("error:")
    shown.answers("Which of them", "2").sees("provisioner second").sees(": ").types("other")
    shown.answers("How long", "30d").sees("'second' allows 2d at most").sees("step ca provisioner update second --x509-max-dur 720h0m0s")
    assert shown.answers("Name for", "").ends() == 0
    assert 'provisioner = "second"' in person.written
    assert 'lifetime = "30d"' in person.written
    ended = person.init(
        "--force", "--ca-url", ca.url, "--fingerprint", ca.fingerprint, "--password", "cmd:echo other", "--provisioner", "1"
    )
    assert ended.code == 0, ended.err
    assert 'provisioner = "1"' in person.written


def test_a_key_that_the_ca_keeps_to_itself_is_said_before_a_password_is_asked(start_embedded_ca, person, terminal):
    ca = start_embedded_ca(admin=JwkProvisioner.make(p2c=1000, hand_out_key=False))
    shown = terminal("--ca-url", ca.url, "--fingerprint", ca.fingerprint)
    assert shown.ends() == 1
    assert "does not hand out its key" in shown.shown
    assert "Password" not in shown.shown


def test_help_shows_a_whole_call(capsys):
    assert run(["init", "--help"]) == 0
    shown = capsys.readouterr().out
    assert "--ca-url https://ca.example.com:9000 --fingerprint" in shown
    assert "--force" in shown
