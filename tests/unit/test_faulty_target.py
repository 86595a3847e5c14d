from __future__ import annotations

import inspect
import threading
from pathlib import Path

import pytest

from certpush.model import CertificateBundle, CertificateRequest, Expected, Installed, Secret, Staged, parse_name
from certpush.target import Target
from certpush.testing.authority import Authority
from certpush.testing.device import TOKEN
from certpush.testing.faulty import Fault, Verb
from certpush.testing.memory import Exit, FaultyTarget, Hang, Lie, MemoryDevice, MemorySettings, MemoryTarget, Raise

REQUEST = CertificateRequest((parse_name("127.0.0.1"),))


@pytest.fixture
def device(tmp_path: Path) -> MemoryDevice:
    return MemoryDevice(tmp_path / "device.json")


@pytest.fixture
def bundle() -> CertificateBundle:
    return Authority().issue(*REQUEST.names)


def faulty(device: MemoryDevice, at: Verb, fault: Fault, times: int | None = None) -> FaultyTarget:
    inner = MemoryTarget(MemorySettings(state=str(device.path), token=Secret(TOKEN)))
    return FaultyTarget(inner, at=at, fault=fault, times=times)


def test_it_has_every_verb_of_a_target() -> None:
    verbs = {name for name, _ in inspect.getmembers(Target, inspect.isfunction) if not name.startswith("_")}
    own = {name for name in vars(FaultyTarget) if not name.startswith("_")}
    assert own == verbs
    assert set(Verb.__args__) == verbs


def test_a_lie_claims_success_and_does_nothing(device: MemoryDevice, bundle: CertificateBundle) -> None:
    before = device.snapshot()
    assert faulty(device, "inspect", Lie()).inspect() == Installed("00" * 32)
    assert faulty(device, "preflight", Lie()).preflight(REQUEST) == ()
    assert faulty(device, "changes", Lie()).changes(REQUEST) == ()
    assert faulty(device, "csr", Lie()).csr(REQUEST) == b""
    staged = faulty(device, "stage", Lie()).stage(bundle)
    assert staged == Staged({"id": bundle.fingerprint})
    faulty(device, "activate", Lie()).activate(staged, bundle)
    faulty(device, "confirm", Lie()).confirm(staged)
    assert faulty(device, "rollback", Lie()).rollback(Installed("11" * 32), staged, None) == Expected.leaf("11" * 32)
    assert faulty(device, "endpoints", Lie()).endpoints() == ()
    faulty(device, "tidy", Lie()).tidy(())
    faulty(device, "close", Lie()).close()
    assert device.snapshot() == before


def test_other_verbs_do_their_work_and_all_calls_are_noted(device: MemoryDevice, bundle: CertificateBundle) -> None:
    target = faulty(device, "confirm", Lie())
    target.activate(target.stage(bundle), bundle)
    assert device.served() == bundle.fingerprint
    assert target.calls == ["stage", "activate"]


@pytest.mark.parametrize("after", [False, True])
def test_it_raises_before_or_after_the_work(device: MemoryDevice, bundle: CertificateBundle, after: bool) -> None:
    with pytest.raises(ConnectionResetError):
        faulty(device, "stage", Raise(ConnectionResetError(), after=after)).stage(bundle)
    assert (bundle.fingerprint in device.certificates()) is after


@pytest.mark.parametrize("after", [False, True])
def test_it_exits_before_or_after_the_work(device: MemoryDevice, bundle: CertificateBundle, after: bool) -> None:
    with pytest.raises(SystemExit):
        faulty(device, "stage", Exit(3, after=after)).stage(bundle)
    assert (bundle.fingerprint in device.certificates()) is after


@pytest.mark.parametrize("after", [False, True])
def test_a_hang_does_its_work_all_the_same(device: MemoryDevice, bundle: CertificateBundle, after: bool) -> None:
    fault = Hang(20, after=after)
    hanging = threading.Thread(target=faulty(device, "stage", fault).stage, args=(bundle,))
    hanging.start()
    hanging.join(0.1)
    assert hanging.is_alive()
    assert (bundle.fingerprint in device.certificates()) is after
    fault.over.set()
    hanging.join(5)
    assert bundle.fingerprint in device.certificates()


def test_a_fault_may_pass_after_some_times(device: MemoryDevice) -> None:
    target = faulty(device, "inspect", Raise(ConnectionResetError()), times=2)
    for _ in range(2):
        with pytest.raises(ConnectionResetError):
            target.inspect()
    assert target.inspect() == Installed(None, {"id": None})
