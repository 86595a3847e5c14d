"""Whole rotations: what the store holds, what is served, what a person reads, which exit code a script sees."""

from __future__ import annotations

import pytest

from certpush.errors import ForeignCertificate, PinMismatch, PreflightFailed, TargetAuthFailed, TargetRefused
from certpush.model import Outcome, WayBackKind
from plugins.opnsense.conftest import FORMER, OURS, exit_code, names

pytestmark = pytest.mark.live("sshd", "nginx", "php")


def changes_by_api(box):
    return [
        one.path.rpartition("/cert/")[2].partition("/")[0] for one in box.api.calls if "/cert/" in one.path and "search" not in one.path
    ]


def test_the_first_switch_goes_over_ssh_and_the_former_entry_stays(site, box):
    former = box.served()
    receipt = site.deploy()
    assert (receipt.outcome, receipt.error) == (Outcome.ROTATED, None)
    assert (receipt.was, box.served()) == (former, receipt.now)
    assert receipt.plan.way_back.kind is WayBackKind.EXACT
    config = box.config()
    ours = config.certs[config.certref]
    assert (ours.descr, ours.sha256) == (OURS, receipt.now)
    assert config.cas[ours.caref].descr == f"{OURS} CA"
    assert config.certs[FORMER].sha256 == former
    assert [one.facts["description"] for one in box.happened("write_config")] == ["certpush: web GUI certificate"]
    assert site.deploy().outcome is Outcome.UNCHANGED


def test_a_renewal_needs_the_api_alone_and_keeps_number_and_former_pair(site, box):
    first = site.deploy()
    number, written = box.config().certref, len(box.happened("write_config"))
    site.without_ssh()
    second = site.deploy(force=True)
    assert (second.outcome, second.error, second.plan.way_back.kind) == (Outcome.ROTATED, None, WayBackKind.EXACT)
    assert box.config().certref == number
    assert box.config().certs[number].sha256 == second.now == box.served()
    assert [one.sha256 for one in box.config().certs.values() if one.descr == f"{OURS} former"] == [first.now]
    assert len(box.happened("write_config")) == written, "the configuration was written by another way than the API"
    third = site.deploy(force=True)
    assert [one.sha256 for one in box.config().certs.values() if one.descr == f"{OURS} former"] == [second.now]
    assert box.served() == third.now


def test_both_halves_of_a_pair_are_sent_and_the_leaf_alone(site, box):
    site.deploy()
    site.deploy(force=True)
    sent = [one.body["cert"] for one in box.api.calls if one.path.startswith(("/api/trust/cert/add", "/api/trust/cert/set"))]
    assert [one["action"] for one in sent] == ["import"] * 3  # ours, the copy, ours again
    for one in sent:
        assert one["crt_payload"].count("BEGIN CERTIFICATE") == 1
        assert "PRIVATE KEY" in one["prv_payload"]


def test_the_plan_says_which_of_the_two_it_is(site, box):
    first = site.plan()
    assert "ssl-certref changes over to it, by SSH" in first.plan.changes[0]
    assert "goes back by itself after 3m unless confirmed" in first.plan.changes[-1]
    site.deploy()
    later = site.plan(force=True)
    assert "'certpush fw former'" in later.plan.changes[0]
    assert "does not go back by itself" in later.plan.changes[1]
    assert names(box) == sorted([OURS, f"{OURS} CA", "Office", "Road warriors", "Web GUI TLS certificate"]), "a plan changed something"


def test_without_ssh_the_first_switch_is_refused_and_said_how(site, box):
    site.without_ssh()
    before = box.config_bytes
    receipt = site.deploy()
    assert isinstance(receipt.error, PreflightFailed)
    assert "the first switch" in receipt.error.message
    assert 'identity = "file:..."' in receipt.error.hint
    assert exit_code(receipt) == 5
    assert box.config_bytes == before
    assert changes_by_api(box) == []


def test_without_ssh_an_entry_of_our_name_that_the_gui_has_is_taken_over(site, box):
    """The way for those who have no SSH: a person makes the entry and chooses it."""
    site.without_ssh()
    box.as_administrator('foreach ($config["cert"] as &$one) { if ($one["refid"] === "66b1c2d3e4f5a") { $one["descr"] = "certpush fw"; } }')
    former = box.served()
    receipt = site.deploy()
    assert (receipt.outcome, receipt.error) == (Outcome.ROTATED, None)
    assert box.config().certref == FORMER
    assert box.served() == receipt.now
    with site.fleet() as fleet:
        back = fleet.rollback("fw")
    assert box.served() == former
    assert back.outcome is Outcome.ROLLED_BACK


