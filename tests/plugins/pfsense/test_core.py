"""A box as the core rotates it: from the first plan to the receipt, a failure that goes back, and a run that dies."""

from __future__ import annotations

import os
import signal
import time
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from certpush import Fleet, Outcome
from certpush.model import Action, Phase
from certpush.plugins import PluginLoader
from certpush.testing.lab.process import wait_until
from certpush_pfsense.gui import Gui
from plugins.pfsense.conftest import leftovers

pytestmark = [pytest.mark.live("sshd", "nginx", "php"), pytest.mark.timeout(180)]


@pytest.fixture
def tables(box, tmp_path: Path, embedded_ca, monkeypatch) -> dict[str, Any]:
    """What a user would write in certpush.toml; the settle time is shortened, nothing else."""
    real = PluginLoader.load_kind
    monkeypatch.setattr(
        PluginLoader,
        "load_kind",
        lambda self, name: replace(real(self, name), settle=timedelta(seconds=0.2), deadline=timedelta(seconds=15)),
    )
    for name, text in (("password", embedded_ca.password), ("key", box.client_key_path.read_text())):
        with os.fdopen(os.open(tmp_path / name, os.O_WRONLY | os.O_CREAT, 0o600), "w") as file:
            file.write(text)
    ca = {"url": embedded_ca.url, "fingerprint": embedded_ca.fingerprint, "provisioner": embedded_ca.provisioner}
    firewall = {
        "kind": "pfsense",
        "names": ["127.0.0.1", "fw.example"],
        "host": box.host,
        "port": box.port,
        "user": box.user,
        "identity": f"file:{tmp_path}/key",
        "host_key": box.host_key_fingerprint,
        "rescue_after": "60s",
    }
    return {
        "ca": {**ca, "password": f"file:{tmp_path}/password"},
        "state": {"directory": str(tmp_path / "state")},
        "target": {"firewall": firewall},
    }


def deploy(tables: dict[str, Any], **wishes: Any):
    with Fleet.from_tables(tables) as fleet:
        (receipt,) = fleet.deploy(["firewall"], **wishes)
        return receipt


def test_from_the_first_plan_to_an_empty_one(box, tables):
    with Fleet.from_tables(tables) as fleet:
        (planned,) = fleet.plan()
    assert planned.plan.way_back.kind.value == "exact"
    assert planned.plan.changes[0].startswith("+1 <cert>, system/webgui/ssl-certref")
    receipt = deploy(tables)
    assert receipt.outcome is Outcome.ROTATED, receipt.error
    assert receipt.seen
    assert box.served() == receipt.now
    assert deploy(tables).plan.action is Action.NOTHING
    again = deploy(tables, force=True)
    assert again.outcome is Outcome.ROTATED, again.error
    with Fleet.from_tables(tables) as fleet:
        (back,) = [fleet.rollback("firewall")]
    assert box.served() == receipt.now, back
    assert leftovers(box) == []


def test_a_gui_that_does_not_come_back_ends_with_the_old_certificate(box, tables):
    old = box.served()
    box.faults.gui_accepts_only = box.config().certref
    receipt = deploy({**tables, "target": {"firewall": {**tables["target"]["firewall"], "rescue_after": "12s"}}})
    assert receipt.outcome is Outcome.ROLLED_BACK, receipt
    assert "did not come back" in str(receipt.error)
    assert box.served() == old
    assert leftovers(box) == []


def test_a_run_that_dies_after_the_switch_is_settled_by_the_next_one(box, tables, monkeypatch):
    old = box.served()
    tables["target"]["firewall"]["rescue_after"] = "10s"
    child = os.fork()
    if child == 0:
        try:
            monkeypatch.setattr(Gui, "bring", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
            deploy(tables)
        finally:
            os._exit(1)
    assert os.WTERMSIG(os.waitpid(child, 0)[1]) == signal.SIGKILL
    assert box.config().certref != box.initial.refids.get("webgui", "")
    box.pass_time(timedelta(seconds=10))
    wait_until(lambda: box.served() == old and leftovers(box) == [], "the box goes back by itself", 60)
    tables["target"]["firewall"]["rescue_after"] = "60s"
    receipt = deploy(tables)
    assert receipt.outcome is Outcome.ROTATED, receipt.error
    assert box.served() == receipt.now
    with Fleet.from_tables(tables) as fleet:
        phases = [one.phase for one in fleet.history("firewall")]
    assert sorted(phases) == sorted([Phase.ROLLED_BACK, Phase.CONFIRMED])
    assert sum(one.descr.startswith("certpush ") for one in box.config().certs.values()) == 1
    assert leftovers(box) == []


def test_a_run_that_dies_is_taken_over_while_the_box_waits(box, tables, monkeypatch):
    child = os.fork()
    if child == 0:
        try:
            monkeypatch.setattr(Gui, "bring", lambda *_: os.kill(os.getpid(), signal.SIGKILL))
            deploy(tables)
        finally:
            os._exit(1)
    os.waitpid(child, 0)
    began = time.monotonic()
    receipt = deploy(tables)
    assert receipt.outcome in (Outcome.ROTATED, Outcome.UNCHANGED), receipt.error
    assert time.monotonic() - began < 50, "it need not wait for the rescue"
    wait_until(lambda: leftovers(box) == [], "the timer's end")
    assert box.config().certs[box.config().certref].sha256 == box.served()
    assert box.config().certs[box.config().certref].descr.startswith("certpush ")


def test_somebody_elses_certificate_wants_a_word_first(box, tables, mint):
    from certpush_pfsense.config_xml.entries import encoded

    theirs = mint()
    crt, prv = encoded(theirs.leaf_pem), encoded(theirs.key.reveal_pem())
    box.as_administrator(
        f'$config["cert"][] = ["refid" => "64b00000000ab", "descr" => "theirs", "crt" => "{crt}", "prv" => "{prv}"];'
        '$config["system"]["webgui"]["ssl-certref"] = "64b00000000ab";'
    )
    box.restart_gui()
    assert deploy(tables).outcome is Outcome.REFUSED
    adopted = deploy(tables, adopt=True)
    assert adopted.outcome is Outcome.ROTATED, adopted.error
    assert "64b00000000ab" in box.config().certs
