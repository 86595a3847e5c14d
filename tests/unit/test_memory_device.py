from __future__ import annotations

import signal
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from certpush.errors import NoWayBack, RescueFired, TargetAuthFailed, TargetRefused, TargetUnreachable
from certpush.kit.settings import Duration
from certpush.kit.tls import look, utc_now
from certpush.model import CertificateBundle, Endpoint, Expected, Installed, Secret
from certpush.testing.authority import Authority
from certpush.testing.device import DEFAULT, TOKEN, DeviceRefuses, Stored
from certpush.testing.memory import MemoryDevice, MemorySettings, MemoryTarget, Reload

MINUTE = timedelta(minutes=1)


@pytest.fixture
def device(tmp_path: Path) -> Iterator[MemoryDevice]:
    with MemoryDevice(tmp_path / "device.json") as device:
        yield device


@pytest.fixture
def bundles() -> list[CertificateBundle]:
    authority = Authority()
    return [authority.issue("127.0.0.1") for _ in range(2)]


def target_of(device: MemoryDevice, *, rescue_after: Duration | None = None, token: str = TOKEN) -> MemoryTarget:
    return MemoryTarget(MemorySettings(state=str(device.path), token=Secret(token), rescue_after=rescue_after))


def deploy(device: MemoryDevice, bundle: CertificateBundle) -> None:
    target = target_of(device)
    target.activate(target.stage(bundle), bundle)


def seen(device: MemoryDevice) -> str:
    return look(Endpoint("127.0.0.1", device.port()), (), utc_now()).fingerprint


# --- serving ---------------------------------------------------------------------------------


def test_what_is_loaded_is_what_a_handshake_shows(device: MemoryDevice, bundles: list[CertificateBundle]) -> None:
    for bundle in bundles:
        deploy(device, bundle)
        assert seen(device) == bundle.fingerprint == device.served()


def test_an_empty_device_hangs_up(device: MemoryDevice) -> None:
    assert device.served() is None
    with pytest.raises(TargetUnreachable):
        seen(device)


def test_a_device_may_have_a_certificate_of_its_own(tmp_path: Path) -> None:
    with MemoryDevice(tmp_path / "device.json", own_certificate=True) as device:
        installed = target_of(device).inspect()
        assert installed == Installed(seen(device), {"id": DEFAULT}, device_default=True)


@pytest.mark.parametrize("how", [Reload.IGNORED, Reload.REFUSED, Reload.DIES])
def test_a_reload_goes_wrong_for_one_certificate_only(device: MemoryDevice, bundles: list[CertificateBundle], how: Reload) -> None:
    old, new = bundles
    deploy(device, old)
    device.break_reload(how, of=new.fingerprint)
    if how is Reload.REFUSED:
        with pytest.raises(TargetRefused, match="configuration test failed"):
            deploy(device, new)
    else:
        deploy(device, new)
    assert device.selected() == new.fingerprint
    assert device.served() == (None if how is Reload.DIES else old.fingerprint)
    deploy(device, old)
    assert seen(device) == old.fingerprint


def test_a_listener_comes_back_on_its_port(tmp_path: Path, bundles: list[CertificateBundle]) -> None:
    with MemoryDevice(tmp_path / "device.json") as device:
        port = device.port()
        deploy(device, bundles[0])
    with MemoryDevice(tmp_path / "device.json") as device:
        assert device.port() == port
        assert seen(device) == bundles[0].fingerprint


# --- a state that outlives processes ------------------------------------------------------------

KILLED_WHILE_ACTIVATING = """
import sys
from certpush.kit.settings import Duration
from certpush.model import CertificateBundle, Secret
from certpush.testing.memory import FaultyTarget, Kill, MemorySettings, MemoryTarget
from pathlib import Path
state, token, pem = sys.argv[1:]
inner = MemoryTarget(MemorySettings(state=state, token=Secret(token), rescue_after=Duration(seconds=60)))
target = FaultyTarget(inner, at="activate", fault=Kill(after=True))
text = Path(pem).read_bytes()
bundle = CertificateBundle.from_pem(text, text)
target.activate(target.stage(bundle), bundle)
"""


