"""Another administrator works at the same time: at any moment, what they did survives, and so does our switch or the old state."""

from __future__ import annotations

import contextlib

import pytest

from certpush.errors import CertpushError, TargetDrifted
from certpush_pfsense.target import PfSenseTarget
from plugins.pfsense.conftest import BOTH, leftovers, rolled_back, settings_of, switch

pytestmark = pytest.mark.live("sshd", "nginx", "php")
PHP_MOMENTS = ("php-start", "config-read", "write-config", "config-written", "restart")
XML_MOMENTS = ("lock", "rename", "renamed", "unlock", "restart")
RENAMED = '$config["system"]["hostname"] = "renamed";'


def hostname(box) -> str:
    return box.understood()["system"]["hostname"]


@pytest.mark.parametrize(("how", "moment"), [*(("php", one) for one in PHP_MOMENTS), *(("xml", one) for one in XML_MOMENTS)])
def test_an_edit_at_any_moment_survives(box, mint, how, moment):
    new = mint()
    appointment = box.at(moment, lambda: box.as_administrator(RENAMED))
    done = None
    try:
        done = switch(settings_of(box, commit=how), new)
    except CertpushError:
        assert box.config().certref == "64b1c2d3e4f5a", "refused, and switched all the same"
    appointment.wait()
    assert hostname(box) == "renamed"
    if done is not None:
        assert box.served() == new.fingerprint
        assert new.fingerprint in {one.sha256 for one in box.config().certs.values()}
        done.target.confirm(done.staged)
        assert leftovers(box) == []


@BOTH
@pytest.mark.parametrize("moment", ["php-start", "lock"])
def test_who_edits_again_and_again_is_given_way(box, mint, how, moment):
    if (how == "php") != (moment == "php-start"):
        pytest.skip("this moment does not come in this way to write")
    edits = 0

    def edit():
        nonlocal edits
        edits += 1
        appointments.append(box.at(moment, edit))
        box.by_hand(
            lambda xml: xml.replace(b"<domain>home.arpa</domain>", f"<domain>d{edits}</domain>".encode()).replace(
                f"<domain>d{edits - 1}</domain>".encode(), f"<domain>d{edits}</domain>".encode()
            )
        )

    appointments = [box.at(moment, edit)]
    with contextlib.closing(PfSenseTarget(settings_of(box, commit=how))) as target:
        staged = target.stage(bundle := mint())
        with pytest.raises(TargetDrifted, match="again and again"):
            target.activate(staged, bundle)
    assert edits == 3
    for one in appointments:
        one.cancel()
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
    from certpush_pfsense.config_xml.entries import encoded

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
