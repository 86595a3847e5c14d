"""What goes wrong on a box: each ends in a clear word, and with the old certificate served."""

from __future__ import annotations

import contextlib

import pytest

from certpush import Severity
from certpush.errors import CertpushError, NoWayBack, TargetRefused
from certpush.kit.settings import Duration
from certpush.testing.lab.process import wait_until
from certpush_pfsense.target import PfSenseTarget
from plugins.pfsense.conftest import BOTH, OLD, REQUEST, SOON, as_before, deploy, leftovers, problems, rolled_back, settings_of, switch

pytestmark = [pytest.mark.live("sshd", "nginx", "php"), pytest.mark.timeout(120)]


def fails(target, bundle, error: type[CertpushError] = TargetRefused, match: str | None = None) -> object:
    """Stage and activate, see it fail, and go back on a fresh instance."""
    before, staged = target.inspect(), target.stage(bundle)
    with pytest.raises(error, match=match) as raised:
        target.activate(staged, bundle)
    target.rollback(before, staged, None)
    return raised.value


# --- A1, A2, A5: the web GUI ------------------------------------------------------------------------------


def test_a_lost_event_is_made_up_for_by_the_script(box, mint):
    box.faults.events_lost = True
    new = mint()
    deploy(settings_of(box, rescue_after=Duration(seconds=15)), new)
    assert box.served() == new.fingerprint


def test_without_check_reload_status_the_script_restarts_it(box, mint):
    box.event_socket = False
    new = mint()
    deploy(settings_of(box), new)
    assert box.served() == new.fingerprint
    assert leftovers(box) == []


def test_a_gui_that_goes_on_with_the_old_one_is_told_apart(box, mint, open_target):
    box.faults.restart_does_nothing = True
    fails(open_target(box, rescue_after=Duration(seconds=6)), mint(), match="serves another certificate still")
    as_before(box)


def test_a_gui_that_does_not_come_back_is_brought_back_with_the_old_one(box, mint, open_target):
    box.faults.gui_accepts_only = OLD
    fails(open_target(box, rescue_after=Duration(seconds=6)), mint(), match="did not come back")
    as_before(box)


def test_pfsenses_own_replacement_is_recognised_and_undone(box, mint, open_target):
    """Another administrator's save emptied our entry; pfSense then shows one of its own."""
    spoil = (
        '$position = array_search($config["system"]["webgui"]["ssl-certref"], array_column($config["cert"], "refid"));'
        '$config["cert"][$position]["prv"] = "";'
    )
    appointment = box.at("restart", lambda: box.as_administrator(spoil))
    box.faults.restart_does_nothing = 1
    fails(open_target(box, rescue_after=Duration(seconds=6)), mint(), match="self-signed one of its own")
    appointment.wait()
    assert box.happened("selfsigned")
    assert box.config().certref == OLD
    assert box.served() == box.config().certs[OLD].sha256


def test_a_slow_gui_is_waited_for(box, mint):
    box.faults.restart_seconds = 3.0
    new = mint()
    deploy(settings_of(box), new)
    assert box.served() == new.fingerprint
    assert len([one for one in box.events if one.what == "restart"]) == 1


def test_where_nobody_may_look_through_the_login_it_is_looked_at_from_outside_alone(start_box, mint):
    box = start_box(options=("AllowTcpForwarding no",))
    new = mint()
    done = deploy(settings_of(box), new)
    rolled_back(settings_of(box), done)


# --- A8, A9, A10, A11: writing -----------------------------------------------------------------------------


@pytest.mark.parametrize("fault", ["config_readonly", "write_fails"])
def test_a_write_that_pfsense_refuses_is_told(box, mint, open_target, fault):
    before = box.config_bytes
    setattr(box.faults, fault, True)
    fails(open_target(box), mint(), match="did not write")
    assert box.config_bytes == before
    as_before(box)


@pytest.mark.parametrize("when", ["load", "write"])
def test_php_that_dies_before_it_wrote_leaves_all_as_it_was(box, mint, open_target, when):
    before = box.config_bytes
    box.faults.php_dies = when
    fails(open_target(box), mint(), match="PHP failed")
    assert box.config_bytes == before
    as_before(box)


def test_php_that_dies_after_it_wrote_has_done_it(box, mint, open_target):
    box.faults.php_dies = "after-write"
    target, new = open_target(box), mint()
    before, staged = target.inspect(), target.stage(new)
    target.activate(staged, new)
    assert box.served() == new.fingerprint
    target.rollback(before, staged, None)
    as_before(box)


def test_where_php_cannot_go_back_any_more_the_file_is_edited(box, mint):
    done = switch(settings_of(box), mint())
    box.faults.php_dies = "load"
    rolled_back(settings_of(box), done)
    as_before(box)


def test_without_php_it_is_said_before_and_xml_works(box, mint, open_target):
    box.php = False
    target = open_target(box)
    assert problems(target) == {"no-php"}
    fails(target, mint(), match="no /usr/local/bin/php")
    as_before(box)
    assert problems(open_target(box, commit="xml")) == set()
    new = mint()
    deploy(settings_of(box, commit="xml"), new)
    assert box.config().certs[box.config().certref].sha256 == new.fingerprint


