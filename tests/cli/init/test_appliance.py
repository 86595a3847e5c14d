"""init and appliances with an API: host and login are asked for, no secret is taken, and what is written works."""

from __future__ import annotations

import stat

import pytest

from certpush.config import load
from certpush.testing.lab.proxmox import ProxmoxNode

pytestmark = [pytest.mark.timeout(120), pytest.mark.usefixtures("measured")]
SECRET = "8f3c1d52-6a0e-4b7f-9d3c-0a1b2c3d4e5f"
TOKEN = ("--set", "token_id=certpush@pve!deploy", "--set", "token=file:/etc/certpush/proxmox-token")
PVE = ("--target", "proxmox", "--kind", "proxmox", "--names", "pve.example,192.168.10.2", "--host", "pve.example")


def table_of(person) -> dict[str, object]:
    (target,) = load(person.configuration, {}).targets.values()
    return dict(target.table)


def begun(terminal, known):
    return terminal(*known).answers("How long", "").answers("Name for a target", "proxmox").answers("Kind", "proxmox")


# --- asked ------------------------------------------------------------------------------------


def test_a_person_presses_enter_and_has_a_table_with_comments(person, terminal, known):
    shown = begun(terminal, known).answers("Names", "pve.example, 192.168.10.2").answers("Host", "")
    shown.answers("API token", "").answers("token's secret", "").answers("another target", "")
    assert shown.ends() == 0
    place = person.configuration.parent / "proxmox-token"
    assert table_of(person) == {"host": "pve.example", "token_id": "certpush@pve!deploy", "token": f"file:{place}"}
    assert "# Where the token's secret is; never the secret itself.\ntoken = " in person.written
    assert '#nodes = "all"' in person.written
    assert "Where it is served" not in shown.shown
    steps = shown.shown.partition("Next")[2]
    assert f"(umask 077; cat > {place})" in steps
    assert "certpush trust proxmox" in steps
    assert "`certpush targets proxmox` shows what else" in shown.shown


def test_a_secret_in_the_wrong_place_is_refused_and_not_repeated(person, terminal, known):
    shown = begun(terminal, known).answers("Names", "pve.example").answers("Host", "")
    shown.answers("API token", f"PVEAPIToken=certpush@pve!deploy={SECRET}").sees("token_id is not the id of a token")
    shown.answers("API token", "certpush@pve!deploy").answers("token's secret", SECRET).sees("a secret itself never stands")
    shown.answers("token's secret", "cred:proxmox-token").answers("another target", "")
    assert shown.ends() == 0
    said = shown.shown.partition("error: token_id")[2].replace(f": {SECRET}\n", "")  # what the terminal echoes is what was typed
    assert SECRET not in said + person.written
    assert table_of(person)["token"] == "cred:proxmox-token"
    assert "umask" not in shown.shown


def test_without_a_token_a_user_is_asked_for(person, terminal, known):
    shown = begun(terminal, known).answers("Names", "pve.example").answers("Host", "")
    shown.answers("API token", "none").answers("realm", "certpush").sees("no user with a realm").answers("realm", "")
    shown.answers("the password", "~/pve-password").answers("another target", "")
    assert shown.ends() == 0
    assert table_of(person) == {"host": "pve.example", "user": "certpush@pve", "password": "file:~/pve-password"}
    assert "paste the password of proxmox" in shown.shown


def test_a_mail_gateway_has_no_tokens_to_ask_for(person, terminal, known):
    shown = terminal(*known).answers("How long", "").answers("Name for a target", "mail").answers("Kind", "proxmox-mail")
    shown.answers("Names", "mail.example").answers("Host", "").answers("realm", "").answers("the password", "").answers(
        "another target", ""
    )
    assert shown.ends() == 0
    place = person.configuration.parent / "mail-password"
    assert table_of(person) == {"host": "mail.example", "user": "certpush@pmg", "password": f"file:{place}"}
    assert "API token" not in shown.shown


