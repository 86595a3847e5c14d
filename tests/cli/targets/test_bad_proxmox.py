"""A Proxmox node from where its user sits: what goes wrong has one message, the right exit code, a way on, and leaves served what was served."""

from __future__ import annotations

import re
import socket
from collections.abc import Iterator
from datetime import timedelta

import pytest

from certpush.kit.trust import with_colons
from certpush.testing.lab.proxmox import Answer
from certpush.testing.listener import Listener
from certpush_proxmox.device import Device
from cli.targets.proxmox_desk import (
    LOGIN,
    SECRET,
    SEED,
    UPLOADS,
    allowed,
    answering,
    both,
    by_password,
    desk,
    disable_user,
    expire_token,
    kept,
    patience,
    second_factor,
    start_node,
    with_code_of_now,
    with_fault,
    without,
    written,
)
from plugins.conftest import mint
from plugins.proxmox.conftest import install, posts

pytestmark = pytest.mark.timeout(120)

__all__ = ["desk", "mint", "patience", "start_node"]  # fixtures

# --- exit 2: the configuration ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrange", "says", "hint"),
    [
        pytest.param(kept(token=f"certpush@pve!deploy={SECRET}"), "more than the token's secret", "keep only the secret", id="id in token"),
        pytest.param(kept(token=f"PVEAPIToken=certpush@pve!deploy={SECRET}"), "more than the token's", "keep only", id="header in token"),
        pytest.param(kept(token="two words"), "cannot be a token's secret", "white space", id="no token"),
        pytest.param(written(token_id=f"certpush@pve!deploy={SECRET}"), "is not the id of a token", "USER@REALM!NAME", id="secret in id"),
        pytest.param(written(token_id="deploy"), "is not the id of a token", "USER@REALM!NAME", id="name as id"),
        pytest.param(written(token=SECRET), "token: a secret stands in the configuration", "move it into a file", id="literal"),
        pytest.param(without("token"), "token_id and token belong together", "write both", id="half a token"),
        pytest.param(without("token", "token_id"), "nothing says how to log in", "token_id = ", id="no login"),
        pytest.param(both(written(user="a@pve"), kept(password="canary-password")), "both a token and a user", "or", id="two logins"),
        pytest.param(kept(totp=SEED), "totp belongs to a login with user", "tokens have no second factor", id="code with token"),
        pytest.param(by_password(written(user="certpush")), "'certpush' is no user with a realm", "NAME@pve", id="no realm"),
        pytest.param(by_password(written(user="a@pve!b")), "user: this is the id of a token", "as token_id", id="token as user"),
        pytest.param(by_password(without("password")), "user and password belong together", "write both", id="no password"),
        pytest.param(written(node="localhost"), "node: localhost is no node's name", "in its tree", id="localhost"),
        pytest.param(written(nodes=["localhost"]), "nodes: localhost is no node's name", "in its tree", id="localhost in nodes"),
        pytest.param(written(node="pve1.home.example"), "is no node's name", "pve1, not pve1.example.com", id="long name"),
        pytest.param(written(trust="/nowhere/ca.pem"), "trust: /nowhere/ca.pem cannot be read", "PEM file", id="no CA file"),
        pytest.param(
            written(trust="sha256:abcd"), "trust: 'sha256:abcd' is no SHA-256 fingerprint", "certpush trust proxmox", id="half a pin"
        ),
        pytest.param(written(request_timeout="0s"), "request_timeout", '"60s"', id="no patience"),
        pytest.param(
            written(host="https://127.0.0.1:8006"), "host: 'https://127.0.0.1:8006' is no host", "alone", id="address of the page"
        ),
        pytest.param(written(host="127.0.0.1/api2"), "host: '127.0.0.1/api2' is no host", "alone", id="path"),
        pytest.param(written(verify_ssl=False), "verify_ssl: unknown key", "", id="switching trust off"),
    ],
)
def test_a_configuration_that_cannot_be_right_is_told_before_anybody_is_asked(desk, arrange, says, hint):
    arrange(desk)
    ended = desk.refused(code=2, says=says, hint=hint)
    assert "[target.proxmox]" not in ended.err
    assert SECRET not in ended.err
    assert desk.node.connections == 0


