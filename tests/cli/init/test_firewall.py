"""init and firewalls that are reached by SSH: the login is asked for, the port of the web UI is not, and what is written works."""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import pytest

from certpush import Secret, Settings, TargetKind
from certpush.cli.asking import Interview
from certpush.cli.console import Console
from certpush.cli.init import configure
from certpush.cli.init.target_questions import Asking, ask_target
from certpush.config import load
from certpush.kit.ssh import settings as login
from certpush.kit.trust import Trust
from certpush.testing.lab.pfsense import PfSense
from conftest import need

pytestmark = pytest.mark.timeout(120)
FIREWALL = ("--target", "firewall", "--kind", "pfsense", "--names", "firewall.example,192.168.10.1", "--host", "firewall.example")


def table_of(person) -> dict[str, object]:
    (target,) = load(person.configuration, {}).targets.values()
    return dict(target.table)


def begun(terminal, known):
    shown = terminal(*known).answers("How long", "30d").answers("Name for a target", "firewall").answers("Kind", "pfsense")
    return shown.answers("Names", "firewall.example, 192.168.10.1")


# --- asked ------------------------------------------------------------------------------------


def test_a_person_presses_enter_and_logs_in_as_admin(person, terminal, known):
    shown = begun(terminal, known).answers("Host", "").answers("User", "").answers("Private key", "").answers("another target", "")
    assert shown.ends() == 0
    assert table_of(person) == {"host": "firewall.example", "user": "admin", "identity": "file:~/.ssh/certpush_ed25519"}
    assert '#also = ["captiveportal", "haproxy"]' in person.written
    assert "sudo" not in shown.shown
    assert "Where it is served" not in shown.shown
    assert "Command that makes the service" not in shown.shown
    assert "`certpush targets pfsense` shows what else" in shown.shown


def test_the_next_steps_lead_through_the_web_ui(person, terminal, known):
    shown = begun(terminal, known).answers("Host", "").answers("User", "").answers("Private key", "").answers("another target", "")
    assert shown.ends() == 0
    steps = shown.shown.partition("Next")[2]
    assert f"ssh-keygen -t ed25519 -N '' -f {person.home}/.ssh/certpush_ed25519" in steps
    assert "as admin: System > User Manager, Authorized SSH Keys" in steps
    assert "ssh-copy-id" not in steps
    assert "certpush trust firewall" in steps


def test_another_user_is_asked_about_sudo(person, terminal, known):
    shown = begun(terminal, known).answers("Host", "").answers("User", "certpush").answers("Private key", "agent")
    shown.answers("sudo there", "").answers("another target", "")
    assert shown.ends() == 0
    assert table_of(person) == {"host": "firewall.example", "user": "certpush", "agent": True, "sudo": True}


def test_a_host_that_the_certificate_would_not_cover_is_asked_for_again(person, terminal, known):
    shown = begun(terminal, known).answers("Host", "192.168.10.2").answers("User", "").answers("Private key", "")
    shown.sees("the certificate would not cover 192.168.10.2, where firewall is looked at").sees("--endpoint HOST:PORT#NAME")
    shown.answers("Kind", "").answers("Names", "").answers("Host", "192.168.10.1").answers("User", "").answers("Private key", "")
    shown.answers("another target", "")
    assert shown.ends() == 0
    assert table_of(person)["host"] == "192.168.10.1"


# --- by options -------------------------------------------------------------------------------


def test_a_script_says_no_more_than_the_key(person, known):
    ended = person.init(*known, *FIREWALL, "--identity", "/keys/firewall", "--set", "also=captiveportal haproxy")
    assert ended.code == 0, ended.err
    assert table_of(person) == {
        "host": "firewall.example",
        "user": "admin",
        "identity": "file:/keys/firewall",
        "also": ["captiveportal", "haproxy"],
    }
    assert "#also" not in person.written


def test_a_script_may_say_where_it_is_looked_at(person, known):
    words = ("--host", "192.168.10.2", "--identity", "agent", "--endpoint", "192.168.10.2:8443#firewall.example")
    ended = person.init(*known, *FIREWALL[:6], *words)
    assert ended.code == 0, ended.err
    (target,) = load(person.configuration, {}).targets.values()
    assert [(str(one), one.name) for one in target.endpoints] == [("192.168.10.2:8443", "firewall.example")]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "--identity PATH, or --identity agent"),
        (("--identity", "agent", "--host", "192.168.10.3"), "the certificate would not cover 192.168.10.3"),
        (("--identity", "agent", "--set", "also=webgui"), "nothing that can change over"),
        (("--identity", "agent", "--set", "commit=ssh"), "commit"),
        (("--identity", "agent", "--fullchain", "/x"), "a target of kind pfsense has no such key"),
    ],
)
def test_what_is_missing_or_will_not_do_is_said(person, known, words, says):
    ended = person.init(*known, *FIREWALL, *words)
    assert ended.code == 2
    assert says in ended.err
    assert not person.configuration.exists()


@pytest.mark.live("sshd", "nginx", "php")
def test_what_is_written_deploys_to_a_box(person, known):
    need("sshd", "nginx", "php")
    with PfSense() as box:
        key = person.home / "key"
        key.touch(mode=0o600)
        key.write_text(box.client_key_path.read_text())
        words = ("--target", "firewall", "--kind", "pfsense", "--names", "127.0.0.1", "--host", "127.0.0.1", "--identity", str(key))
        ended = person.init(*known, *words, "--set", f"port={box.port}", "--set", f"host_key={box.host_key_fingerprint}")
        assert ended.code == 0, ended.err
        done = person.certpush("deploy", "--config", person.configuration, "--output", "json")
        assert done.code == 0, done.err
        (receipt,) = done.document["targets"]
        assert (receipt["outcome"], receipt["now"]) == ("rotated", box.served())


# --- an API, and SSH where that is not enough -------------------------------------------------


class EdgeSettings(Settings):
    host: str
    api_secret: Secret
    trust: Trust = Trust()
    user: login.User = "root"
    identity: login.Identity = None
    password: login.Password = None
    agent: login.Agent = False
    host_key: login.HostKey = ()


class Shelf:
    """Offers one kind, as the loader of plugins does."""

    def load_kind(self, name: str):
        return TargetKind(name, "an edge", EdgeSettings, lambda settings: None)


@pytest.mark.parametrize(
    ("typed", "words", "own"),
    [
        ("\nfile:/secret\n/key\n", (), {"identity": "file:/key"}),
        ("\nfile:/secret\nnone\n", (), {}),
        ("", ("--host", "edge.example", "--set", "api_secret=file:/secret"), {}),
        ("", ("--host", "edge.example", "--set", "api_secret=file:/secret", "--identity", "agent"), {"agent": True}),
        ("", ("--host", "edge.example", "--set", "api_secret=file:/secret", "--set", "agent=true"), {"agent": True}),
    ],
)
def test_a_kind_with_an_api_may_do_without_ssh(typed, words, own, monkeypatch):
    parser = argparse.ArgumentParser()
    configure(parser)
    shown = io.StringIO()
    monkeypatch.setattr("sys.stdin", io.StringIO(typed))
    flags = parser.parse_args(["--kind", "edge", "--names", "edge.example", *words])
    asking = Asking(Interview(Console(err=shown), person=bool(typed)), flags, Path("/etc/certpush"))
    target, _ = ask_target(asking, "edge", Shelf())
    assert target.own == {"host": "edge.example", "api_secret": "file:/secret", **own}
    assert "User to log in as" not in shown.getvalue()
