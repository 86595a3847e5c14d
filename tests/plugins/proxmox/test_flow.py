"""Whole rotations of one node: what is sent, what is served, what a person reads, and which exit code a script sees."""

from __future__ import annotations

import json
import logging
from collections import Counter
from datetime import timedelta

import pytest

from certpush.errors import (
    BundleInvalid,
    ClockSkew,
    ForeignCertificate,
    PinMismatch,
    TargetAuthFailed,
    TargetRefused,
    TargetUnreachable,
    TrustError,
    VerificationFailed,
)
from certpush.model import Outcome, WayBackKind
from certpush.testing.lab.proxmox import Answer, Broken
from certpush_proxmox.upload import former, ready
from plugins.proxmox.conftest import exit_code, install, move, posts

pytestmark = pytest.mark.timeout(120)


def test_the_first_deployment_and_the_next(one, node):
    receipt = one.deploy_one()
    assert (receipt.outcome, receipt.error) == (Outcome.ROTATED, None)
    assert receipt.was == node.own_fingerprint
    assert node.served() == receipt.now
    assert receipt.plan.way_back.kind is WayBackKind.FALLBACK
    assert "pve-ssl.pem" in receipt.plan.way_back.text
    assert receipt.plan.changes == ("pveproxy-ssl.pem and pveproxy-ssl.key on pve1; pveproxy reloads (open consoles reconnect)",)
    again = one.deploy_one()
    assert again.outcome is Outcome.UNCHANGED
    renewed = one.deploy_one(force=True)
    assert renewed.outcome is Outcome.ROTATED
    assert renewed.plan.way_back.kind is WayBackKind.EXACT
    assert node.served() == renewed.now != receipt.now
    assert len(posts(node)) == 2


def test_what_is_uploaded_is_clean_and_the_words_are_numbers(one, node):
    one.deploy_one()
    (post,) = posts(node)
    fields = post.parameters
    assert (fields["force"], fields["restart"]) == ("1", "1")
    assert set(fields) == {"certificates", "key", "force", "restart"}
    assert fields["certificates"].startswith("-----BEGIN CERTIFICATE-----\n")
    assert fields["certificates"].count("-----BEGIN CERTIFICATE-----") == 2  # leaf and intermediate, no root
    assert fields["key"].startswith("-----BEGIN PRIVATE KEY-----\n")
    assert node.files["pve-ssl.pem"]


def test_the_own_files_of_the_node_are_never_touched(one, node):
    before = {name: content for name, content in node.files.items() if name.startswith("pve-ssl")}
    one.deploy_one()
    one.deploy_one(force=True)
    node.faults.reload_fails = True
    one.deploy_one(force=True)
    assert {name: content for name, content in node.files.items() if name.startswith("pve-ssl")} == before


def test_old_workers_are_waited_out(one, start_node):
    slow = start_node(overlap=2.5, first_new=0.2)
    one.targets["proxmox"] |= {
        "host": slow.host,
        "port": slow.port,
        "token": one.secret(slow.token),
        "trust": f"sha256:{slow.own_fingerprint}",
    }
    receipt = one.deploy_one()
    assert receipt.outcome is Outcome.ROTATED
    assert slow.settled, "success was said while old workers still answered"


def test_a_rotation_asks_for_what_does_not_change_once(one, node):
    assert one.deploy_one().outcome is Outcome.ROTATED
    asked = Counter((request.method, request.path.partition("?")[0]) for request in node.requests)
    twice = {path.removeprefix("/api2/json") for (_, path), times in asked.items() if times > 1}
    assert twice == {"/cluster/status"}, "the quorum is of the moment before the upload"


# --- the way back -------------------------------------------------------------------------------


def test_a_reload_that_does_nothing_is_seen_and_the_own_certificate_comes_back(one, node):
    node.faults.reload_does_nothing = True
    receipt = one.deploy_one()
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert isinstance(receipt.error, VerificationFailed)
    assert node.served() == node.own_fingerprint
    assert "pveproxy-ssl.pem" not in node.files
    assert exit_code(receipt) == 1


def test_a_reload_that_does_nothing_is_followed_by_one_restart(one, node):
    node.faults.only_restart_helps = True
    receipt = one.deploy_one()
    assert receipt.outcome is Outcome.ROTATED
    assert len(posts(node)) == 1
    assert [one.path.rpartition("/")[2] for one in node.requests if "/services/pveproxy/" in one.path] == ["restart"]