@pytest.mark.parametrize(
    ("arrange", "says", "hint"),
    [
        pytest.param(second_factor(kept(totp="not base32 01!")), "neither the base32 secret", "beside the QR code", id="no base32"),
    ],
)
def test_a_secret_that_is_none_is_told_when_it_is_wanted(desk, arrange, says, hint):
    arrange(desk)
    desk.refused(code=2, says=says, hint=hint)
    assert posts(desk.node) == []


# --- exit 4: who answers is another -------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrange", "says"),
    [
        pytest.param(written(trust="sha256:" + "ab" * 32), "not the pinned AB:AB:AB", id="pin"),
        pytest.param(without("trust"), "does not lead to our root", id="never compared"),
        pytest.param(
            lambda desk: desk.table.update(trust=desk.file("ca.pem", desk.ca.root_pem)), "does not lead to our root", id="CA file"
        ),
        pytest.param(by_password(written(trust="sha256:" + "ab" * 32)), "not the pinned AB:AB:AB", id="pin, with a password"),
    ],
)
def test_who_is_not_recognised_is_sent_nothing(desk, arrange, says):
    arrange(desk)
    own = desk.node.own_fingerprint
    ended = desk.refused(code=4, says=f"{{at}} shows the certificate {with_colons(own)}", hint="run `certpush trust proxmox`")
    assert says in ended.err
    assert "nothing was sent to it" in ended.err
    assert f'trust = "sha256:{own}"' in ended.err
    assert desk.node.requests == []


def test_the_nodes_own_ca_is_as_good_as_a_pin(desk):
    desk.table["trust"] = desk.file("pve-root-ca.pem", desk.node.ca_pem)
    assert desk.certpush("deploy", "proxmox").code == 0
    assert desk.certpush("deploy", "proxmox", "--force").code == 0, "our own certificate, of another CA, is recognised too"


# --- exit 1 and 5: the node says no, and nothing was sent ---------------------------------------


@pytest.mark.parametrize(
    ("arrange", "says", "hint"),
    [
        pytest.param(kept(token=SECRET), LOGIN, "is the secret right", id="bad token"),
        pytest.param(written(token_id="certpush@pve!other"), LOGIN, "is the secret right", id="unknown token"),
        pytest.param(expire_token, LOGIN, "not expired", id="expired token"),
        pytest.param(disable_user, LOGIN, "enabled", id="disabled user"),
        pytest.param(by_password(kept(password="canary-password")), LOGIN, "password", id="bad password"),
        pytest.param(by_password(written(user="certpush@pam")), LOGIN, "realm", id="wrong realm"),
        pytest.param(by_password(disable_user), LOGIN, "password", id="disabled user, password"),
        pytest.param(second_factor(lambda _: None), "certpush@pve has a second factor, and none is given", "write totp", id="no code"),
        pytest.param(second_factor(kept(totp="000000")), LOGIN, "", id="wrong code"),
        pytest.param(second_factor(kept(totp="MFRGGZDFMZTWQ2LK")), LOGIN, "", id="wrong seed"),
        pytest.param(
            lambda desk: desk.node.acl.token.clear(),
            "{at}: certpush@pve!deploy may not change the certificate: Sys.Modify is missing on /nodes/pve1",
            "pveum acl modify /nodes/pve1 --tokens 'certpush@pve!deploy' --roles CertPush",
            id="token without rights",
        ),
        pytest.param(
            lambda desk: desk.node.acl.user.clear(),
            "Sys.Modify is missing on /nodes/pve1",
            "pveum acl modify /nodes/pve1 --users 'certpush@pve' --roles CertPush",
            id="user without rights",
        ),
        pytest.param(
            by_password(lambda desk: desk.node.acl.user.clear()),
            "certpush@pve may not",
            "--users 'certpush@pve'",
            id="user without rights, password",
        ),
        pytest.param(written(node="pve9"), "{at}: there is no node pve9", "there are: pve1", id="unknown node"),
        pytest.param(answering(Answer.HTML), "{at}: GET /nodes: what answered is not the API", "the node's own address", id="login page"),
        pytest.param(answering(Answer.HTML_ERROR), "{at}: GET /nodes: answered 502 with a web page", "reverse proxy", id="502"),
        pytest.param(answering(Answer.REDIRECT), "{at}: answered with a redirect (307)", "login page", id="redirect"),
        pytest.param(lambda desk: desk.node.stop(), "{at}: connection refused", "check that the service runs", id="nothing listening"),
        pytest.param(
            both(written(request_timeout="1s"), answering(Answer.SLOW, path="/nodes", seconds=3)), "no answer in time", "", id="slow"
        ),
    ],
)
def test_what_the_node_does_not_let_us_do_is_told_before_a_certificate_is_made(desk, monkeypatch, arrange, says, hint):
    monkeypatch.setitem(Device.__init__.__kwdefaults__, "pause", lambda _: None)  # until the next code of a second factor
    arrange(desk)
    signed = len(desk.ca.exchanges)
    desk.refused(code=1, says=says, hint=hint)
    assert posts(desk.node) == []
    assert not [one for one in desk.ca.exchanges[signed:] if one.request.target.endswith("/sign")]


