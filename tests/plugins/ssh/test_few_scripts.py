"""A login's shell costs more than what it is asked: a rotation asks in few scripts, and never goes by what is not so any more."""

from __future__ import annotations

import contextlib

from certpush.model import CertificateRequest, KeySpec, parse_name
from certpush_ssh.target import SshTarget
from plugins.ssh.test_rescue import deploy

REQUEST = CertificateRequest((parse_name("box.lan"),), KeySpec.EC_P256)


def rotate(target, bundle) -> None:
    """What the core calls, in its order."""
    target.inspect()
    target.preflight(REQUEST)
    staged = target.stage(bundle)
    target.activate(staged, bundle)
    target.confirm(staged)
    target.tidy({bundle.fingerprint})


def test_a_rotation_asks_the_machine_five_times(local_box, mint):
    settings = local_box.files(check=("true",), reload=("true",))
    with contextlib.closing(SshTarget(settings)) as target:
        rotate(target, mint())
        local_box.machine.scripts.clear()
        rotate(target, mint())
    assert len(local_box.machine.scripts) == 5


def test_what_changed_on_the_machine_by_our_own_hand_is_asked_anew(local_box, mint):
    settings = local_box.files()
    with contextlib.closing(SshTarget(settings)) as target:
        target.inspect()
        target.stage(mint())
        local_box.tls.chmod(0o777)
        assert [one.code for one in target.preflight(REQUEST) if one.severity == "error"] == ["path-unsafe"]


def test_tidying_without_having_confirmed_looks_for_what_is_installed(local_box, mint):
    settings, first, second = local_box.files(), mint(), mint()
    deploy(settings, first)
    deploy(settings, second)
    with contextlib.closing(SshTarget(settings)) as target:
        target.tidy(frozenset())
    assert not list((local_box.tls / ".certpush").glob(f"*.{first.fingerprint[:16]}.old"))