def test_somebody_elses_certificate_needs_adopt(site, box):
    box.as_administrator('$config["system"]["webgui"]["ssl-certref"] = "66b1c2d3e4f5b";')
    box.restart_gui()
    site.table["trust"] = f"sha256:{box.served()}"
    theirs = box.served()
    receipt = site.deploy()
    assert isinstance(receipt.error, ForeignCertificate)
    assert exit_code(receipt) == 5
    assert site.deploy(adopt=True).outcome is Outcome.ROTATED
    assert "66b1c2d3e4f5b" in box.config().certs
    with site.fleet() as fleet:
        fleet.rollback("fw")
    assert box.served() == theirs


def test_what_else_has_the_former_certificate_is_named_and_left(site, box):
    box.as_administrator('$config["captiveportal"] = ["zones" => ["zone" => ["certificate" => "66b1c2d3e4f5a"]]];')
    assert any("captiveportal/zones/zone/certificate" in one for one in site.plan().plan.changes)
    site.deploy()
    assert box.config().text("captiveportal/zones/zone/certificate") == FORMER


@pytest.mark.parametrize("times", [1, 2])
def test_a_rollback_on_request_goes_back_one_step(site, box, times):
    former = box.served()
    first = site.deploy()
    if times == 2:
        site.deploy(force=True)
    before = [former, first.now][times - 1]
    with site.fleet() as fleet:
        receipt = fleet.rollback("fw")
    assert (receipt.outcome, receipt.now) == (Outcome.ROLLED_BACK, before)
    assert box.served() == before
    assert f"{OURS} former" not in names(box)
    assert (OURS in names(box)) is (times == 2)


def test_a_user_with_sudo_and_tcsh_does_as_well(start_box, site):
    other = start_box(user="deploy", sudo=True)
    moved = {"port": other.gui_port, "ssh_port": other.port, "user": "deploy", "sudo": True, "host_key": other.host_key_fingerprint}
    site.table |= {**moved, "identity": site.secret("sudo", other.client_key_path.read_text()), "trust": f"sha256:{other.served()}"}
    receipt = site.deploy()
    assert (receipt.outcome, receipt.error) == (Outcome.ROTATED, None)
    assert other.served() == receipt.now


# --- refused ------------------------------------------------------------------------------------------


def test_another_server_hears_nothing(site, box):
    site.table["trust"] = f"sha256:{'0' * 64}"
    receipt = site.deploy()
    assert isinstance(receipt.error, PinMismatch)
    assert exit_code(receipt) == 4
    assert box.api.calls == []


def test_a_wrong_secret_is_named(site, box):
    site.table["api_secret"] = site.secret("wrong", "x" * 32)
    receipt = site.deploy()
    assert isinstance(receipt.error, TargetAuthFailed)
    assert "api_secret" in receipt.error.hint


@pytest.mark.parametrize(
    ("privilege", "said"),
    [("page-system-camanager", "System: CA Manager"), ("page-status-services", "Status: Services")],
)
def test_a_missing_privilege_is_named_before_anything_is_changed(site, box, privilege, said):
    box.api.privileges.remove(privilege)
    before = box.config_bytes
    receipt = site.deploy()
    assert isinstance(receipt.error, TargetRefused)
    assert said in receipt.error.hint
    assert box.config_bytes == before


def test_a_user_who_may_not_write_is_named(site, box):
    box.gui_faults.read_only = True
    receipt = site.deploy()
    assert "Deny config write" in receipt.error.hint
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert box.config().certref == FORMER


def test_a_proxy_before_it_is_no_api(site, box):
    box.gui_faults.page = True
    assert "not the API of OPNsense" in site.deploy().error.message


def test_no_secret_is_shown(site, box, caplog):
    caplog.set_level(0)
    site.deploy()
    receipt = site.deploy(force=True)
    keys = [one.body["cert"]["prv_payload"] for one in box.api.calls if "prv_payload" in one.body.get("cert", {})]
    shown = caplog.text + repr(receipt) + "".join(path.read_text(errors="replace") for path in site.directory.rglob("*.db*"))
    for secret in (box.api_secret, *(key.splitlines()[1] for key in keys)):
        assert secret not in shown


def test_an_entry_of_our_name_that_something_else_uses_is_left_alone(site, box):
    box.as_administrator('$config["cert"][1]["descr"] = "certpush fw";')
    receipt = site.deploy()
    assert "used by something else" in receipt.error.message
    assert "label" in receipt.error.hint
    assert box.config().certs["66b1c2d3e4f5b"].sha256 == box.initial.pairs["office-vpn"].fingerprint