@pytest.fixture
def plain_http() -> Iterator[int]:
    """A port where no TLS is spoken."""

    def serve(connection: socket.socket) -> None:
        connection.recv(1000)
        connection.sendall(b"HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n")

    listener = Listener(serve, "127.0.0.1")
    listener.start()
    yield listener.port
    listener.stop()


def test_a_port_where_no_tls_is_spoken(desk, plain_http):
    desk.table["port"] = plain_http
    desk.refused(code=1, says=f"127.0.0.1:{plain_http}: what answers there does not speak TLS", hint="port")
    assert desk.node.connections == 0


# --- exit 1 and 5: the upload was sent, or nearly ------------------------------------------------


@pytest.mark.parametrize(
    ("arrange", "code", "uploads", "says", "hint"),
    [
        pytest.param(with_fault(lock_held=True, lock_seconds=0.1), 1, 1, "the files are locked", "run again", id="lock"),
        pytest.param(with_fault(no_quorum=True), 1, 1, "because the cluster has no quorum", "pvecm status", id="quorum"),
        pytest.param(with_fault(reload_fails=True), 1, 1, "the web server could not be reloaded", "journalctl -u pveproxy", id="reload"),
        pytest.param(with_fault(reload_does_nothing=True), 1, 1, "serves another certificate", "", id="reload that does nothing"),
        pytest.param(answering(Answer.HTML_ERROR, **UPLOADS), 1, 1, "answered 502 with a web page", "reverse proxy", id="502"),
        pytest.param(answering(Answer.HTML, **UPLOADS), 1, 1, "is not the API", "the node's own address", id="login page"),
        pytest.param(answering(Answer.REDIRECT, **UPLOADS), 1, 1, "answered with a redirect (307)", "login page", id="redirect"),
        pytest.param(answering(Answer.CUT, **UPLOADS, size=500), 1, 1, "its files show that nothing was changed", "", id="cut"),
        pytest.param(
            by_password(lambda desk: setattr(desk.node._machine.tickets, "is_csrf_token", lambda *_: False)),
            1, 1, "the login was refused for writing", "run again", id="csrf",
        ),
        pytest.param(with_fault(clock_offset=timedelta(seconds=-80)), 5, 0, "is not valid yet (it is 1m", "timedatectl", id="clock"),
    ],
)  # fmt: skip
@pytest.mark.parametrize("first", [True, False], ids=["first", "renewal"])
def test_what_goes_wrong_with_an_upload_leaves_the_old_certificate_served_and_in_files(desk, arrange, code, uploads, says, hint, first):
    if not first:
        assert desk.certpush("deploy", "proxmox").code == 0
        desk.node.requests.clear()
    before = dict(desk.node.files)
    arrange(desk)
    desk.refused("deploy", "proxmox", "--force", code=code, says=f"{desk.at}: ", hint=hint)
    ended = desk.certpush("history", "proxmox", "--output=json")
    assert says in ended.document["deployments"][0]["error"]
    assert ended.document["deployments"][0]["outcome"] == "rolled-back"
    assert len(posts(desk.node)) >= uploads
    assert {name: content for name, content in desk.node.files.items() if not name.endswith(".old")} == before


