"""Backup Server, Mail Gateway and Datacenter Manager: the same promises, with each product's own ways."""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest

from certpush.errors import TargetAuthFailed, TargetRefused, VerificationFailed
from certpush.model import Outcome, WayBackKind
from certpush.testing.lab.proxmox import ProxmoxBackup, ProxmoxDatacenter, ProxmoxMail, ProxmoxNode
from plugins.proxmox.conftest import Site, exit_code

pytestmark = pytest.mark.timeout(120)

SEED = base64.b32encode(b"a secret of twenty b").decode()


@pytest.fixture
def start() -> Iterator[Callable[..., Any]]:
    with ExitStack() as running:
        yield lambda kind, **options: running.enter_context(kind(refusal_delay=0.0, **options))


def by_token(site: Site, kind: str, server: Any) -> Site:
    site.targets["box"] = {
        "kind": kind,
        "names": ["box.home.example", "127.0.0.1"],
        "host": server.host,
        "port": server.port,
        "token_id": server.token_id,
        "token": site.secret(server.token),
        "trust": f"sha256:{server.own_fingerprint}",
    }
    return site


def by_password(site: Site, kind: str, server: Any, **more: Any) -> Site:
    site.targets["box"] = {
        "kind": kind,
        "names": ["box.home.example", "127.0.0.1"],
        "host": server.host,
        "port": server.port,
        "user": server.user,
        "password": site.secret(server.password),
        "trust": f"sha256:{server.own_fingerprint}",
        **more,
    }
    return site


@pytest.fixture(params=[("proxmox-backup", ProxmoxBackup), ("proxmox-datacenter", ProxmoxDatacenter)], ids=["backup", "datacenter"])
def box(request, site: Site, start) -> tuple[Site, Any]:
    kind, stand_in = request.param
    server = start(stand_in)
    return by_token(site, kind, server), server


def test_one_is_deployed_renewed_and_brought_back(box):
    site, server = box
    first = site.deploy_one()
    assert (first.outcome, first.error) == (Outcome.ROTATED, None)
    assert first.plan.way_back.kind is WayBackKind.FALLBACK
    assert "self-signed" in first.plan.way_back.text
    assert server.served() == first.now
    assert site.deploy_one().outcome is Outcome.UNCHANGED
    second = site.deploy_one(force=True)
    assert second.plan.way_back.kind is WayBackKind.EXACT
    with site.fleet() as fleet:
        assert fleet.rollback("box").outcome is Outcome.ROLLED_BACK
    assert server.served() == first.now


def test_a_reload_that_nobody_tells_of_is_seen_and_gone_back_from(box, caplog):
    """The Datacenter Manager's API knows no services; the Backup Server's needs a right of its own, which this token does not have."""
    site, server = box
    old = site.deploy_one().now
    server.faults.reload_fails = True
    receipt = site.deploy_one(force=True)
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert isinstance(receipt.error, VerificationFailed)
    assert server.served() == old
    assert restarts(server) == ([403] if isinstance(server, ProxmoxBackup) else [])
    assert ("/services/proxmox-backup-proxy/restart: not allowed" in caplog.text) == isinstance(server, ProxmoxBackup)
    server.faults.reload_fails = False
    server.stop()
    server.start()
    assert server.served() == old, "what lies on the disk is the old pair again"


def test_a_new_self_signed_certificate_is_recognised_after_the_way_back(box):
    site, server = box
    own = server.own_fingerprint
    server.faults.reload_fails_once = True  # the answer is 200 all the same
    receipt = site.deploy_one()
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert server.served() == server.own_fingerprint == receipt.now != own
    assert site.deploy_one().outcome is Outcome.ROTATED


def test_the_old_self_signed_certificate_may_be_served_on(box):
    site, server = box
    own = server.served()
    server.faults.reload_does_nothing = True
    assert site.deploy_one().outcome is Outcome.ROLLED_BACK
    assert server.served() == own


def test_a_backup_server_that_did_not_take_it_up_is_restarted_once(site, start):
    server = start(ProxmoxBackup)
    by_token(site, "proxmox-backup", server)
    for rights in (server.acl.user, server.acl.token):
        rights["/system/services/proxmox-backup-proxy"] = {"Sys.Modify"}
    server.faults.only_restart_helps = True
    receipt = site.deploy_one()
    assert (receipt.outcome, receipt.error) == (Outcome.ROTATED, None)
    assert server.served() == receipt.now
    assert restarts(server) == [200]


def restarts(server: Any) -> list[int | None]:
    """With which status each call to restart was answered."""
    return [one.status for one in server.requests if "/services/" in one.path]


def test_login_by_password(box):
    site, server = box
    by_password(site, site.targets["box"]["kind"], server)
    assert site.deploy_one().outcome is Outcome.ROTATED
    assert not any("authorization" in one.headers for one in server.requests)