def test_a_failed_reload_is_repeated_alone(one, node):
    node.faults.reload_fails_once = True
    receipt = one.deploy_one()
    assert receipt.outcome is Outcome.ROTATED
    assert len(posts(node)) == 1, "the files were there already: nothing is uploaded twice"
    assert [one.path for one in node.requests if one.path.endswith("/services/pveproxy/reload")]


def test_a_reload_that_fails_for_good_leaves_the_old_certificate_in_files_and_served(one, node):
    old = one.deploy_one().now
    node.faults.reload_fails = True
    receipt = one.deploy_one(force=True)
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert "could not be reloaded" in receipt.error.message
    assert node.served() == old
    with one.fleet() as fleet:
        (status,) = fleet.status()
    assert status.served[0].fingerprint == old


def test_a_person_can_go_back(one, node):
    first = one.deploy_one().now
    one.deploy_one(force=True)
    with one.fleet() as fleet:
        receipt = fleet.rollback("proxmox")
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert node.served() == first


def test_a_pair_that_kills_the_web_server_is_undone_over_the_connection_that_is_open(one, start_node):
    """TLS_KEY_FILE on the node makes it serve another key than the one uploaded: every handshake of a new worker ends."""
    node = start_node(overlap=3.0, first_new=0.2)
    move(one, node)
    first = one.deploy_one().now
    node.faults.tls_key_file = node.files["pveproxy-ssl.key"]
    receipt = one.deploy_one(force=True)
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert isinstance(receipt.error, TargetRefused)
    assert "ends every TLS connection" in receipt.error.message
    assert "TLS_KEY_FILE" in receipt.error.hint
    assert node.served() == first


def test_a_foreign_certificate_needs_permission(one, node, mint):
    theirs = mint("pve1.home.example")
    install(node, theirs)
    one.targets["proxmox"]["trust"] = f"sha256:{theirs.fingerprint}"
    refused = one.deploy_one()
    assert isinstance(refused.error, ForeignCertificate)
    assert "--adopt" in refused.error.hint
    assert exit_code(refused) == 5
    assert posts(node) == []
    adopted = one.deploy_one(adopt=True)
    assert adopted.outcome is Outcome.ROTATED
    assert adopted.plan.way_back.kind is WayBackKind.FALLBACK


def test_a_pair_that_was_handed_over_is_an_exact_way_back(one, node, mint):
    theirs = mint("pve1.home.example")
    install(node, theirs)
    one.targets["proxmox"]["trust"] = f"sha256:{theirs.fingerprint}"
    node.faults.reload_does_nothing = True
    receipt = one.deploy_one(adopt=True, previous=theirs)
    assert receipt.plan.way_back.kind is WayBackKind.EXACT
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert node.files["pveproxy-ssl.pem"] == theirs.fullchain_pem
    assert node.served() == theirs.fingerprint


def test_without_the_former_key_the_nodes_own_certificate_comes_back_and_is_recognised(one, node, mint):
    theirs = mint("pve1.home.example")
    install(node, theirs)
    one.targets["proxmox"]["trust"] = f"sha256:{theirs.fingerprint}"
    node.faults.broken.append(Broken(Answer.HTML_ERROR, method="POST", path="/certificates/custom"))
    # Refused before anything happened: theirs stays.
    assert one.deploy_one(adopt=True).outcome is Outcome.ROLLED_BACK
    assert node.served() == theirs.fingerprint
    node.faults.broken.clear()
    node.faults.reload_fails_once = True
    node.faults.broken.append(Broken(Answer.HTML_ERROR, method="POST", path="/services/pveproxy/reload"))
    receipt = one.deploy_one(adopt=True)
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert node.served() == node.own_fingerprint
    node.faults.broken.clear()
    assert one.deploy_one().outcome is Outcome.ROTATED, "its own certificate is recognised though only theirs was pinned"


# --- nothing is uploaded --------------------------------------------------------------------------


def test_a_bundle_that_does_not_belong_together_or_has_ended_is_not_uploaded(mint, authority):
    from datetime import UTC, datetime

    good, other = mint(), mint()
    object.__setattr__(good, "key", other.key)
    with pytest.raises(BundleInvalid, match="does not belong"):
        former(good)
    with pytest.raises(BundleInvalid, match="expired"):
        ready(authority.expired("svc.example.com"), datetime.now(UTC))
    early = mint()
    with pytest.raises(BundleInvalid, match="not valid before"):
        ready(early, early.not_before - timedelta(seconds=1))