@pytest.mark.parametrize(
    "arrange",
    [
        pytest.param(answering(Answer.LOST, **UPLOADS, times=1), id="lost answer"),
        pytest.param(both(written(request_timeout="1s"), answering(Answer.SLOW, **UPLOADS, times=1, seconds=3)), id="slow answer"),
        pytest.param(answering(Answer.TRUNCATED, **UPLOADS, times=1), id="half an answer"),
        pytest.param(with_fault(reload_fails_once=True), id="reload that works the second time"),
        pytest.param(with_fault(clock_offset=timedelta(hours=2)), id="clock ahead"),
        pytest.param(by_password(), id="password"),
        pytest.param(second_factor(kept(totp="jbsw y3dp ehpk 3pxp")), id="second factor"),
        pytest.param(second_factor(with_code_of_now), id="code of now"),
    ],
)
def test_what_can_be_settled_is_settled_with_one_upload(desk, arrange):
    arrange(desk)
    ended = desk.certpush("deploy", "proxmox")
    assert ended.code == 0, ended.err
    assert "error" not in ended.err
    assert len(posts(desk.node)) == 1
    assert desk.node.served() not in (None, desk.node.own_fingerprint)


def test_a_certificate_of_somebody_else_needs_permission_and_is_then_replaced(desk, mint):
    theirs = mint("pve1.home.example", "127.0.0.1")
    install(desk.node, theirs)
    desk.table["trust"] = f"sha256:{theirs.fingerprint}"
    desk.refused(code=5, says="a certificate that certpush did not deploy is there", hint="--adopt` takes it over")
    assert posts(desk.node) == []
    planned = desk.certpush("deploy", "proxmox", "--adopt", "--plan")
    assert (planned.code, posts(desk.node)) == (0, [])
    assert "fallback: the node's own certificate (pve-ssl.pem) comes back, by DELETE" in planned.out
    assert desk.certpush("deploy", "proxmox", "--adopt").code == 0
    assert desk.node.served() not in (theirs.fingerprint, desk.node.own_fingerprint)


def test_a_web_server_that_dies_of_its_files_is_called_stranded_with_the_command_that_brings_it_back(desk, start_node):
    """TLS_KEY_FILE names another key: over TLS nobody gets in any more, and only the console is left."""
    desk.node = start_node(overlap=0.0)
    kept(token=desk.node.token)(desk)
    desk.table |= {"port": desk.node.port, "trust": f"sha256:{desk.node.own_fingerprint}"}
    desk.node.faults.tls_key_file = desk.node.files["pve-ssl.key"]
    ended = desk.certpush("deploy", "proxmox")
    assert (ended.code, desk.node.served()) == (3, None)
    assert "error: STRANDED: proxmox: " in ended.err
    assert "its web server took the new files and now ends every TLS connection" in ended.err
    assert "hint: if it does not answer by and by: `pvenode cert delete 1` on its console" in ended.err
    # What that command does; and the setting was corrected.
    for name in ("pveproxy-ssl.pem", "pveproxy-ssl.key"):
        del desk.node.files[name]
    desk.node.faults.tls_key_file = None
    desk.node.restart()
    again = desk.certpush("deploy", "proxmox")
    assert again.code == 0, again.err
    assert desk.node.served() not in (None, desk.node.own_fingerprint)


