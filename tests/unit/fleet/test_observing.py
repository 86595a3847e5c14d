"""A whole run as its observers hear it: from the fleet's door, with a plugin that counts as certpush's own."""

from __future__ import annotations

import importlib
import pickle
import sqlite3
import sys
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from textwrap import dedent

import pytest

from certpush import Fleet, Outcome
from certpush.errors import ConfigError, JournalUnreadable, ObserverFailed
from certpush.fleet.validity import validity_of
from certpush.model import Action, Endpoint, Plan, Receipt, Served
from certpush.testing.leaks import find_leak
from unit.fleet.conftest import spec

EAR = """
from certpush import Observer, ObserverKind, Secret, Settings, hookimpl

class Room(Settings):
    token: Secret
    does: str = ""

class Ear(Observer):
    heard, runs = [], []

    def __init__(self, settings, run):
        settings.token.reveal()
        self._does = settings.does
        self.runs.append(run)

    def hear(self, event):
        self.heard.append(event)
        if self._does == "raise":
            raise RuntimeError("canary-token")

    def close(self):
        if self._does == "hang":
            import time
            time.sleep(30)
        self.runs.append("closed")
        return ""

    def test(self):
        if self._does == "raise":
            raise RuntimeError("canary-token")
        return super().test() if self._does else "said hello"

@hookimpl
def certpush_observer():
    return ObserverKind("ear", "an ear", Room, Ear)

@hookimpl
def certpush_observe(event):
    Ear.heard.append(event.phase)
"""


@pytest.fixture
def ear(tmp_path, monkeypatch):
    """The installed observer's class."""
    site = tmp_path / "site"
    (site / "certpush-1.0.dist-info").mkdir(parents=True)
    (site / "certpush-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: certpush\nVersion: 1.0\n"
    )  # else it is heard in a process of its own
    (site / "certpush-1.0.dist-info" / "entry_points.txt").write_text("[certpush]\near = fake_ear\n")
    (site / "fake_ear.py").write_text(dedent(EAR))
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    yield lambda: sys.modules["fake_ear"].Ear
    sys.modules.pop("fake_ear", None)


def tables(tmp_path: Path, ca, *, does: str = "", reload: str = "/bin/true", **more: object) -> dict:
    for name, text in (("password", ca.password), ("token", "canary-token")):
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
    (tmp_path / "wiki").mkdir(exist_ok=True)
    target = {"kind": "file", "names": ["wiki.lan"], "verify": "files", "directory": str(tmp_path / "wiki"), "reload": [reload]}
    return {
        "ca": {"url": ca.url, "fingerprint": ca.fingerprint, "provisioner": ca.provisioner, "password": f"file:{tmp_path}/password"},
        "state": {"directory": str(tmp_path / "state")},
        "target": {"wiki": target},
        "observer": {"chat": {"kind": "ear", "token": f"file:{tmp_path}/token", "does": does, "deadline": "1s", **more}},
    }


def deployed(tables: dict, **more: object) -> Receipt:
    with Fleet.from_tables(tables) as fleet:
        (receipt,) = fleet.deploy(**more)
    return receipt


def test_a_run_is_heard_to_its_end_and_never_carries_a_key(ear, tmp_path, embedded_ca):
    receipt = deployed(tables(tmp_path, embedded_ca))
    run, closed = ear().runs
    (event,) = [one for one in ear().heard if not isinstance(one, str)]
    assert (run.name, run.command, dict(run.targets), closed) == ("chat", "deploy", {"wiki": "file"}, "closed")
    assert (event.phase, event.target, event.receipt) == ("ended", "wiki", receipt)
    assert event.validity.not_after == receipt.not_after
    assert event.validity.not_before < event.validity.due_from < event.validity.danger_from < event.validity.not_after
    assert event.in_danger is False
    with Fleet.from_tables(tables(tmp_path, embedded_ca)) as fleet:
        key = fleet._held.changing().escrow.current("wiki").key
    kept = pickle.dumps(event).decode("latin-1") + repr(event)
    assert find_leak(kept, keys=[key], secrets=["canary-token", embedded_ca.password]) == ""


def test_a_plugin_that_is_loaded_may_overhear_every_phase(ear, tmp_path, embedded_ca):
    deployed(tables(tmp_path, embedded_ca))
    phases = [one for one in ear().heard if isinstance(one, str)]
    assert phases[-1] == "ended"
    assert {"inspect", "plan", "obtain", "stage", "activate", "done"} <= set(phases)


def test_going_back_is_a_run_too_and_so_is_one_that_fails(ear, tmp_path, embedded_ca):
    own = tables(tmp_path, embedded_ca)
    deployed(own)
    deployed(own, force=True)
    with Fleet.from_tables(own) as fleet:
        assert fleet.rollback("wiki").outcome is Outcome.ROLLED_BACK
        assert fleet.rollback("wiki").outcome is Outcome.REFUSED
    ends = [(one.receipt.outcome, one.receipt.failed) for one in ear().heard if not isinstance(one, str)]
    assert ends[2:] == [(Outcome.ROLLED_BACK, False), (Outcome.REFUSED, True)]
    assert [one.command for one in ear().runs[::2]] == ["deploy", "deploy", "rollback", "rollback"]


def test_of_a_damaged_journal_the_receipt_tells_and_no_observer_is_blamed(ear, tmp_path, embedded_ca, caplog):
    deployed(tables(tmp_path, embedded_ca))
    ear().heard.clear()
    connection = sqlite3.connect(tmp_path / "state" / "journal.sqlite3")
    with connection:
        connection.execute("UPDATE deployments SET phase = 'staged'")
    connection.close()
    receipt = deployed(tables(tmp_path, embedded_ca))
    assert isinstance(receipt.error, JournalUnreadable)
    (event,) = [one for one in ear().heard if not isinstance(one, str)]
    assert (event.receipt.error.message, event.validity) == (receipt.error.message, None)
    assert "an observer failed" not in caplog.text