@pytest.mark.parametrize(
    ("prepare", "kind", "code", "words"),
    [
        (
            lambda node: node.acl.token.clear(),
            TargetRefused,
            1,
            ("Sys.Modify is missing on /nodes/pve1", "pveum acl modify /nodes/pve1 --tokens"),
        ),
        (lambda node: node.acl.user.clear(), TargetRefused, 1, ("Sys.Modify is missing on /nodes/pve1", "--users 'certpush@pve'")),
        (
            lambda node: setattr(node.faults, "clock_offset", timedelta(hours=-2)),
            ClockSkew,
            5,
            ("behind ours", "not be valid yet there", "chronyc"),
        ),
        (lambda node: setattr(node.faults, "clock_offset", timedelta(hours=2)), None, 0, ()),
    ],
)
def test_what_can_be_known_beforehand_is_told_before_anything_is_uploaded(one, node, prepare, kind, code, words):
    prepare(node)
    receipt = one.deploy_one()
    assert exit_code(receipt) == code
    if kind:
        assert type(receipt.error) is kind
        assert all(word in f"{receipt.error.message} {receipt.error.hint}" for word in words)
        assert posts(node) == []
        assert node.served() == node.own_fingerprint


def test_who_is_not_recognised_gets_nothing(one, node):
    one.targets["proxmox"]["trust"] = "sha256:" + "ab" * 32
    receipt = one.deploy_one()
    assert isinstance(receipt.error, PinMismatch)
    assert exit_code(receipt) == 4
    assert "certpush trust proxmox" in receipt.error.hint
    assert node.requests == []


def test_without_a_pin_a_node_that_was_never_seen_is_not_talked_to(one, node):
    del one.targets["proxmox"]["trust"]
    receipt = one.deploy_one()
    assert isinstance(receipt.error, TrustError)
    assert exit_code(receipt) == 4
    assert node.requests == []


def test_first_contact_pins_and_our_own_certificates_follow(one, node):
    del one.targets["proxmox"]["trust"]
    with one.fleet() as fleet:
        (identity,) = fleet.identities("proxmox")
        assert identity.value == f"sha256:{node.own_fingerprint}"
        assert "pvenode cert info" in identity.compare
        fleet.pin("proxmox", identity)
    assert node.requests == [], "first contact sends nothing"
    assert one.deploy_one().outcome is Outcome.ROTATED
    assert one.deploy_one(force=True).outcome is Outcome.ROTATED
    assert one.deploy_one(force=True).outcome is Outcome.ROTATED


def test_a_pin_in_the_configuration_is_followed_by_our_own_certificates_too(one, node):
    for _ in range(3):
        assert one.deploy_one(force=True).outcome is Outcome.ROTATED


# --- refusals of the API, and answers that are none ------------------------------------------------


@pytest.mark.parametrize(
    ("prepare", "kind", "words"),
    [
        (
            lambda one, _: one.targets["proxmox"].update(token=one.secret("11111111-2222-3333-4444-555555555555")),
            TargetAuthFailed,
            "login was refused",
        ),
        (lambda _, node: setattr(node.faults, "lock_held", True), TargetRefused, "the files are locked"),
        (lambda _, node: setattr(node.faults, "no_quorum", True), TargetRefused, "no quorum"),
        (
            lambda _, node: node.faults.broken.append(Broken(Answer.HTML_ERROR, method="POST", path="/custom")),
            TargetUnreachable,
            "a web page",
        ),
        (lambda _, node: node.faults.broken.append(Broken(Answer.HTML, path="/certificates")), TargetRefused, "is not the API of Proxmox"),
        (
            lambda _, node: node.faults.broken.append(Broken(Answer.NO_OBJECT, path="/certificates")),
            TargetRefused,
            "is not the API of Proxmox",
        ),
        (
            lambda _, node: node.faults.broken.append(Broken(Answer.NO_DATA, path="/certificates")),
            TargetRefused,
            "is not the API of Proxmox",
        ),
        (lambda _, node: node.faults.broken.append(Broken(Answer.REDIRECT, path="/certificates")), TargetRefused, "redirect"),
        (lambda _, node: node.faults.broken.append(Broken(Answer.HUGE, path="/certificates")), TargetRefused, "larger than"),
        (lambda _, node: node.stop(), TargetUnreachable, "127.0.0.1:"),
    ],
    ids=["token", "lock", "quorum", "502", "login page", "list", "no data", "redirect", "huge", "gone"],
)
def test_each_refusal_is_told_and_nothing_is_changed(one, node, prepare, kind, words):
    node.faults.lock_seconds = 0.1
    prepare(one, node)
    receipt = one.deploy_one()
    assert isinstance(receipt.error, kind)
    assert words in receipt.error.message
    assert exit_code(receipt) == 1
    assert node.served() == node.own_fingerprint