def test_a_process_killed_inside_activate_leaves_a_device_that_comes_back_by_itself(
    device: MemoryDevice, bundles: list[CertificateBundle], tmp_path: Path
) -> None:
    old, new = bundles
    deploy(device, old)
    (tmp_path / "new.pem").write_bytes(new.fullchain_pem + new.key.reveal_pem())
    arguments = [str(device.path), TOKEN, str(tmp_path / "new.pem")]
    done = subprocess.run([sys.executable, "-c", KILLED_WHILE_ACTIVATING, *arguments], check=False, timeout=30)
    assert done.returncode == -signal.SIGKILL
    assert seen(device) == new.fingerprint
    device.pass_time(MINUTE)
    assert seen(device) == old.fingerprint


def test_the_state_file_is_for_its_owner_alone(device: MemoryDevice, bundles: list[CertificateBundle]) -> None:
    deploy(device, bundles[0])
    assert stat.S_IMODE(device.path.stat().st_mode) == 0o600


def test_what_is_stored_shows_no_key(bundles: list[CertificateBundle]) -> None:
    bundle = bundles[0]
    stored = Stored(bundle.fullchain_pem.decode(), bundle.key.reveal_pem().decode(), by="certpush")
    assert "PRIVATE" not in repr(stored)


# --- the timer ------------------------------------------------------------------------------------


def test_exactly_one_of_confirm_and_rescue_wins(device: MemoryDevice, bundles: list[CertificateBundle]) -> None:
    old, new = bundles
    won = {"confirm": 0, "rescue": 0}
    for attempt in range(60):
        deploy(device, old)
        device.disarm()
        target = target_of(device, rescue_after=Duration(milliseconds=attempt % 6))
        staged = target.stage(new)
        target.activate(staged, new)
        looking = threading.Thread(target=device.served)  # a look is what makes a due timer fire
        looking.start()
        try:
            target.confirm(staged)
        except RescueFired:
            winner, stays = "rescue", old
        else:
            winner, stays = "confirm", new
        looking.join()
        device.pass_time(MINUTE)
        assert device.served() == stays.fingerprint
        won[winner] += 1
    assert won["confirm"]
    assert won["rescue"]


def test_the_timer_runs_on_real_time_too(device: MemoryDevice, bundles: list[CertificateBundle]) -> None:
    old, new = bundles
    deploy(device, old)
    target = target_of(device, rescue_after=Duration(milliseconds=50))
    target.activate(target.stage(new), new)
    until = time.monotonic() + 20
    while device.served() != old.fingerprint and time.monotonic() < until:
        time.sleep(0.01)
    assert device.served() == old.fingerprint


# --- the ways in which it says no -------------------------------------------------------------------


def test_a_wrong_token_is_a_failed_login(device: MemoryDevice) -> None:
    with pytest.raises(TargetAuthFailed):
        target_of(device, token="wrong").inspect()


def test_a_device_that_is_off_is_unreachable_and_serves_on(device: MemoryDevice, bundles: list[CertificateBundle]) -> None:
    deploy(device, bundles[0])
    device.power(on=False)
    with pytest.raises(TargetUnreachable):
        target_of(device).inspect()
    assert seen(device) == bundles[0].fingerprint
    device.power(on=True)
    assert target_of(device).inspect().fingerprint == bundles[0].fingerprint


def test_a_certificate_in_use_is_not_removed(device: MemoryDevice, bundles: list[CertificateBundle]) -> None:
    deploy(device, bundles[0])
    with pytest.raises(DeviceRefuses, match="in use"):
        device.remove(bundles[0].fingerprint)


def test_what_is_not_there_cannot_be_selected(device: MemoryDevice) -> None:
    with pytest.raises(DeviceRefuses, match="no such certificate"):
        device.select("nothing")


# --- ways back -----------------------------------------------------------------------------------------


def test_without_the_old_pair_the_way_back_is_the_devices_own_certificate(tmp_path: Path, bundles: list[CertificateBundle]) -> None:
    old, new = bundles
    device = MemoryDevice(tmp_path / "device.json", own_certificate=True, keeps_previous=False)
    deploy(device, old)
    before = target_of(device).inspect()
    deploy(device, new)
    assert target_of(device).rollback(before, None, None) == Expected.device_default()
    assert device.selected() == DEFAULT


def test_without_the_old_pair_and_without_a_certificate_of_its_own_there_is_no_way_back(
    tmp_path: Path, bundles: list[CertificateBundle]
) -> None:
    old, new = bundles
    device = MemoryDevice(tmp_path / "device.json", keeps_previous=False)
    deploy(device, old)
    before = target_of(device).inspect()
    deploy(device, new)
    with pytest.raises(NoWayBack):
        target_of(device).rollback(before, None, None)
    assert target_of(device).rollback(before, None, old) == Expected.leaf(old.fingerprint)
