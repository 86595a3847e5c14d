"""What is refused before anything is changed, and what is only said; each with the next step."""

from __future__ import annotations

import pytest

from certpush import CertificateRequest, KeySpec, Severity
from certpush.errors import CertpushError, ClockSkew, SafetyRefusal, TargetAuthFailed, TargetRefused
from certpush.kit.settings import Duration
from certpush.model import Secret
from certpush.testing.lab.process import wait_until
from certpush.testing.lab.ssh_keys import write_key
from plugins.pfsense.conftest import REQUEST, as_before, deploy, leftovers, problems, settings_of

pytestmark = [pytest.mark.live("sshd", "nginx", "php"), pytest.mark.timeout(120)]


@pytest.mark.parametrize(
    ("spoiled", "match"),
    [
        (lambda xml: xml.replace(b"<pfsense>", b"<!DOCTYPE x><pfsense>"), "DOCTYPE"),
        (lambda xml: b"---- BEGIN config.xml ----\nU2FsdGVk\n", "encrypted"),
        (lambda xml: xml[: len(xml) // 2], None),
        (lambda xml: b"", None),
        (lambda xml: xml.replace(b"</system>", b"</system><system></system>"), "twice"),
    ],
    ids=["doctype", "encrypted", "torn", "empty", "two-systems"],
)
def test_a_file_that_pfsense_itself_would_stumble_over_is_not_touched(box, mint, open_target, spoiled, match):
    target = open_target(box)
    staged = target.stage(bundle := mint())
    box.path("/cf/conf/config.xml").write_bytes(spoiled(box.config_bytes))
    now, files = box.config_bytes, set(box.files())
    for verb in (target.inspect, lambda: target.preflight(REQUEST), lambda: target.activate(staged, bundle), lambda: target.stage(bundle)):
        with pytest.raises(SafetyRefusal, match=match) as refusal:
            verb()
        assert refusal.value.hint
    assert box.config_bytes == now
    assert set(box.files()) == files
    assert leftovers(box) == []


def test_opnsense_is_sent_to_its_own_kind(box, mint, open_target):
    box.by_hand(lambda xml: xml.replace(b"<pfsense>", b"<opnsense>").replace(b"</pfsense>", b"</opnsense>"))
    target = open_target(box)
    assert "product" in problems(target)
    with pytest.raises(SafetyRefusal, match="OPNsense") as refusal:
        target.stage(mint())
    assert 'kind = "opnsense"' in refusal.value.hint


def test_plain_http_is_refused(start_box, mint, open_target):
    target = open_target(start_box(config="http"))
    assert "protocol" in problems(target)
    with pytest.raises(SafetyRefusal, match="plain HTTP"):
        target.stage(mint())


def test_a_secondary_that_would_be_overwritten_is_refused(start_box, mint, open_target):
    target = open_target(start_box(config="ha-secondary"))
    assert "secondary" in problems(target)
    with pytest.raises(SafetyRefusal, match="secondary of a pair"):
        target.stage(mint())


def test_a_box_that_starts_is_left_alone(box, mint, open_target):
    target = open_target(box)
    staged = target.stage(bundle := mint())
    box.booting = True
    assert "booting" in problems(target)
    with pytest.raises(SafetyRefusal, match="starting up"):
        target.stage(mint())
    with pytest.raises(TargetRefused, match="starting up"):
        target.activate(staged, bundle)
    box.booting = False
    target.rollback(target.inspect(), staged, None)
    as_before(box)


def test_who_is_not_root_is_told_what_to_do(start_box, mint, open_target):
    box = start_box(user="reader")
    target = open_target(box)
    assert target.inspect().fingerprint == box.served()
    (finding,) = (one for one in target.preflight(REQUEST) if one.severity is Severity.ERROR)
    assert finding.code == "rights"
    assert "sudo = true" in finding.hint
    before = box.config_bytes
    with pytest.raises(CertpushError):
        target.activate(target.stage(bundle := mint()), bundle)
    assert box.config_bytes == before


def test_who_may_not_even_read_it_is_told_what_to_do(start_box, open_target):
    box = start_box(user="reader")
    box.path("/cf/conf/config.xml").chmod(0o600)
    with pytest.raises(TargetRefused, match="this user can read") as refusal:
        open_target(box).inspect()
    assert "sudo = true" in refusal.value.hint


def test_a_description_that_names_the_number_is_no_user_of_it(start_box, open_target):
    box = start_box(config="webgui-cert-missing")  # pfSense made one, and says so in the history
    assert box.config().certref in box.config().revision
    assert "shared" not in problems(open_target(box), Severity.WARNING)


def test_a_timer_that_is_too_short_is_warned_of(box, open_target):
    assert "rescue-after" in problems(open_target(box, rescue_after=Duration(seconds=20)), Severity.WARNING)


def test_sudo_that_is_not_there_is_told(start_box, open_target):
    with pytest.raises(TargetAuthFailed, match="sudo"):
        open_target(start_box(user="reader"), sudo=True).inspect()


def test_a_clock_that_is_behind_is_warned_of_and_no_certificate_of_tomorrow_is_installed(box, mint, open_target):
    box.faults.clock_offset = -7200
    target = open_target(box)
    assert "clock-skew" in problems(target, Severity.WARNING)
    with pytest.raises(ClockSkew):
        target.stage(mint())


@pytest.mark.parametrize("key", [KeySpec.ED25519, KeySpec.EC_P521])
def test_keys_that_the_gui_does_not_start_with_are_refused(box, mint, open_target, key):
    target = open_target(box)
    assert "key-type" in problems(target, request=CertificateRequest(REQUEST.names, key))
    with pytest.raises(SafetyRefusal, match="does not take"):
        target.stage(mint(key=key))


def test_an_unknown_version_is_a_warning_alone(box, mint, open_target):
    box.by_hand(lambda xml: xml.replace(b"<version>23.3</version>", b"<version>99.9</version>"))
    target = open_target(box)
    assert "version" in problems(target, Severity.WARNING)
    assert problems(target) == set()
    new = mint()
    deploy(settings_of(box), new)
    assert box.config().text("version") == "99.9"
    assert box.served() == new.fingerprint


def test_a_certificate_of_the_acme_package_is_told_of_and_left_in_its_place(start_box, mint, open_target):
    box = start_box(config="acme")
    before = dict(box.config().certs)
    new = mint()
    deploy(settings_of(box), new)
    assert box.served() == new.fingerprint
    assert all(box.config().certs.get(refid) == entry for refid, entry in before.items())


def test_who_fails_to_log_in_does_so_once(box, open_target, tmp_path):
    write_key(tmp_path / "other", "ed25519")
    stranger = Secret((tmp_path / "other").read_text())
    box.faults.sshguard_after = 2
    with pytest.raises(TargetAuthFailed):
        open_target(box, identity=stranger).inspect()
    wait_until(lambda: box.failed_logins > 0, "the failed login")
    assert open_target(box).inspect().fingerprint == box.served()
    assert box.failed_logins == 1
