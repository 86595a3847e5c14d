"""The verbs against a box that is in order: every release, both ways to write, every kind of login."""

from __future__ import annotations

import contextlib
import hashlib

import pytest

from certpush import CertificateRequest, Expected
from certpush.model import After, parse_name
from certpush.testing.lab.pfsense.releases import RELEASES
from certpush.testing.lab.process import wait_until
from certpush_pfsense.target import PfSenseTarget
from plugins.pfsense.conftest import BOTH, SOON, deploy, leftovers, meaning, rolled_back, settings_of, switch

pytestmark = pytest.mark.live("sshd", "nginx", "php")
REQUEST = CertificateRequest((parse_name("svc.example.com"),))


@BOTH
@pytest.mark.parametrize("version", sorted(RELEASES))
def test_the_whole_story_on_every_release(start_box, mint, version, how):
    box = start_box(version)
    settings, first, second = settings_of(box, commit=how), mint(), mint()
    done = deploy(settings, first)
    assert box.served() == first.fingerprint
    assert done.before.device_default
    done = switch(settings, second)
    assert box.served() == second.fingerprint
    assert rolled_back(settings, done) == Expected.leaf(first.fingerprint)
    assert box.served() == first.fingerprint
    deploy(settings, second)
    assert box.served() == second.fingerprint
    assert leftovers(box) == []


@pytest.mark.parametrize(("user", "sudo"), [("root", False), ("admin", False), ("deploy", True)])
@BOTH
def test_every_login_will_do(start_box, mint, user, sudo, how):
    box = start_box(user=user, sudo=sudo)
    settings, new = settings_of(box, sudo=sudo, commit=how), mint()
    deploy(settings, new)
    assert box.served() == new.fingerprint
    assert leftovers(box) == []


@BOTH
def test_nothing_but_our_entries_and_the_pointer_differs(box, mint, how):
    before = meaning(box)
    new = mint()
    done = deploy(settings_of(box, commit=how), new)
    after = meaning(box)
    refid = done.staged.handle["refid"]
    assert {name for name in before.keys() | after.keys() if before.get(name) != after.get(name)} == {"cert", "ca", "system"}
    assert [one for one in after["cert"] if one not in before["cert"]] == [one for one in after["cert"] if one["refid"] == refid]
    assert all(one in after["cert"] for one in before["cert"])
    assert all(one in after["ca"] for one in before.get("ca") or ())
    assert after["system"]["webgui"].pop("ssl-certref") == refid
    before["system"]["webgui"].pop("ssl-certref")
    assert after["system"] == before["system"]


def test_both_ways_write_the_same_entries(start_box, mint):
    new, found = mint(), []
    for how in ("php", "xml"):
        box = start_box()
        deploy(settings_of(box, commit=how), new)
        (cert,) = (one for one in box.understood()["cert"] if one["descr"].startswith("certpush "))
        (ca,) = (one for one in box.understood()["ca"] if one["descr"].startswith("certpush "))
        assert cert.pop("caref") == ca["refid"]
        found.append([{name: value for name, value in one.items() if name != "refid"} for one in (cert, ca)])
    assert found[0] == found[1]
    assert [list(one) for one in found[0]] == [list(one) for one in found[1]]


@BOTH
def test_editing_leaves_every_other_byte(box, mint, how):
    if how == "php":
        box.as_administrator("$config = $config;")  # pfSense's own writer normalises at its first write
    before = box.config_bytes
    deploy(settings_of(box, commit=how), mint())
    kept = [line for line in box.config_bytes.splitlines() if line in before.splitlines()]
    lost = [line for line in before.splitlines() if line not in kept]
    assert all(any(name in line for name in (b"<ssl-certref>", b"<time>", b"<description>", b"<username>")) for line in lost), lost


def test_what_is_there_already_is_only_pointed_at(box, mint):
    settings, new, other = settings_of(box), mint(), mint()
    first = deploy(settings, new)
    deploy(settings, other, keep=(new.fingerprint,))
    entries = set(box.config().certs)
    again = deploy(settings, new)
    assert again.staged.handle["refid"] == first.staged.handle["refid"]
    assert not again.staged.handle["new"]
    assert set(box.config().certs) == entries
    assert box.served() == new.fingerprint


