"""What goes wrong on the way: answers that are lost, a web GUI that does not come back, other administrators, kills."""

from __future__ import annotations

import base64
from datetime import timedelta
from xml.etree import ElementTree as ET

import pytest

from certpush.errors import ClockSkew, RescueFired, SafetyRefusal, TargetRefused, TargetUnreachable, VerificationFailed
from certpush.kit.settings import Duration
from certpush.model import Outcome, to_pem
from certpush.rotation import insist
from certpush.testing.authority import Authority
from certpush.testing.lab.process import wait_until
from plugins.opnsense.conftest import FORMER, OURS, exit_code, names

pytestmark = pytest.mark.live("sshd", "nginx", "php")

RESCUE = "/var/run/certpush.rescue"


@pytest.fixture
def bundle():
    return Authority("Here").issue("fw.home.example", "127.0.0.1")


def unchanged(box, former):
    assert box.served() == former
    assert box.config().certref == FORMER
    assert OURS not in names(box)
    assert f"{OURS} CA" not in names(box)


# --- the web GUI -----------------------------------------------------------------------------------------


def test_a_first_switch_that_is_not_taken_up_goes_back(site, box):
    former = box.served()
    box.gui_faults.restart_does_nothing = True
    receipt = site.deploy()
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert isinstance(receipt.error, VerificationFailed)
    assert exit_code(receipt) == 1
    unchanged(box, former)
    assert box.processes() == ()
    assert not box.path(RESCUE).exists()


def test_a_renewal_that_is_not_taken_up_goes_back(site, box):
    old = site.deploy()
    box.gui_faults.restart_does_nothing = True
    receipt = site.deploy(force=True)
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert box.config().certs[box.config().certref].sha256 == old.now == box.served()
    assert f"{OURS} former" not in names(box)


def test_a_web_gui_that_dies_once_is_restarted_once_more(site, box):
    site.deploy()
    box.gui_faults.restart_dies = 1
    receipt = site.deploy(force=True)
    assert (receipt.outcome, receipt.error) == (Outcome.ROTATED, None)


def test_where_the_web_gui_is_dead_the_way_back_goes_over_ssh(site, box):
    old = site.deploy()
    box.gui_faults.restart_dies = 2  # by the API, and once more over SSH; the next one works
    receipt = site.deploy(force=True)
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert box.config().certs[box.config().certref].sha256 == old.now == box.served()
    assert f"{OURS} former" not in names(box)


def test_where_the_web_gui_is_dead_and_there_is_no_ssh_that_is_said_loudly(site, box):
    site.deploy()
    site.without_ssh()
    box.gui_faults.restart_dies = True
    receipt = site.deploy(force=True)
    assert receipt.outcome is Outcome.STRANDED
    assert exit_code(receipt) == 3
    assert "rc.restart_webgui renew" in receipt.error.hint
    box.gui_faults.restart_dies = False
    box.restart_gui()
    settled = site.deploy()
    assert exit_code(settled) == 0
    assert box.served() == settled.now, "what was stranded is settled by the next run"


def test_an_older_api_without_a_restart_is_helped_over_ssh(site, box):
    site.deploy()
    box.gui_faults.no_restart_call = True
    assert site.deploy(force=True).outcome is Outcome.ROTATED
    site.without_ssh()
    assert "no-restart" in site.findings()
    assert exit_code(site.deploy(force=True)) == 5


# --- answers that are lost -------------------------------------------------------------------------------


@pytest.mark.parametrize("call", ["trust/cert/add", "trust/ca/add"])
def test_a_lost_answer_is_settled_by_looking(site, box, call):
    box.gui_faults.lose.append(call)
    assert site.deploy().outcome is Outcome.ROTATED
    assert sum(one.path == f"/api/{call}" for one in box.api.calls) == 1, "it was sent twice"


def test_a_lost_answer_of_the_replacement_is_settled_by_looking(site, box):
    site.deploy()
    box.gui_faults.lose.append("trust/cert/set")
    assert site.deploy(force=True).outcome is Outcome.ROTATED
    assert sum("/cert/set/" in one.path for one in box.api.calls) == 1


def test_a_call_that_did_not_arrive_changes_nothing(site, box):
    old = site.deploy()
    box.gui_faults.drop.append("trust/cert/set")
    receipt = site.deploy(force=True)
    assert receipt.outcome is Outcome.ROLLED_BACK
    assert isinstance(receipt.error, TargetUnreachable)
    assert "nothing was changed" in receipt.error.message
    assert box.served() == old.now
    assert f"{OURS} former" not in names(box)


# --- other administrators ----------------------------------------------------------------------------------