def test_missing_rights_are_told_with_the_commands(box):
    site, server = box
    server.acl.token.clear()
    receipt = site.deploy_one()
    assert isinstance(receipt.error, TargetRefused)
    assert exit_code(receipt) == 1
    told = f"{receipt.error.message} {receipt.error.hint}"
    assert "/system/certificates" in told
    assert server.served() == server.own_fingerprint


def test_a_wrong_token_is_told(box):
    site, _ = box
    site.targets["box"]["token"] = site.secret("11111111-2222-3333-4444-555555555555")
    receipt = site.deploy_one()
    assert isinstance(receipt.error, TargetAuthFailed)
    assert exit_code(receipt) == 1


# --- Mail Gateway -------------------------------------------------------------------------------


@pytest.fixture
def gateway(start) -> ProxmoxMail:
    return start(ProxmoxMail, overlap=0.3, first_new=0.05)


def mail(site: Site, gateway: ProxmoxMail, *services: str) -> Site:
    return by_password(site, "proxmox-mail", gateway, services=list(services), smtp_port=gateway.smtp_port)


def test_web_ui_and_mail_server_each_have_their_receipt(site, gateway):
    receipts = mail(site, gateway, "api", "smtp").deploy()
    assert [(one.target, one.outcome) for one in receipts] == [("box/smtp", Outcome.ROTATED), ("box/api", Outcome.ROTATED)]
    assert receipts[0].now == receipts[1].now == gateway.served() == gateway.served_by_smtp()
    assert {one.outcome for one in site.deploy()} == {Outcome.UNCHANGED}
    with site.fleet() as fleet:
        assert {one.target: one.served[0].fingerprint for one in fleet.status()} == {one.target: one.now for one in receipts}


def test_the_way_back_of_a_first_certificate_of_the_mail_server_is_to_have_none(site, gateway):
    mail(site, gateway, "smtp").deploy_one()
    assert gateway.served_by_smtp()
    with site.fleet() as fleet:
        receipt = fleet.rollback("box")
    assert (receipt.outcome, receipt.error) == (Outcome.ROLLED_BACK, None)
    assert gateway.served_by_smtp() is None


def test_a_reload_of_the_gateway_that_fails_is_brought_back(site, gateway):
    old = mail(site, gateway, "api").deploy_one().now
    gateway.faults.reload_fails = True
    receipt = site.deploy_one(force=True)
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert gateway.served() == old


def test_who_may_only_look_is_refused(site, gateway):
    gateway.role = "audit"
    receipt = mail(site, gateway, "api").deploy_one()
    assert isinstance(receipt.error, TargetRefused)
    assert "not allowed" in receipt.error.message
    assert exit_code(receipt) == 1


def test_another_gateway_than_the_one_that_is_meant_is_refused(site, gateway):
    mail(site, gateway, "api").targets["box"]["node"] = "pmg9"
    receipt = site.deploy_one()
    assert "the node pmg1 answers there, not pmg9" in receipt.error.message


# --- passwords and second factors, on a node of VE ---------------------------------------------


@pytest.fixture
def node(start) -> ProxmoxNode:
    return start(ProxmoxNode, overlap=0.3, first_new=0.05)


def test_a_password_goes_over_a_connection_that_was_judged_before(site, node):
    by_password(site, "proxmox", node)
    assert site.deploy_one().outcome is Outcome.ROTATED
    asked = len(node.requests)
    site.targets["box"]["trust"] = "sha256:" + "ab" * 32
    with site.fleet() as fleet:
        fleet.pin("box", fleet.identities("box")[0])
    assert len(node.requests) == asked


def test_a_wrong_pin_gets_no_password(site, node):
    by_password(site, "proxmox", node, trust="sha256:" + "ab" * 32)
    assert exit_code(site.deploy_one()) == 4
    assert node.requests == []


def test_a_second_factor_is_computed(site, node):
    node.totp_secret = SEED
    by_password(site, "proxmox", node, totp=site.secret(SEED))
    receipt = site.deploy_one()
    assert (receipt.outcome, receipt.error) == (Outcome.ROTATED, None)


@pytest.mark.parametrize(
    ("more", "words"),
    [({}, "has a second factor, and none is given"), ({"totp": "000000"}, "login was refused")],
    ids=["missing", "wrong"],
)
def test_a_second_factor_that_does_not_fit_is_told(site, node, more, words):
    node.totp_secret = SEED
    by_password(site, "proxmox", node, **{key: site.secret(text) for key, text in more.items()})
    receipt = site.deploy_one()
    assert isinstance(receipt.error, TargetAuthFailed)
    assert words in receipt.error.message
    assert node.served() == node.own_fingerprint


def test_a_wrong_password_is_told(site, node):
    by_password(site, "proxmox", node, password=site.secret("wrong"))
    receipt = site.deploy_one()
    assert isinstance(receipt.error, TargetAuthFailed)
    assert "authentication failure" in receipt.error.message
