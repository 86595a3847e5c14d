"""The box goes back by itself: without our host, without our connection, over a reboot, and never against a confirmation."""

from __future__ import annotations

import concurrent.futures
import contextlib
import signal
import subprocess
import sys
import time

import pytest

from certpush.errors import RescueFired, TargetRefused
from certpush.kit.settings import Duration
from certpush.testing.lab.process import wait_until
from certpush_pfsense.target import PfSenseTarget
from plugins.pfsense.conftest import BOTH, SOON, deploy, leftovers, meaning, rolled_back, settings_of, switch

pytestmark = [pytest.mark.live("sshd", "nginx", "php"), pytest.mark.timeout(120)]

DYING = """
import os, signal, sys
from certpush import CertificateBundle
from certpush.kit.settings import Duration
from certpush.model import Secret
from certpush_pfsense import commit
from certpush_pfsense.settings import PfSenseSettings
from certpush_pfsense.target import PfSenseTarget
host, port, user, pin, key, pair, how = sys.argv[1:]
settings = PfSenseSettings(host=host, port=int(port), user=user, host_key=pin, identity=Secret(open(key).read()),
                           rescue_after=Duration(seconds=6), commit=how)
bundle = CertificateBundle.from_pem(open(pair + ".crt", "rb").read(), open(pair + ".key", "rb").read(), open(pair + ".root", "rb").read())
target = PfSenseTarget(settings)
staged = target.stage(bundle)
target._gui.bring = lambda *_: os.kill(os.getpid(), signal.SIGKILL)
target.activate(staged, bundle)
"""


@BOTH
def test_killed_right_after_the_switch_the_box_goes_back_alone(box, mint, how, tmp_path):
    new, old = mint(), box.served()
    before = meaning(box)
    pair = str(tmp_path / "pair")
    for name, text in ((".crt", new.fullchain_pem), (".key", new.key.reveal_pem()), (".root", new.roots_pem)):
        (tmp_path / f"pair{name}").write_bytes(text)
    login = (box.host, str(box.port), box.user, box.host_key_fingerprint, str(box.client_key_path))
    died = subprocess.run([sys.executable, "-c", DYING, *login, pair, how], check=False)
    assert died.returncode == -signal.SIGKILL
    wait_until(lambda: box.served() == new.fingerprint, "the switch")
    box.pass_time(SOON)
    wait_until(lambda: box.served() == old, "the rescue", 60)
    wait_until(lambda: box.processes() == (), "the timer's end")
    assert box.config().certref == before["system"]["webgui"]["ssl-certref"]
    assert "was not confirmed within 6 s" in box.system_log
    assert [one for one in leftovers(box) if "bash" not in one] == []
    assert {name: value for name, value in meaning(box).items() if name not in ("cert", "ca")} == {
        name: value for name, value in before.items() if name not in ("cert", "ca")
    }


@BOTH
def test_the_rescue_keeps_what_others_changed_since(box, mint, how):
    done = switch(settings_of(box, commit=how, rescue_after=SOON), mint())
    box.as_administrator('$config["system"]["hostname"] = "renamed";')
    box.pass_time(SOON)
    wait_until(lambda: box.served() == done.before.fingerprint, "the rescue", 30)
    wait_until(lambda: leftovers(box) == [], "the timer's end")
    assert box.understood()["system"]["hostname"] == "renamed"
    with pytest.raises(RescueFired):
        done.target.confirm(done.staged)


@BOTH
def test_the_rescue_leaves_a_certificate_alone_that_somebody_chose_since(box, mint, how):
    switch(settings_of(box, commit=how, rescue_after=SOON), mint())
    box.as_administrator(
        '$config["cert"][] = ["descr" => "theirs", "refid" => "64b00000000ab"] + $config["cert"][0];'
        '$config["system"]["webgui"]["ssl-certref"] = "64b00000000ab";'
    )
    box.pass_time(SOON)
    wait_until(lambda: leftovers(box) == [], "the timer's end", 30)
    assert box.config().certref == "64b00000000ab"
    assert "left as it is" in box.system_log


def test_where_php_died_since_the_rescue_edits_the_file(box, mint):
    done = switch(settings_of(box, rescue_after=SOON), mint())
    before = [one for one in box.config_bytes.splitlines() if b"ssl-certref" not in one]
    box.php = False
    box.pass_time(SOON)
    wait_until(lambda: box.served() == done.before.fingerprint, "the rescue", 30)
    wait_until(lambda: leftovers(box) == [], "the timer's end")
    assert [one for one in box.config_bytes.splitlines() if b"ssl-certref" not in one] == before


