"""The year of tests/year in seconds, on a real step-ca and a real TLS server: certificates of 45 seconds, and a CA that is away for a while."""

from __future__ import annotations

import time
from datetime import UTC, datetime

import pytest

from certpush import Fleet, Outcome
from certpush.kit.tls import look
from certpush.model import Endpoint, read_certificates
from certpush.state.roots import LearnedRoots
from certpush.stepca.learning import ASKED_EVERY
from certpush.testing.authority.pki import Pki
from certpush.testing.device import TOKEN, MemoryDevice
from certpush.testing.memory import memory_kind

LIFE, AWAY, END = 45, (4.0, 14.0), 22.0


@pytest.mark.live
@pytest.mark.timeout(120)
def test_seconds_long_certificates_outlive_an_absence_of_the_ca(tmp_path, start_real_ca, monkeypatch):
    ca = start_real_ca(claims={"minTLSCertDuration": "5s"})
    monkeypatch.setattr("certpush.plugins.PluginLoader.load_kind", lambda _loader, _name: memory_kind())
    device, roots, outcomes, seen = MemoryDevice(tmp_path / "device.json", own_certificate=True), read_certificates(ca.root_pem), [], set()
    with device:
        tables = {
            "ca": {"url": ca.url, "fingerprint": ca.fingerprint, "provisioner": ca.provisioner, "password": "env:PASSWORD"},
            "state": {"directory": str(tmp_path / "state")},
            "target": {
                "box": {
                    "kind": "memory",
                    "names": ["127.0.0.1"],
                    "lifetime": f"{LIFE}s",
                    "endpoints": [f"127.0.0.1:{device.port()}"],
                    "state": str(device.path),
                    "token": "env:TOKEN",
                }
            },
        }
        begun = time.monotonic()
        while (passed := time.monotonic() - begun) < END:
            if ca.running is (AWAY[0] < passed < AWAY[1]):
                ca.stop() if ca.running else ca.start()
            with Fleet.from_tables(tables, environ={"HOME": "/nonexistent", "TOKEN": TOKEN, "PASSWORD": ca.password}) as fleet:
                outcomes += [one.outcome for one in fleet.renew()]
            served = look(Endpoint("127.0.0.1", device.port()), roots, datetime.now(UTC))
            assert served.chain_ok, served.problem
            seen.add(served.fingerprint)
            time.sleep(0.7)
        with Fleet.from_tables(tables, environ={"HOME": "/nonexistent"}) as fleet:
            history = fleet.history()
    rotated = outcomes.count(Outcome.ROTATED)
    assert rotated >= 2
    assert Outcome.FAILED in outcomes, "the CA was not missed"
    assert Outcome.FAILED not in outcomes[-2:]
    assert {one.wanted for one in history} == seen
    assert len(history) == rotated


@pytest.mark.live
def test_a_root_that_a_real_ca_announces_is_heard_of_though_nothing_is_due(tmp_path, start_real_ca):
    ca, new = start_real_ca(), Pki.make("New").root
    known = LearnedRoots(tmp_path / "state" / "roots", "default")
    (tmp_path / "site").mkdir()
    files = {"fullchain": f"{tmp_path}/site/full.pem", "key_file": f"{tmp_path}/site/key.pem", "verify": "files"}
    tables = {
        "ca": {"url": ca.url, "fingerprint": ca.fingerprint, "provisioner": ca.provisioner, "password": "env:PASSWORD"},
        "state": {"directory": str(tmp_path / "state")},
        "target": {"box": {"kind": "file", "names": ["a.lan"], **files}},
    }

    def renew() -> Outcome:
        with Fleet.from_tables(tables, environ={"HOME": "/nonexistent", "PASSWORD": ca.password}) as fleet:
            (receipt,) = fleet.renew()
        return receipt.outcome

    assert renew() is Outcome.ROTATED
    ca.announce(new)
    assert renew() is Outcome.UNCHANGED
    assert known.recall() == (ca.pki.root,)
    known.note_asked(datetime.now(UTC) - ASKED_EVERY)  # a day later
    assert renew() is Outcome.UNCHANGED
    assert set(known.recall()) == {ca.pki.root, new}