@pytest.mark.parametrize(
    ("arrange", "code", "says", "hint"),
    [
        pytest.param(kept(token=SECRET), 1, LOGIN, "is the secret right", id="login"),
        pytest.param(lambda desk: desk.node.stop(), 1, "{at}: connection refused", "check that the service runs", id="nobody"),
        pytest.param(lambda desk: desk.node.acl.token.clear(), 1, "Sys.Modify on /nodes/pve1", "pveum acl modify", id="rights"),
        pytest.param(with_fault(lock_held=True, lock_seconds=0.1), 1, "the files are locked", "run again", id="lock"),
        pytest.param(with_fault(no_quorum=True), 1, "quorum", "pvecm status", id="quorum"),
        pytest.param(answering(Answer.HTML_ERROR, path="/certificates/custom"), 1, "answered 502", "reverse proxy", id="502"),
        pytest.param(with_fault(reload_fails=True), 3, "still serves the new certificate", "", id="reload"),
    ],
)
@pytest.mark.parametrize("deployments", [1, 2], ids=["to its own", "to the former pair"])
def test_going_back_that_is_refused_says_so_and_leaves_served_what_is_served(desk, arrange, code, says, hint, deployments):
    for _ in range(deployments):
        assert desk.certpush("deploy", "proxmox", "--force").code == 0
    served = desk.node.served()
    arrange(desk)
    ended = desk.certpush("rollback", "proxmox")
    assert (ended.code, desk.node.served()) == (code, served), ended.err
    assert ended.err.count("error: ") == 1
    assert says.format(at=desk.at) in ended.err
    assert hint in ended.err
    if code == 3:
        assert "the web server could not be reloaded" in ended.err, "why it is still served"
        desk.node.faults.reload_fails = False
        assert desk.certpush("deploy", "proxmox").code == 0
        assert desk.node.served() == desk.node._machine.load().fingerprint


# --- what would go wrong later -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrange", "code", "says", "advice"),
    [
        pytest.param(
            both(with_fault(acme_domains=("pve1.home.example",)), allowed("/", "Sys.Audit")),
            "acme", "the node pve1 has ACME domains", "pvenode config set --delete", id="acme",
        ),
        pytest.param(
            both(
                with_fault(storages=[{"storage": "backups", "type": "pbs", "server": "pbs.home.example", "fingerprint": "aa:bb"}]),
                allowed("/storage", "Datastore.Audit"),
            ),
            "pinned-backup", "the storage backups pins the certificate of the backup server pbs.home.example", "pvesm set backups", id="backups",
        ),
        pytest.param(with_fault(clock_offset=timedelta(hours=2)), "clock-skew", "ahead of ours", "NTP", id="clock"),
    ],
)  # fmt: skip
def test_what_would_go_wrong_later_is_a_warning_of_plan_deploy_and_doctor(desk, arrange, code, says, advice):
    arrange(desk)
    planned = desk.certpush("deploy", "proxmox", "--plan")
    assert planned.code == 0
    assert "  warning   " in planned.out
    assert says in planned.out
    (target,) = desk.certpush("deploy", "proxmox", "--plan", "--output=json").document["targets"]
    assert [one["severity"] for one in target["findings"] if one["code"] == code] == ["warning"]
    examined = desk.certpush("doctor", "proxmox")
    assert examined.code == 0
    assert says in examined.out
    assert advice in examined.out
    assert posts(desk.node) == []
    deployed = desk.certpush("deploy", "proxmox")
    assert deployed.code == 0
    warning = planned.out.partition("  warning   ")[2].partition("\n")[0]
    assert f"warning: proxmox: {without_how_far(warning)}" in without_how_far(deployed.out)
    assert advice in deployed.out


def without_how_far(text: str) -> str:
    """Two looks at a clock that is two hours ahead may be a second apart."""
    return re.sub(r" [0-9hms]+ ahead", " ahead", text)


# --- the other commands --------------------------------------------------------------------------


def test_first_contact_then_a_plan_a_deployment_a_look_and_back(desk):
    del desk.table["trust"]
    own = desk.node.own_fingerprint
    shown = desk.certpush("trust", "proxmox", "--fingerprint", with_colons(own))
    assert shown.code == 0
    assert with_colons(own) in shown.out
    assert f"`pvenode cert info` prints on the console of {desk.node.host}" in shown.out
    assert desk.node.requests == [], "nothing is said to who is only looked at"

    planned = desk.certpush("deploy", "proxmox", "--plan")
    assert planned.code == 0
    assert "changes   pveproxy-ssl.pem and pveproxy-ssl.key on pve1; pveproxy reloads" in planned.out
    assert "way back  fallback: the node's own certificate" in planned.out
    assert posts(desk.node) == []

    (deployed,) = desk.certpush("deploy", "proxmox", "--output=json").document["targets"]
    assert (deployed["outcome"], deployed["was"], deployed["now"]) == ("rotated", own, desk.node.served())
    (again,) = desk.certpush("deploy", "proxmox", "--output=json").document["targets"]
    assert (again["outcome"], again["action"]) == ("unchanged", "nothing")
    (status,) = desk.certpush("status", "proxmox", "--output=json").document["targets"]
    assert (status["standing"], status["installed"], status["served"][0]["chain_ok"]) == ("ok", deployed["now"], True)

    back = desk.certpush("rollback", "proxmox", "--output=json")
    assert (back.code, desk.node.served()) == (0, own)
    assert "pveproxy-ssl.pem" not in desk.node.files
    assert desk.certpush("rollback", "proxmox").code == 5


