"""init and firewalls that are reached by SSH: the login is asked for, the port of the web UI is not, and what is written works."""

from __future__ import annotations

import pytest

from certpush.config import load
from certpush.testing.lab.pfsense import PfSense
from conftest import need

pytestmark = pytest.mark.timeout(120)
SECRET = "XWxl1Tsk7BwLuvSbNXoZnVyJtx3GrhuKxfGmRAhLVWzhPjfM"
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


# --- OPNsense: an API, and SSH where that is not enough ---------------------------------------

EDGE = ("--target", "edge", "--kind", "opnsense", "--names", "edge.example", "--host", "edge.example", "--set", f"api_key={'k' * 40}")


def test_an_opnsense_is_asked_for_its_api_and_perhaps_for_ssh(person, terminal, known):
    shown = terminal(*known).answers("How long", "30d").answers("Name for a target", "edge").answers("Kind", "opnsense")
    shown.answers("Names", "edge.example").answers("Host", "").answers("api_key", "k" * 40)
    shown.answers("secret of the API key", SECRET).sees("a secret itself never stands")
    shown.answers("secret of the API key", "").answers("Private key to log in with by SSH", "").answers("another target", "")
    assert shown.ends() == 0
    place = person.configuration.parent / "edge-secret"
    identity = "file:~/.ssh/certpush_ed25519"
    assert table_of(person) == {"host": "edge.example", "api_key": "k" * 40, "api_secret": f"file:{place}", "identity": identity}
    assert "# Where the secret of the API key is" in person.written
    steps = shown.shown.partition("Next")[2]
    assert f"(umask 077; cat > {place})" in steps
    assert "as root: System > Access > Users, Authorized keys" in steps
    assert "User to log in as" not in shown.shown


@pytest.mark.parametrize(
    ("words", "way"),
    [((), {}), (("--identity", "none"), {}), (("--identity", "agent"), {"agent": True}), (("--set", "agent=true"), {"agent": True})],
)
def test_an_opnsense_may_do_without_ssh(person, known, words, way):
    ended = person.init(*known, *EDGE, "--set", "api_secret=cred:edge", *words)
    assert ended.code == 0, ended.err
    assert table_of(person) == {"host": "edge.example", "api_key": "k" * 40, "api_secret": "cred:edge", **way}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("--identity", "agent"), "add --set api_secret=REFERENCE"),
        (("--set", f"api_secret={SECRET}"), "a secret is given by reference"),
        (("--set", "api_secret=cred:edge", "--host", "192.168.10.3"), "or --set server_name=NAME"),
    ],
)
def test_what_an_opnsense_misses_is_said(person, known, words, says):
    ended = person.init(*known, *EDGE, *words)
    assert ended.code == 2
    assert says in ended.err
    assert SECRET not in ended.err + ended.out
