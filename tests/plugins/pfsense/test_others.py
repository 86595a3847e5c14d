"""Another administrator works at the same time: at any moment, what they did survives, and so does our switch or the old state."""

from __future__ import annotations

import contextlib
import re
import threading

import pytest

from certpush.errors import CertpushError, TargetDrifted
from certpush_pfsense.box import Box
from certpush_pfsense.config_xml.entries import encoded
from certpush_pfsense.target import PfSenseTarget
from plugins.pfsense.conftest import BOTH, leftovers, rolled_back, settings_of, switch

pytestmark = pytest.mark.live("sshd", "nginx", "php")
PHP_MOMENTS = ("php-start", "config-read", "write-config", "config-written", "config-saved", "restart")
XML_MOMENTS = ("lock", "rename", "renamed", "unlock", "restart")
UNDER_OUR_LOCK = ("rename", "renamed")
RENAMED = '$config["system"]["hostname"] = "renamed";'


def hostname(box) -> str:
    return box.understood()["system"]["hostname"]


@pytest.mark.parametrize(("how", "moment"), [*(("php", one) for one in PHP_MOMENTS), *(("xml", one) for one in XML_MOMENTS)])
def test_an_edit_at_any_moment_survives(box, mint, how, moment):
    """Either ours is made on top of it, or ours is refused, or what it cost us is noticed."""
    new, settings = mint(), settings_of(box, commit=how)
    # Under our lock the edit has to wait for us, so the box must not wait for the edit.
    editing = threading.Thread(target=box.as_administrator, args=(RENAMED,))
    appointment = box.at(moment, editing.start if moment in UNDER_OUR_LOCK else lambda: (editing.start(), editing.join()))
    with contextlib.closing(PfSenseTarget(settings)) as target:
        before, staged = target.inspect(), target.stage(new)
        try:
            target.activate(staged, new)
            appointment.wait()
            editing.join()
            target.confirm(staged)
        except CertpushError:
            appointment.wait()
            editing.join()
            target.rollback(before, staged, None)
            assert box.config().certref == before.handle["refid"]
        else:
            assert box.config().certs[box.config().certref].sha256 == new.fingerprint
            assert box.served() == new.fingerprint
    assert hostname(box) == "renamed"
    assert leftovers(box) == []


def test_an_edit_after_the_hash_was_compared_is_kept_and_ours_made_on_top(box, mint):
    """pfSense's own lock does not cover this moment; the backup that it makes tells what was replaced."""
    new = mint()
    appointment = box.at("write-config", lambda: box.as_administrator(RENAMED))
    done = switch(settings_of(box), new)
    appointment.wait()
    assert hostname(box) == "renamed"
    assert box.served() == new.fingerprint
    done.target.confirm(done.staged)


def test_another_choice_after_the_hash_was_compared_is_put_back(box, mint):
    choice = '$config["system"]["webgui"]["ssl-certref"] = "64b1c2d3e4000";' + RENAMED
    appointment = box.at("write-config", lambda: box.as_administrator(choice))
    with contextlib.closing(PfSenseTarget(settings_of(box))) as target:
        staged = target.stage(bundle := mint())
        with pytest.raises(TargetDrifted, match="another certificate"):
            target.activate(staged, bundle)
    appointment.wait()
    assert box.config().certref == "64b1c2d3e4000"
    assert hostname(box) == "renamed"
    assert bundle.fingerprint not in {one.sha256 for one in box.config().certs.values()}


@BOTH
def test_who_edits_again_and_again_is_given_way(box, mint, how, monkeypatch):
    looks, look = [], Box.look

    def look_and_be_too_late(self, **more):
        found = look(self, **more)
        looks.append(found)
        box.by_hand(lambda xml: re.sub(rb"<domain>.*?</domain>", f"<domain>d{len(looks)}</domain>".encode(), xml))
        return found

    with contextlib.closing(PfSenseTarget(settings_of(box, commit=how))) as target:
        staged = target.stage(bundle := mint())
        monkeypatch.setattr(Box, "look", look_and_be_too_late)
        with pytest.raises(TargetDrifted, match="again and again"):
            target.activate(staged, bundle)
    assert len(looks) == 3
    assert box.understood()["system"]["domain"] == "d3"
    assert box.config().certref == "64b1c2d3e4f5a"


def test_a_page_that_was_opened_before_and_is_saved_after_is_noticed(box, mint):
    """It writes the old configuration over ours: that cannot be prevented, but it must not count as success."""
    page = box.open_page()
    done = switch(settings_of(box), mint())
    page.save(RENAMED)
    with pytest.raises(TargetDrifted):
        done.target.confirm(done.staged)
    assert hostname(box) == "renamed"
    rolled_back(settings_of(box), done)
    assert box.served() == done.before.fingerprint
    assert leftovers(box) == []


@BOTH
def test_whoever_chooses_another_certificate_meanwhile_keeps_it(box, mint, how):
    settings = settings_of(box, commit=how)
    done = switch(settings, mint())
    theirs = mint()
    crt, prv = encoded(theirs.leaf_pem), encoded(theirs.key.reveal_pem())
    box.as_administrator(
        f'$config["cert"][] = ["refid" => "64b00000000ab", "descr" => "theirs", "crt" => "{crt}", "prv" => "{prv}"];'
        '$config["system"]["webgui"]["ssl-certref"] = "64b00000000ab";'
    )
    with pytest.raises(TargetDrifted):
        done.target.confirm(done.staged)
    with pytest.raises(TargetDrifted, match="left alone"):
        rolled_back(settings, done)
    assert box.config().certref == "64b00000000ab"
    assert leftovers(box) == []


@BOTH
def test_another_choice_between_stage_and_activate_is_left_alone(box, mint, how):
    with contextlib.closing(PfSenseTarget(settings_of(box, commit=how))) as target:
        staged = target.stage(bundle := mint())
        box.as_administrator('$config["system"]["webgui"]["ssl-certref"] = "64b1c2d3e4000";')
        with pytest.raises(TargetDrifted, match="another certificate"):
            target.activate(staged, bundle)
    assert box.config().certref == "64b1c2d3e4000"
    assert leftovers(box) == []