def test_a_rollback_spares_an_entry_that_was_there_before(box, mint):
    settings, new, other = settings_of(box), mint(), mint()
    deploy(settings, new)
    deploy(settings, other, keep=(new.fingerprint,))
    done = switch(settings, new)
    rolled_back(settings, done)
    assert box.served() == other.fingerprint
    assert done.staged.handle["refid"] in box.config().certs


def test_staging_writes_nothing(box, mint):
    before, files = box.config_bytes, box.files()
    with contextlib.closing(PfSenseTarget(settings_of(box))) as target:
        target.stage(mint())
    assert box.config_bytes == before
    assert {name for name in box.files() if name not in files} == set()


@BOTH
def test_files_of_pfsense_keep_their_modes(box, mint, how):
    """Its own programs read config.xml as other users, too."""
    box.as_administrator("$config = $config;")
    usual = {name: facts.mode for name, facts in box.files().items()}
    switch(settings_of(box, commit=how, rescue_after=SOON), mint())
    box.pass_time(SOON)
    wait_until(lambda: leftovers(box) == [], "the rescue", 30)
    done = deploy(settings_of(box, commit=how), mint())
    rolled_back(settings_of(box), done)
    now = {name: facts.mode & 0o777 for name, facts in box.files().items()}
    assert {name: mode & 0o777 for name, mode in usual.items() if name in now} == {name: now[name] for name in usual if name in now}
    backups = {mode for name, mode in now.items() if name.startswith("/cf/conf/backup/config-")}
    assert backups == {0o644}


@BOTH
def test_tidy_leaves_what_is_used_elsewhere(box, mint, how):
    settings, new, newer, newest = settings_of(box, commit=how), mint(), mint(), mint()
    refid = deploy(settings, new).staged.handle["refid"]
    box.as_administrator(f'$config["installedpackages"]["thing"]["config"][0]["certs"] = "aaa,{refid},bbb";')
    deploy(settings, newer)
    deploy(settings, newest)
    assert refid in box.config().certs
    assert len([one for one in box.config().certs.values() if one.descr.startswith("certpush ")]) == 3
    box.as_administrator('unset($config["installedpackages"]["thing"]);')
    with contextlib.closing(PfSenseTarget(settings)) as target:
        target.tidy(())
    assert [one.sha256 for one in box.config().certs.values() if one.descr.startswith("certpush ")] == [newest.fingerprint]
    assert len([one for one in box.config().cas.values() if one.descr.startswith("certpush ")]) == 1


def test_store_root_keeps_the_root_too_and_does_not_serve_it(box, mint):
    new = mint()
    deploy(settings_of(box, store_root=True), new)
    assert len([one for one in box.config().cas.values() if one.descr.startswith("certpush ")]) == len(new.chain) + len(new.roots)
    assert box.path("/var/etc/cert.crt").read_text().count("BEGIN CERTIFICATE") == 1 + len(new.chain)


def test_a_gui_that_points_nowhere_gets_a_certificate_and_goes_back_to_none(start_box, mint):
    box = start_box(config="webgui-cert-missing")
    box.by_hand(lambda xml: xml)  # pfSense made one at the start
    settings = settings_of(box)
    with contextlib.closing(PfSenseTarget(settings)) as target:
        assert target.inspect().device_default
    box.as_administrator('$config["system"]["webgui"]["ssl-certref"] = "64b1c2d3e4000";')
    done = switch(settings, mint())
    assert done.before.fingerprint is None
    assert rolled_back(settings, done).after is After.NOTHING
    assert box.served() != done.bundle.fingerprint
    assert leftovers(box) == []


def test_no_key_leaves_the_box_for_a_look_and_none_is_left_beside_the_configuration(box, mint):
    new = mint()
    deploy(settings_of(box), new)
    with contextlib.closing(PfSenseTarget(settings_of(box))) as target:
        sight = target._box.look()
        assert sight.sha256 == hashlib.sha256(box.config_bytes).hexdigest()
        assert all(one.has_key for one in sight.config.certs)
        for one in box.config().root.iter():
            if one.tag in ("prv", "bcrypt-hash", "password") and one.text:
                assert one.text.strip().encode() not in sight.config.source
    for name in box.files():
        if not name.startswith("/cf/conf/") and name != "/var/etc/cert.key" and box.path(name).is_file():
            assert new.key.reveal_pem() not in box.path(name).read_bytes()
