"""Each verb of a target in its plugin's process: what goes over arrives, what comes back is held up to the contract."""

from __future__ import annotations

import logging
import os
from concurrent.futures import ThreadPoolExecutor

import pytest

from certpush import CertificateRequest, Installed, Member, Secret, Severity, Staged
from certpush.errors import ConfigError, TargetAuthFailed, TargetBug, TargetRefused, TargetUnreachable
from certpush.model import After
from certpush.target import Footprint
from certpush.testing.authority import Authority
from certpush.testing.leaks import find_leak
from conftest import not_run

pytestmark = pytest.mark.usefixtures("nothing_left")

TOKEN = "canary-token-of-the-device"
NAMES = CertificateRequest.of("nas.lan", "192.0.2.7")


@pytest.fixture(scope="module")
def bundle():
    return Authority("Nas").issue("nas.lan")


def test_a_whole_rotation_and_back(opened, device, bundle):
    target = opened()
    before = target.inspect()
    assert before == Installed(device.served(), {"id": "device-default"}, device_default=True)
    staged = target.stage(bundle)
    target.activate(staged, bundle)
    assert device.served() == bundle.fingerprint == target.inspect().fingerprint
    target.confirm(staged)
    target.tidy(frozenset({bundle.fingerprint}))
    assert target.rollback(before, staged, bundle).after is After.DEVICE_DEFAULT
    assert device.served() == before.fingerprint
    assert target.changes(NAMES) == ("the memory device stores and serves one more certificate",)
    assert target.csr(NAMES) == b"-----BEGIN CERTIFICATE REQUEST-----"
    target.close()
    target.close()


def test_what_a_person_is_shown_moves_no_cursor(opened):
    (finding,) = opened().preflight(NAMES)
    assert (finding.severity, finding.message) == (Severity.WARNING, "\\x1b[2Jforged; OK all is well")


def test_what_belongs_to_a_kind_is_asked_there_too(kind, device):
    settings = kind.settings(state=str(device.path), token=Secret(TOKEN))
    cluster = kind.settings(state=str(device.path), token=Secret(TOKEN), does="members")
    assert kind.members(settings, NAMES) == ()
    first, second = kind.members(cluster, NAMES)
    assert isinstance(first, Member)
    assert (first.name, second.name, first.names, second.settings.does) == ("a", "b", NAMES.names, "b")
    assert second.settings.token.reveal() == TOKEN
    assert kind.footprint(settings) == Footprint(("/etc/acme",), commands=True)
    (identity,) = kind.identify(settings)
    assert (identity.setting, identity.shown, identity.compare) == ("trust", ("shown\\x07",), f"compare it with {device.path}")
    with pytest.raises(TargetBug, match="answered members with something that is no answer"):
        kind.members(kind.settings(state="x", token=Secret(TOKEN), does="members:wrong"), NAMES)


def test_errors_of_the_contract_stay_what_they_are(kind, opened, device):
    with pytest.raises(TargetAuthFailed, match="refused the token") as failed:
        kind.open(kind.settings(state=str(device.path), token=Secret("another"))).inspect()
    assert (failed.value.hint, failed.value.retryable) == ("check token = ...", False)
    device.power(on=False)
    with pytest.raises(TargetUnreachable, match="nothing answers") as gone:
        opened().inspect()
    assert gone.value.retryable
    with pytest.raises(ConfigError, match=r"^does = does not go with this$"):
        kind.settings(state="x", token=Secret(TOKEN), does="refuse")


ODD = ("wrong", "odd", "nan", "huge")


@pytest.mark.parametrize("verb", ["inspect", "stage", "rollback", "endpoints"])
def test_an_answer_that_is_none_is_a_bug_of_the_plugin_and_its_process_goes_on(opened, bundle, verb):
    ways = {
        "inspect": lambda target: target.inspect(),
        "stage": lambda target: target.stage(bundle),
        "rollback": lambda target: target.rollback(Installed(None, {"id": "device-default"}), None, None),
        "endpoints": lambda target: target.endpoints(),
    }
    for odd in ODD if verb in ("inspect", "stage") else ODD[:1]:
        with pytest.raises(TargetBug, match=rf"^the plugin for acme \(acme-dist 4\.2\) answered {verb} with something"):
            ways[verb](opened(f"{verb}:{odd}"))