def test_notices_of_php_do_not_disturb(box, mint):
    box.faults.php_notices = True
    new = mint()
    deploy(settings_of(box), new)
    assert box.served() == new.fingerprint
    log = box.path("/tmp/PHP_errors.log")
    assert "PRIVATE" not in (log.read_text() if log.exists() else "")


def test_slow_hooks_of_packages_are_waited_for(box, mint):
    box.faults.hook_seconds = 2.0
    new = mint()
    deploy(settings_of(box), new)
    assert box.served() == new.fingerprint


@BOTH
def test_a_full_disk_leaves_the_old_file_and_nothing_else(start_box, mint, open_target, how):
    box = start_box(size="4m")
    before = box.config_bytes
    with box.full_disk():
        target = open_target(box, commit=how)
        assert "disk-full" in problems(target)
        fails(target, mint())
        assert box.config_bytes == before
    as_before(box)


@BOTH
def test_a_readonly_disk_is_found_before_and_told(box, mint, open_target, how):
    with box.readonly_disk():
        target = open_target(box, commit=how)
        assert "read-only" in problems(target)
        fails(target, mint())
    as_before(box)


@BOTH
@pytest.mark.parametrize("version", ["2.5.2", "2.7.2", "2.9-dev"])
def test_the_cache_does_not_bring_the_old_state_back(start_box, mint, how, version):
    """Up to 2.8 it is believed whatever the file says; the next save anywhere would write it back."""
    box = start_box(version)
    box.as_administrator('$config["system"]["hostname"] = "cached";')
    new = mint()
    done = deploy(settings_of(box, commit=how), new)
    assert box.understood()["system"]["webgui"]["ssl-certref"] == done.staged.handle["refid"]
    box.as_administrator('$config["system"]["hostname"] = "renamed";')
    assert box.config().certref == done.staged.handle["refid"]
    assert box.understood()["system"]["hostname"] == "renamed"


@BOTH
def test_every_write_has_a_backup_of_its_own(box, mint, how):
    before = box.config_bytes
    settings = settings_of(box, commit=how)
    deploy(settings, mint())
    deploy(settings, mint())
    backups = [name for name in box.files() if name.startswith("/cf/conf/backup/config-") and name.endswith(".xml")]
    assert len(backups) >= 2
    assert any(box.path(name).read_bytes() == before for name in backups)
    assert box.config().revision.startswith("(system): certpush: ")


def test_an_old_certificate_that_somebody_removed_is_brought_back_from_the_pair_that_we_hold(box, mint):
    settings, old, new = settings_of(box), mint(), mint()
    deploy(settings, old)
    done = switch(settings, new)
    box.as_administrator(
        f'$config["cert"] = array_values(array_filter($config["cert"], fn($one) => $one["refid"] !== "{done.before.handle["refid"]}"));'
    )
    with pytest.raises(NoWayBack):
        rolled_back(settings, done)
    assert rolled_back(settings, done, old).fingerprint == old.fingerprint
    assert box.served() == old.fingerprint
    assert leftovers(box) == []


# --- A15: who else uses the old one ------------------------------------------------------------------------


@BOTH
def test_only_what_was_named_changes_over_and_back(start_box, mint, open_target, how):
    box = start_box(config="haproxy-and-openvpn")
    settings = settings_of(box, commit=how, also=("haproxy",))
    old = box.config().certref
    with contextlib.closing(PfSenseTarget(settings)) as target:
        told = "\n".join(target.changes(REQUEST))
        assert "changes over as well: HAProxy" in told
        assert "stays on the old certificate: OpenVPN server" in told
        assert "shared" in problems(target, Severity.WARNING)
    before = box.understood()
    done = switch(settings, mint())
    now = box.understood()
    assert now["openvpn"] == before["openvpn"]
    assert old not in str(now["installedpackages"]["haproxy"])
    assert done.staged.handle["refid"] in str(now["installedpackages"]["haproxy"])
    rolled_back(settings, done)
    assert box.understood()["installedpackages"] == before["installedpackages"]
    assert box.understood()["openvpn"] == before["openvpn"]


@BOTH
def test_the_box_alone_takes_them_back_as_well(start_box, mint, how):
    box = start_box(config="haproxy-and-openvpn")
    before = box.understood()["installedpackages"]
    done = switch(settings_of(box, commit=how, also=("haproxy",), rescue_after=SOON), mint())
    box.pass_time(SOON)
    wait_until(lambda: box.served() == done.before.fingerprint, "the rescue", 30)
    wait_until(lambda: leftovers(box) == [], "the timer's end")
    assert box.understood()["installedpackages"] == before


# --- the plan ------------------------------------------------------------------------------------------------


def test_a_first_plan_has_the_recovery_card_and_a_later_one_has_not(box, mint, open_target):
    first = open_target(box).changes(REQUEST)
    assert first[0].startswith("+1 <cert>, system/webgui/ssl-certref")
    assert any("goes back to its old certificate by itself after 2m" in line for line in first)
    assert any("generateguicert" in line for line in first)
    deploy(settings_of(box), mint())
    assert not any("generateguicert" in line for line in open_target(box).changes(REQUEST))


def test_preflight_of_what_is_in_order_finds_no_problem(box, open_target):
    found = open_target(box).preflight(REQUEST)
    assert {one.code for one in found if one.severity is not Severity.OK} <= {"ssh-old-handshake"}