def test_an_edit_between_read_and_write_survives(box, opened, bundle):
    target = opened()
    staged = target.stage(bundle)
    edit = box.at("config-read", lambda: box.as_administrator('$config["system"]["hostname"] = "edited";'))
    target.activate(staged, bundle)
    edit.wait()
    assert box.config().text("system/hostname") == "edited"
    assert box.served() == bundle.fingerprint
    written = [one.facts["description"] for one in box.happened("write_config")]
    assert written == ["changed by an administrator", "certpush: web GUI certificate"]


def test_only_our_entries_and_the_pointer_change(site, box):
    before = contents(box)
    site.deploy()
    after = contents(box)
    new = {name for name in after if name not in before}
    assert {name: text for name, text in after.items() if name not in new} == {
        **before,
        "system": before["system"].replace(FORMER, box.config().certref),
    }
    assert sorted(name.partition(" ")[0] for name in new) == ["ca", "cert"]


def contents(box):
    """Each part of the configuration, by its number where it has one; the revision apart."""
    root = box.config().root
    return {f"{one.tag} {one.get('uuid', '')}".strip(): ET.tostring(one).decode().strip() for one in root if one.tag != "revision"}


def test_a_configuration_that_php_would_repair_is_refused(site, box):
    box.by_hand(lambda xml: xml.replace(b"<opnsense>", b"<!DOCTYPE x><opnsense>"))
    receipt = site.deploy()
    assert isinstance(receipt.error, SafetyRefusal)
    assert box.happened("restored") == []


# --- authorities -------------------------------------------------------------------------------------------


def with_authority(box, authority, *, used):
    """Another administrator's authority of the name that ours has, and a certificate that it signed."""
    crt = base64.b64encode(to_pem(authority.intermediate)).decode()
    box.as_administrator(f'$config["ca"][] = ["refid" => "66b1c2d3e4e01", "descr" => "old", "crt" => "{crt}"];')
    if used:
        box.as_administrator('$config["cert"][1]["caref"] = "66b1c2d3e4e01";')


def test_an_authority_of_the_same_name_that_others_use_is_not_pushed_aside(box, opened):
    old, new = Authority("Twin"), Authority("Twin")
    with_authority(box, old, used=True)
    before = box.config_bytes
    with pytest.raises(Exception, match="of the same name") as refusal:
        opened().stage(new.issue("fw.home.example", "127.0.0.1"))
    assert "Authorities" in refusal.value.hint
    assert box.config_bytes == before


def test_one_that_nobody_uses_does_no_harm_and_the_right_chain_is_served(box, opened):
    old, new = Authority("Twin"), Authority("Twin")
    with_authority(box, old, used=False)
    target, bundle = opened(), new.issue("fw.home.example", "127.0.0.1")
    target.activate(target.stage(bundle), bundle)
    config = box.config()
    assert config.cas[config.certs[config.certref].caref].sha256 != config.cas["66b1c2d3e4e01"].sha256
    assert box.served() == bundle.fingerprint


def test_a_renewed_authority_of_the_same_name_is_gone_back_from_with_the_old_chain(box, opened):
    old, new = Authority("Twin"), Authority("Twin")
    first, second = (one.issue("fw.home.example", "127.0.0.1") for one in (old, new))
    target = opened()
    target.activate(target.stage(first), first)
    target.confirm(target.stage(first))
    before = target.inspect()
    chain = box.config().certs[box.config().certref].caref
    staged = target.stage(second)
    target.activate(staged, second)
    target.rollback(before, staged, None)
    assert box.config().certs[box.config().certref].caref == chain
    assert box.served() == first.fingerprint
    assert names(box).count(f"{OURS} CA") == 1


# --- the firewall's own way back ---------------------------------------------------------------------------


def test_killed_after_the_first_switch_the_firewall_goes_back_alone(box, opened, bundle):
    former = box.served()
    target = opened(rescue_after=Duration(seconds=6))
    staged = target.stage(bundle)
    target.activate(staged, bundle)
    assert box.served() == bundle.fingerprint
    target.close()  # and nothing of us is heard of any more
    wait_until(lambda: box.served() == former, "the firewall goes back")
    wait_until(lambda: box.processes() == (), "the timer ends")
    assert box.config().certref == FORMER
    assert not box.path(RESCUE).exists()
    with pytest.raises(RescueFired):
        opened().confirm(staged)


def test_confirmed_it_stays_and_nothing_is_left(box, opened, bundle):
    target = opened()
    staged = target.stage(bundle)
    target.activate(staged, bundle)
    target.confirm(staged)
    assert box.processes() == ()
    assert not box.path(RESCUE).exists()
    assert box.served() == bundle.fingerprint