def test_a_host_that_the_certificate_would_not_cover_is_asked_for_again(person, terminal, known):
    shown = begun(terminal, known).answers("Names", "pve.example").answers("Host", "192.168.10.2:443")
    shown.answers("API token", "").answers("token's secret", "").sees("the certificate would not cover 192.168.10.2")
    shown.answers("Kind", "").answers("Names", "pve.example 192.168.10.2").answers("Host", "")
    shown.answers("API token", "").answers("token's secret", "").answers("another target", "")
    assert shown.ends() == 0
    assert table_of(person)["host"] == "192.168.10.2:443"


# --- by options -------------------------------------------------------------------------------


def test_a_script_says_it_with_set(person, known):
    ended = person.init(*known, *PVE, *TOKEN, "--set", "nodes=all", "--set", f"trust=sha256:{'0' * 64}")
    assert ended.code == 0, ended.err
    assert table_of(person) == {
        "host": "pve.example",
        "token_id": "certpush@pve!deploy",
        "token": "file:/etc/certpush/proxmox-token",
        "nodes": "all",
    }
    assert "certpush trust" not in ended.out
    assert "cat > /etc/certpush/proxmox-token" in ended.out
    assert "#per_node" not in person.written


def test_a_script_may_log_in_by_password(person, known):
    ended = person.init(*known, *PVE, "--user", "certpush@pam", "--set", "password=env:PVE_PASSWORD", "--set", "totp=env:PVE_TOTP")
    assert ended.code == 0, ended.err
    assert table_of(person) == {"host": "pve.example", "user": "certpush@pam", "password": "env:PVE_PASSWORD", "totp": "env:PVE_TOTP"}


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "add --set token_id=USER@REALM!NAME"),
        (TOKEN[:2], "add --set token=REFERENCE"),
        (("--user", "certpush@pam"), "add --set password=REFERENCE"),
        ((*TOKEN[2:], "--set", f"token_id=certpush@pve!deploy={SECRET}"), "token_id is not the id of a token"),
        ((*TOKEN[:2], "--set", f"token={SECRET}"), "a secret is given by reference"),
        ((*TOKEN, "--host", "192.168.10.3"), "the certificate would not cover 192.168.10.3"),
        ((*TOKEN, "--set", "node=localhost"), "localhost is no node's name"),
        ((*TOKEN, "--fullchain", "/x"), "a target of kind proxmox has no such key"),
        ((*TOKEN, "--endpoint", "other.example:8006"), "would not cover other.example"),
    ],
)
def test_what_is_missing_or_will_not_do_writes_nothing(person, known, words, says):
    ended = person.init(*known, *PVE, *words)
    assert ended.code == 2
    assert says in ended.err
    assert SECRET not in ended.err + ended.out
    assert not person.configuration.parent.exists()


def test_a_secret_file_that_others_can_read_is_refused(person, terminal, known):
    place = person.home / "token"
    place.write_text(SECRET)
    place.chmod(0o644)
    shown = begun(terminal, known).answers("Names", "pve.example").answers("Host", "").answers("API token", "")
    shown.answers("token's secret", str(place)).sees(f"chmod 600 {place}")
    place.chmod(0o600)
    shown.answers("token's secret", str(place)).answers("another target", "")
    assert shown.ends() == 0
    assert "umask" not in shown.shown


# --- and then ---------------------------------------------------------------------------------


def test_what_was_written_works(person, known):
    with ProxmoxNode(overlap=0, refusal_delay=0) as node:
        place = person.home / "token"
        place.touch(mode=stat.S_IRUSR | stat.S_IWUSR)
        place.write_text(node.token)
        words = ("--target", "proxmox", "--kind", "proxmox", "--names", "127.0.0.1", "--host", f"127.0.0.1:{node.port}")
        ended = person.init(*known, *words, "--set", f"token_id={node.token_id}", "--set", f"token=file:{place}")
        assert ended.code == 0, ended.err
        config = ("--config", person.configuration)
        assert person.certpush("config", "check", *config).code == 0
        assert person.certpush("deploy", "--plan", *config).code == 4
        assert person.certpush("trust", "proxmox", "--fingerprint", node.own_fingerprint, *config).code == 0
        doctor = person.certpush("doctor", *config)
        assert doctor.code == 0, doctor.out
        plan = person.certpush("deploy", "--plan", *config)
        assert plan.code == 0, plan.err
        assert "way back  fallback: the node's own certificate" in plan.out