def test_a_secret_that_it_was_given_never_comes_back_in_words(request, bundle, caplog):
    caplog.set_level(logging.DEBUG)  # the plugin is told when it is loaded
    target = request.getfixturevalue("opened")("activate:secrets")
    with pytest.raises(TargetRefused) as refused:
        target.activate(Staged(), bundle)
    assert refused.value.message.startswith("told <secret> and <secret>; <secret>")
    assert refused.value.hint == "told <secret>"
    said = caplog.text + refused.value.message
    assert "logged <secret>" in said
    assert find_leak(said, keys=[bundle.key], secrets=[TOKEN]) == ""


def test_it_sees_nothing_of_certpush_and_of_other_targets(opened, monkeypatch, tmp_path):
    if not _has_landlock():
        not_run("this system has no Landlock")
    monkeypatch.setenv("PASSWORD_OF_ANOTHER", "canary")
    with (tmp_path / "open").open("w") as ours:
        os.set_inheritable(ours.fileno(), True)
        seen = opened("x:look").changes(NAMES)
    assert [one for one in seen if one.startswith("read ")] == []
    variables = {one.removeprefix("variable ") for one in seen if one.startswith("variable ")}
    assert variables == {"PATH", "HOME", "LC_ALL", "USER", "LOGNAME", "MALLOC_ARENA_MAX"}
    descriptors = sorted(one.partition(": ")[2].partition(":")[0] for one in seen if one.startswith("descriptor "))
    assert descriptors == ["/dev/null", "pipe", "pipe", "socket"]
    assert not any(str(tmp_path / "open") in one for one in seen)
    assert "canary" not in "".join(seen)


def _has_landlock() -> bool:
    import ctypes

    return ctypes.CDLL(None).syscall(444, None, ctypes.c_size_t(0), 1) >= 2


@pytest.mark.parametrize("deed", ["fork", "detach"])
def test_what_it_forks_answers_for_nobody_and_ends_with_it(opened, bundle, deed):
    target = opened(f"stage:{deed}")
    assert target.stage(bundle) == Staged({"id": bundle.fingerprint})
    assert target.inspect().fingerprint is not None


def test_where_it_ended_the_next_verb_begins_anew(opened, device, bundle):
    target = opened("activate:leave")
    before, staged = target.inspect(), target.stage(bundle)
    with pytest.raises(TargetBug, match=r"ended itself with exit status 7 \(in activate\)"):
        target.activate(staged, bundle)
    assert device.served() == bundle.fingerprint
    target.close()
    assert target.rollback(before, staged, None).after is After.DEVICE_DEFAULT
    assert device.served() == before.fingerprint


@pytest.mark.usefixtures("soon")
def test_what_ended_by_the_fault_of_another_target_is_asked_once_more_but_for_a_switch(opened, bundle):
    hanging, looking, switching = opened("stage:hang"), opened("inspect:slow"), opened("activate:slow")
    staged = switching.stage(bundle)
    with ThreadPoolExecutor(3) as threads:
        hung = threads.submit(hanging.stage, bundle)
        looked, switched = threads.submit(looking.inspect), threads.submit(switching.activate, staged, bundle)
        assert "hung: no answer within" in str(hung.exception())
        assert looked.result().fingerprint == bundle.fingerprint
        assert "was ended in activate, because for another target it hung" in str(switched.exception())


def test_where_nobody_knows_whose_fault_it_was_each_goes_on_for_itself(opened, bundle):
    leaving, looking, switching = opened("inspect:leave-later"), opened("inspect:slow"), opened("activate:slow")
    staged = switching.stage(bundle)
    with ThreadPoolExecutor(3) as threads:
        asked = [threads.submit(looking.inspect), threads.submit(switching.activate, staged, bundle), threads.submit(leaving.inspect)]
        looked, switched, left = (one.exception() or one.result() for one in asked)
    assert looked.fingerprint == bundle.fingerprint
    assert "ended itself with exit status 8 (in activate, when several targets were under way)" in str(switched)
    assert str(left).endswith("ended itself with exit status 8 (in inspect)")