def test_what_the_timer_keeps_is_roots_alone_and_holds_no_key(box, opened, bundle):
    target = opened()
    target.activate(target.stage(bundle), bundle)
    folder = box.path(RESCUE)
    assert folder.stat().st_mode & 0o777 == 0o700
    texts = [one.read_text() for one in folder.iterdir()]
    assert any("ssl-certref" in one for one in texts)
    pem = bundle.key.reveal_pem()
    for secret in (pem.decode().splitlines()[1], base64.b64encode(pem).decode()[:40], "PRIVATE KEY"):
        assert not any(secret in one for one in texts)
    assert "PRIVATE KEY" not in " ".join(process.command for process in box.all_processes())


def test_a_timer_does_not_undo_what_another_administrator_chose(box, opened, bundle):
    target = opened(rescue_after=Duration(seconds=6))
    target.activate(target.stage(bundle), bundle)
    box.as_administrator('$config["system"]["webgui"]["ssl-certref"] = "66b1c2d3e4f5b";')
    wait_until(lambda: not box.path(RESCUE).exists(), "the timer ends")
    assert box.config().certref == "66b1c2d3e4f5b"


def test_a_reboot_ends_the_timer_and_the_switch_can_still_be_confirmed(box, opened, bundle):
    target = opened()
    staged = target.stage(bundle)
    target.activate(staged, bundle)
    box.reboot()
    assert box.served() == bundle.fingerprint
    assert not box.path(RESCUE).exists()
    opened().confirm(staged)


def test_a_run_that_died_between_switch_and_look_is_settled_forward(site, box, monkeypatch):
    def dies(*_args, **_more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(insist, "verify", dies)
        with pytest.raises(KeyboardInterrupt):
            site.deploy()
    assert box.path(RESCUE).exists()
    receipt = site.deploy()
    assert receipt.outcome is Outcome.UNCHANGED
    assert box.served() == receipt.now
    assert not box.path(RESCUE).exists()
    assert box.processes() == ()


def test_a_run_that_died_within_a_renewal_is_settled_back(site, box, monkeypatch):
    old = site.deploy()
    box.gui_faults.restart_does_nothing = True

    def dies(*_args, **_more):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(insist, "verify", dies)
        with pytest.raises(KeyboardInterrupt):
            site.deploy(force=True)
    box.gui_faults.restart_does_nothing = False
    assert box.config().certs[box.config().certref].sha256 != old.now
    receipt = site.deploy()
    assert exit_code(receipt) == 0
    assert box.config().certs[box.config().certref].sha256 == box.served() == receipt.now
    assert names(box).count(f"{OURS} former") <= 1


# --- what is found beforehand -------------------------------------------------------------------------------


def test_the_second_of_a_pair_is_refused_with_the_reason(site, box):
    box.as_administrator('$config["virtualip"] = ["vip" => [["mode" => "carp", "advskew" => "100", "subnet" => "192.168.1.1"]]];')
    receipt = site.deploy()
    assert "second of a pair" in receipt.error.message
    assert exit_code(receipt) == 5
    site.table["certificates_not_synced"] = True
    assert site.deploy().outcome is Outcome.ROTATED


def test_the_first_of_a_pair_is_told_what_the_second_gets(site, box):
    box.as_administrator('$config["hasync"]["synchronizetoip"] = "192.168.1.2"; $config["hasync"]["syncitems"] = "certs,rules";')
    assert "192.168.1.2" in site.findings()["ha-primary"]


def test_a_clock_that_is_behind_is_told_and_refused(site, box):
    box.gui_faults.clock_offset = timedelta(hours=-2)
    assert "behind ours" in site.findings()["clock-skew"]
    receipt = site.deploy()
    assert isinstance(receipt.error, ClockSkew)
    assert box.config().certref == FORMER


def test_all_is_well_on_a_healthy_box(site, box):
    assert not [code for code, text in site.findings().items() if text.startswith(("error", "warning")) and code != "dns"]


def test_an_entry_without_a_lasting_number_is_not_doubled(box, opened, bundle):
    """What older code of OPNsense made has another number at each call, and `set` adds under one that it does not know."""
    entry = '["refid" => "66b1c2d3e4f77", "descr" => "certpush fw", "crt" => "", "prv" => ""]'
    box.as_administrator(f'$config["cert"][] = {entry};')
    with pytest.raises(TargetRefused, match="no lasting number"):
        opened()._store.replace(opened()._store.ours()[0], bundle)
    assert names(box).count(OURS) == 1