def test_a_rescue_whose_gui_takes_a_self_signed_one_goes_back_to_the_old_one(box, mint):
    """pfSense put one of its own in the place of ours, and our host is gone."""
    new = mint()
    done = switch(settings_of(box, rescue_after=SOON), new)
    box.as_administrator(
        '$position = array_search($config["system"]["webgui"]["ssl-certref"], array_column($config["cert"], "refid"));'
        '$config["cert"][$position]["prv"] = "";'
    )
    box.restart_gui()
    assert box.served() not in (new.fingerprint, done.before.fingerprint)
    box.pass_time(SOON)
    wait_until(lambda: box.served() == done.before.fingerprint, "the rescue", 30)


@BOTH
def test_a_reboot_before_the_confirmation_brings_the_old_one_back(box, mint, how):
    done = switch(settings_of(box, commit=how, rescue_after=Duration(seconds=300)), mint())
    assert "/usr/local/etc/rc.d/certpush-rescue.sh" in box.files()
    box.reboot()
    wait_until(lambda: box.served() == done.before.fingerprint, "the rescue", 60)
    wait_until(lambda: leftovers(box) == [], "the timer's end", 20)
    with pytest.raises(RescueFired):
        done.target.confirm(done.staged)
    assert rolled_back(settings_of(box), done).fingerprint == done.before.fingerprint


def test_a_reboot_after_the_confirmation_keeps_the_new_one(box, mint):
    new = mint()
    deploy(settings_of(box), new)
    box.reboot()
    assert box.served() == new.fingerprint
    assert leftovers(box) == []


def test_the_hook_is_harmless_while_the_timer_waits(box, mint):
    """pfSense starts these scripts also when an address changes."""
    done = switch(settings_of(box), mint())
    box.run("/usr/local/etc/rc.d/certpush-rescue.sh", "start")
    time.sleep(1)  # nothing can be waited for: that nothing comes is what is tested
    assert box.served() == done.bundle.fingerprint
    done.target.confirm(done.staged)
    assert leftovers(box) == []


def test_a_hook_without_a_timer_removes_itself(box, mint):
    done = switch(settings_of(box), mint())
    box.run("/bin/sh", "-c", "kill -9 $(cat /root/.certpush.rescue/pid); rm -rf /root/.certpush.rescue")
    box.run("/usr/local/etc/rc.d/certpush-rescue.sh", "start")
    wait_until(lambda: leftovers(box) == [], "its end")
    done.target.confirm(done.staged)


def test_confirm_and_rescue_race_and_exactly_one_wins(box, mint):
    first = mint()
    deploy(settings_of(box), first)
    seen = set()
    for delay in (-2.2, 1.6, 1.9, 2.2, 3.5):  # the first one at once
        done = switch(settings_of(box, rescue_after=Duration(seconds=4)), mint())
        started = float(box.path("/root/.certpush.rescue/pid").stat().st_mtime) if box.path("/root/.certpush.rescue/pid").exists() else 0
        time.sleep(max(0.0, started + 2.2 + delay - time.time()))
        try:
            done.target.confirm(done.staged)
            wanted, won = done.bundle.fingerprint, True
        except RescueFired:
            wanted, won = done.before.fingerprint, False
        wait_until(lambda: leftovers(box) == [], "the timer's end", 30)
        wait_until(lambda wanted=wanted: box.served() == wanted, "what was decided", 30)
        seen.add(won)
        if not won:
            rolled_back(settings_of(box), done)
    assert seen == {True, False}, "a race in which one side always wins tries nothing"


def test_another_run_does_not_take_an_armed_switch_over(box, mint):
    done = switch(settings_of(box), mint())
    with contextlib.closing(PfSenseTarget(settings_of(box))) as other:
        staged = other.stage(bundle := mint())
        with pytest.raises(TargetRefused, match="another run"):
            other.activate(staged, bundle)
    done.target.confirm(done.staged)
    assert box.served() == done.bundle.fingerprint
    assert leftovers(box) == []


def test_without_a_timer_that_runs_nothing_is_switched(box, mint):
    before = box.config_bytes
    box.path("/usr/sbin/daemon").write_text("#!/bin/sh\nexit 0\n")
    with contextlib.closing(PfSenseTarget(settings_of(box))) as target:
        staged = target.stage(bundle := mint())
        with pytest.raises(TargetRefused, match="nothing was switched"):
            target.activate(staged, bundle)
    assert box.config_bytes == before
    assert leftovers(box) == []


def test_rollback_and_rescue_at_the_same_moment_end_in_order(box, mint):
    box.faults.restart_seconds = 1.0
    done = switch(settings_of(box, rescue_after=SOON), mint())
    box.pass_time(SOON)
    wait_until(lambda: box.path("/root/.certpush.rescue/fired").exists(), "the rescue", 30)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        assert pool.submit(rolled_back, settings_of(box), done).result(60).fingerprint == done.before.fingerprint
    assert box.served() == done.before.fingerprint
    assert leftovers(box) == []