@pytest.mark.parametrize(
    ("arrange", "code", "kind"),
    [
        (kept(token=SECRET), 1, "LoginRefused"),
        (written(trust="sha256:" + "ab" * 32), 4, "PinMismatch"),
        (without("token"), 2, "ConfigError"),
        (with_fault(clock_offset=timedelta(hours=-2)), 5, "ClockSkew"),
        (with_fault(reload_fails=True), 1, "ReloadFailed"),
    ],
)
def test_a_machine_is_told_the_same(desk, arrange, code, kind):
    arrange(desk)
    ended = desk.certpush("deploy", "proxmox", "--output=json")
    assert ended.code == ended.document["exit"] == code
    (target,) = ended.document["targets"]
    assert target["error"]["type"] == kind
    assert target["error"]["hint"]


@pytest.mark.parametrize(
    ("arrange", "says", "hint"),
    [
        (kept(token=SECRET), "the login was refused", "is the secret right"),
        (lambda desk: desk.node.acl.token.clear(), "Sys.Modify is missing on /nodes/pve1", "pveum acl modify"),
        (written(trust="sha256:" + "ab" * 32), "not the pinned AB:AB", "certpush trust proxmox"),
        (lambda desk: desk.node.stop(), "connection refused", "check that the service runs"),
        (written(node="pve9"), "there is no node pve9", "there are: pve1"),
        (answering(Answer.HTML), "is not the API of Proxmox", "the node's own address"),
    ],
    ids=["login", "rights", "pin", "nobody", "node", "web page"],
)
def test_doctor_finds_it_and_status_tells_it(desk, arrange, says, hint):
    arrange(desk)
    examined = desk.certpush("doctor", "proxmox")
    assert examined.code == 1
    assert says in examined.out
    assert hint in examined.out
    status = desk.certpush("status", "proxmox")
    if says.startswith("Sys.Modify"):  # reading needs no right
        assert (status.code, status.err) == (0, "")
    else:
        assert says in status.err
    assert posts(desk.node) == []


# --- status -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arrange", "standing", "code", "says"),
    [
        pytest.param(kept(token="22222222-2222-3333-4444-555555555555"), "login-refused", 1, "the login was refused", id="wrong token"),
        pytest.param(expire_token, "login-refused", 1, "the login was refused", id="expired token"),
        pytest.param(written(token_id="nobody@pve!gone"), "login-refused", 1, "the login was refused", id="no such token"),
        pytest.param(with_fault(no_quorum=True), "ok", 0, "", id="no quorum"),
    ],
)
def test_what_is_served_is_shown_where_the_api_lets_nobody_in(desk, arrange, standing, code, says):
    assert desk.certpush("deploy", "proxmox").code == 0
    arrange(desk)
    (one,) = desk.certpush("status", "--output=json").document["targets"]
    assert one["standing"] == standing
    assert says in "".join(one["problems"])
    assert one["served"][0]["fingerprint"] == desk.node.served()
    assert one["due"] is not None
    assert desk.certpush("check").code == code


def test_a_node_that_is_not_the_pinned_one_is_untrusted_and_shown_nevertheless(desk):
    desk.table["trust"] = "sha256:" + "ab" * 32
    (one,) = desk.certpush("status", "--output=json").document["targets"]
    assert one["standing"] == "untrusted"
    assert one["served"][0]["fingerprint"] == desk.node.served()
    assert "certpush trust proxmox" in one["problems"][0]
    ended = desk.certpush("check")
    assert ended.code == 4
    assert ended.out.startswith("CRITICAL - 1 of 1 target: proxmox untrusted")