@pytest.mark.parametrize(
    "broken",
    [
        Broken(Answer.LOST, method="POST", path="/certificates/custom", times=1),
        Broken(Answer.LATE, method="POST", path="/certificates/custom", times=1, seconds=0.7),
        Broken(Answer.TRUNCATED, method="POST", path="/certificates/custom", times=1),
    ],
    ids=["lost", "late", "truncated"],
)
def test_a_lost_answer_is_settled_by_looking_and_nothing_is_sent_twice(one, node, broken):
    node.faults.broken.append(broken)
    receipt = one.deploy_one()
    assert (receipt.outcome, receipt.error) == (Outcome.ROTATED, None)
    assert len(posts(node)) == 1
    assert node.served() == receipt.now


@pytest.mark.parametrize("size", [0, 1, 100, 1500, 3000])
def test_an_upload_that_was_cut_changes_nothing_and_says_so(one, node, size):
    node.faults.broken.append(Broken(Answer.CUT, method="POST", path="/certificates/custom", times=1, size=size))
    receipt = one.deploy_one()
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert "nothing was changed" in receipt.error.message
    assert exit_code(receipt) == 1
    assert node.served() == node.own_fingerprint
    assert one.deploy_one().outcome is Outcome.ROTATED


# --- what is found beforehand ------------------------------------------------------------------------


def test_doctor_tells_what_will_go_wrong_later(one, node):
    node.faults.acme_domains = ("pve1.home.example",)
    node.faults.storages = [
        {"storage": "backups", "type": "pbs", "server": "pbs.home.example", "fingerprint": "aa:bb"},
        {"storage": "local", "type": "dir"},
    ]
    node.acl.token.update({"/": {"Sys.Audit"}, "/storage": {"Datastore.Audit"}})
    node.acl.user.update({"/": {"Sys.Audit"}, "/storage": {"Datastore.Audit"}})
    found = one.findings()
    assert found["acme"].startswith("warning: the node pve1 has ACME domains")
    assert "24h" in found["acme"]
    assert found["pinned-backup"].startswith("warning: the storage backups pins the certificate of the backup server pbs.home.example")
    assert found["rights"].startswith("ok: Sys.Modify on /nodes/pve1")
    assert found["login"].startswith("ok: logged in to Proxmox VE 9.2.11")
    assert found["clock"].startswith("ok")


def test_an_ed25519_key_is_warned_of(one):
    one.targets["proxmox"]["key"] = "ed25519"
    assert any("Ed25519" in found.message for found in one.plan_one().findings)


# --- secrets -------------------------------------------------------------------------------------


def test_neither_logs_nor_errors_nor_events_hold_key_or_token(one, node, caplog):
    caplog.set_level(logging.DEBUG)
    for name in ("proxmoxer", "proxmoxer.core", "proxmoxer.backends.https", "urllib3", "requests"):
        caplog.set_level(logging.DEBUG, logger=name)
    one.deploy_one()
    for broken in (Answer.LOST, Answer.HTML_ERROR, Answer.TRUNCATED):
        node.faults.broken.append(Broken(broken, method="POST", path="/custom", times=1))
        receipt = one.deploy_one(force=True)
    said = caplog.text + str(one.events) + repr(receipt) + json.dumps([str(record.__dict__) for record in caplog.records])
    assert "BEGIN PRIVATE KEY" not in said
    assert node.token not in said
    keys = {"".join(post.parameters["key"].split()[3:-3]) for post in posts(node) if post.parameters.get("key")}
    assert keys
    assert not any(key[:40] in said for key in keys)
