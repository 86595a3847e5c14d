"""Observers of a third party hear in a process of their own, and nothing that they do there alters a run."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from certpush import Outcome
from certpush.errors import ForeignCertificate, Stranded
from certpush.model import Action, Deployment, Event, Installed, Phase, Plan, Receipt, Staged, Validity, WayBack, WayBackKind
from certpush.plugins.isolation import frames, hearsay
from certpush.plugins.isolation.frames import Malformed
from isolation.conftest import TOKEN, lay_down

pytestmark = pytest.mark.usefixtures("nothing_left")

EAR = """
import os, sys, time
from pathlib import Path
from certpush import Finding, Observer, ObserverKind, Secret, Settings, Severity, hookimpl

class Room(Settings):
    token: Secret
    file: str
    does: str = ""

class Ear(Observer):
    def __init__(self, settings, run):
        self._settings, self._run = settings, run

    def hear(self, event):
        self._do("hear")
        with Path(self._settings.file).open("a") as file:
            file.write(f"{event.phase} {event.target} {event.receipt.outcome} {event.receipt.error}\\\\n")

    def close(self):
        self._do("close")
        known = self._run.memory.read()
        self._run.memory.write({"runs": known.get("runs", 0) + 1})
        return f"run {known.get('runs', 0) + 1} of {self._run.command}"

    def test(self):
        return super().test() if self._settings.does else "said hello"

    def _do(self, verb):
        deeds = {"hang": lambda: time.sleep(600), "leave": lambda: os._exit(3), "raise": self._raise, "exit": lambda: sys.exit(4)}
        at, _, how = self._settings.does.partition(":")
        if at == verb:
            deeds[how]()

    def _raise(self):
        raise RuntimeError(self._settings.token.reveal())

def preflight(settings):
    return (Finding(Severity.OK, "ear", "it hears"),)

@hookimpl
def certpush_observer():
    return ObserverKind("ear", "an ear", Room, Ear, preflight=preflight, writes=lambda settings: (settings.file,))
""".replace("\\\\n", "\\n")


@pytest.fixture
def heard(yard, site: Path) -> Path:
    """What an observer writes down of the runs of a yard with one device."""
    lay_down(site, "ear-dist", {"ear": "fake_ear"}, {"fake_ear": EAR})
    yard.add("nas")
    file = yard.folder / "heard"
    yard.tables["observer"] = {"chat": {"kind": "ear", "token": f"file:{yard.folder}/token", "file": str(file), "deadline": "20s"}}
    return file


def test_it_hears_a_run_and_remembers(yard, heard, site, caplog):
    caplog.set_level("INFO")
    assert yard.deploy()["nas"].outcome is Outcome.ROTATED
    assert heard.read_text() == "ended nas rotated None\n"
    assert "observer chat: run 1 of deploy" in caplog.text
    overheard = (site / "heard").read_text().splitlines()
    assert overheard[-1] == "ended nas"
    assert {"stage nas", "activate nas", "done nas"} <= set(overheard), "a loaded target's plugin overhears every phase"


DEEDS = {
    "hear:raise": "observer chat failed on ended of nas: the plugin for ear (ear-dist 4.2) raised RuntimeError (fake_ear, line ",
    "hear:hang": "observer chat failed on ended of nas: the plugin for ear (ear-dist 4.2) hung: no answer within",
    "hear:leave": "observer chat failed on ended of nas: the plugin for ear (ear-dist 4.2) ended itself with exit status 3",
    "close:exit": "observer chat failed at the end of the run: the plugin for ear (ear-dist 4.2) raised SystemExit",
}


@pytest.mark.parametrize("deed", DEEDS)
def test_whatever_it_does_is_told_by_name_and_alters_nothing(request, yard, heard, caplog, deed):
    if "hung" in DEEDS[deed]:
        request.getfixturevalue("soon")
    yard.tables["observer"]["chat"]["does"] = deed
    assert yard.deploy()["nas"].outcome is Outcome.ROTATED
    assert DEEDS[deed] in caplog.text
    assert TOKEN not in caplog.text


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
WAY_BACK = WayBack(WayBackKind.EXACT, "the old pair")
BEFORE = Installed("ab" * 32, {"serial": 2**150, "ids": [1, {"a": None}]})
DEPLOYMENT = Deployment(
    "1", "nas", "nas", BEFORE, "cd" * 32, Phase.STAGED, WAY_BACK, {"nas.lan:443": "ab" * 32}, Staged({"id": "x"}), NOON, why="due"
)


def test_what_is_heard_arrives_whole():
    plan = Plan(Action.PUSH, "due", ("one",), WAY_BACK, refusal=ForeignCertificate)
    error = Stranded("lost", deployment=DEPLOYMENT, cause=ValueError("key"), rollback_error=ValueError("key"), hint="look")
    receipt = Receipt("nas", Outcome.STRANDED, plan, was="ab" * 32, error=error, due=NOON)
    event = Event("ended", "nas", NOON, "text", DEPLOYMENT, receipt, Validity(NOON, NOON + timedelta(days=1), NOON, None))
    crossed = hearsay.event_in(frames._read(frames._packed(hearsay.event_out(event))[4:]))
    assert crossed.deployment == DEPLOYMENT
    assert (crossed.validity, crossed.at, crossed.message) == (event.validity, NOON, "text")
    assert crossed.receipt is not None
    assert (crossed.receipt.outcome, crossed.receipt.was, crossed.receipt.due) == (Outcome.STRANDED, "ab" * 32, NOON)
    assert isinstance(crossed.receipt.error, Stranded)
    assert (crossed.receipt.error.message, crossed.receipt.error.hint) == ("lost", "look")
    assert hearsay.event_in(hearsay.event_out(Event("plan", "nas", NOON))) == Event("plan", "nas", NOON)


@pytest.mark.parametrize("text", [b"[]", b"{", b"NaN", b"[" * 100_000, b"\xff", b'{"a": Infinity}'])
def test_what_is_no_message_is_refused(text):
    with pytest.raises(Malformed):
        frames._read(text)