def test_a_target_that_is_not_begun_is_told_too(ear, tmp_path, embedded_ca):
    own = tables(tmp_path, embedded_ca, reload="/bin/false")
    own["target"]["second"] = {**own["target"]["wiki"], "directory": str(tmp_path / "second")}
    own["fleet"] = {"stop_after": 1, "workers": 1, "canary": 1}
    (tmp_path / "second").mkdir()
    with Fleet.from_tables(own) as fleet:
        list(fleet.deploy())
    told = {one.target: one.receipt for one in ear().heard if not isinstance(one, str)}
    assert told["second"].skipped
    assert not told["second"].failed


@pytest.mark.parametrize("does", ["raise", "hang"])
def test_whatever_it_does_the_outcome_is_the_same(ear, tmp_path, embedded_ca, caplog, does):
    begun = datetime.now(UTC)
    assert deployed(tables(tmp_path, embedded_ca, does=does)).outcome is Outcome.ROTATED
    assert datetime.now(UTC) - begun < timedelta(seconds=10)
    assert "observer chat" in caplog.text
    assert "canary-token" not in caplog.text


def test_a_secret_that_is_not_there_keeps_no_certificate_from_being_renewed(ear, tmp_path, embedded_ca, caplog):
    own = tables(tmp_path, embedded_ca)
    (tmp_path / "token").unlink()
    assert deployed(own).outcome is Outcome.ROTATED
    assert "observer chat cannot be opened and hears nothing: observer.chat.token: the secret file" in caplog.text
    assert ear().runs == []


def test_a_program_that_looks_away_is_no_reason_not_to_be_heard(ear, tmp_path, embedded_ca):
    own = tables(tmp_path, embedded_ca)
    with Fleet.from_tables(own) as fleet:
        receipts = fleet.deploy()
        next(receipts)
        receipts.close()
    assert ear().runs[1:] == ["closed"]


def test_a_plan_and_a_look_are_no_runs(ear, tmp_path, embedded_ca):
    with Fleet.from_tables(tables(tmp_path, embedded_ca)) as fleet:
        assert len(list(fleet.plan())) == len(list(fleet.status())) == 1
    assert "fake_ear" not in sys.modules


# --- trying one -----------------------------------------------------------------------------------


def test_one_may_be_tried(ear, tmp_path, embedded_ca):
    with Fleet.from_tables(tables(tmp_path, embedded_ca)) as fleet:
        assert fleet.test_observer("chat") == "said hello"
        with pytest.raises(ConfigError, match="there is no observer 'caht'") as refused:
            fleet.test_observer("caht")
    assert "did you mean 'chat'?" in refused.value.hint
    assert [one.command for one in ear().runs] == ["test"]


def test_one_that_fails_when_it_is_tried_says_where(ear, tmp_path, embedded_ca):
    failure = pytest.raises(ObserverFailed, match=r"observer chat failed: RuntimeError at .*fake_ear")
    with Fleet.from_tables(tables(tmp_path, embedded_ca, does="raise")) as fleet, failure as failed:
        fleet.test_observer("chat")
    assert "canary-token" not in failed.value.message


def test_one_that_cannot_be_tried_says_so(ear, tmp_path, embedded_ca):
    with Fleet.from_tables(tables(tmp_path, embedded_ca, does="nothing")) as fleet, pytest.raises(ConfigError, match="cannot be tried"):
        fleet.test_observer("chat")


# --- until when -----------------------------------------------------------------------------------

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def seen(not_after: datetime, fingerprint: str = "aa" * 32) -> Served:
    return Served(Endpoint("box.lan", 443), fingerprint, not_after, chain_ok=True, not_before=NOON)


def test_of_several_that_are_served_the_one_that_ends_first_counts(bench):
    served = (seen(NOON + timedelta(hours=48)), seen(NOON + timedelta(hours=24)))
    receipt = Receipt("box", Outcome.UNCHANGED, Plan(Action.NOTHING, ""), served=served)
    life = validity_of(receipt, spec(danger_at="1/4"), bench.opener())
    assert life.not_after == NOON + timedelta(hours=24)
    assert life.danger_from == NOON + timedelta(hours=18)
    assert NOON + timedelta(hours=14) < life.due_from <= NOON + timedelta(hours=16)


def test_when_a_foreign_one_is_due_is_not_for_us_to_say(bench):
    receipt = Receipt("box", Outcome.REFUSED, Plan(Action.REFUSE, ""), served=(seen(NOON + timedelta(hours=24)),))
    assert validity_of(receipt, spec(), bench.opener()).due_from is None
    bench.journal.adopt("box", "aa" * 32, NOON)
    assert validity_of(receipt, spec(), bench.opener()).due_from is not None


def test_where_nobody_could_look_what_was_deployed_last_is_thought_to_be_there(ear, tmp_path, embedded_ca):
    own = tables(tmp_path, embedded_ca)
    receipt = deployed(own)
    with Fleet.from_tables(own) as fleet:
        opener, target = fleet._held.changing(), fleet.configuration.targets["wiki"]
        lost = replace(receipt, outcome=Outcome.FAILED, was=None, now=None, not_after=None)
        assert validity_of(lost, target, opener).not_after == receipt.not_after
        assert validity_of(replace(lost, target="wiki/unheard-of"), target, opener) is None
        fleet.rollback("wiki")
        assert validity_of(lost, target, opener) is None, "nothing was there before"
