"""The plugin's side of the border, where a test can look at it: served in a thread of this process."""

from __future__ import annotations

import itertools
import logging
import socket
import sys
import threading
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from certpush import Event, Secret
from certpush.errors import ObserverFailed, TargetBug
from certpush.plugins import PluginLoader
from certpush.plugins.isolation import frames
from certpush.plugins.isolation.serving import Server
from certpush.testing.authority import Authority
from isolation import test_verbs as verbs
from isolation.conftest import TOKEN, lay_down
from isolation.test_observers import EAR
from plugins.runs import Scheduler, receipt


class Here:
    """Stands for a process."""

    def __init__(self, heard) -> None:
        self.heard = heard
        self.alive = True
        self._ids = itertools.count()
        self._channel, theirs = socket.socketpair()
        self._thread = threading.Thread(target=self._serve, args=(theirs,), daemon=True)
        self._thread.start()

    def _serve(self, theirs: socket.socket) -> None:
        with theirs:
            Server(theirs).run()

    def ask(self, lane, message, within):
        number = next(self._ids)
        frames.send(self._channel, {**message, "id": number, "lane": lane})
        while (answer := frames.receive(self._channel)) is not None and "id" not in answer:
            assert self.heard.record(answer["log"]) == ""
        assert answer is not None
        assert answer["id"] == number
        return answer

    def end(self, why, lane=None):
        self.alive = False
        self._channel.close()
        self._thread.join(5)


@pytest.fixture(autouse=True)
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No process is started; modules and loggers are as before afterwards."""
    monkeypatch.setattr("certpush.plugins.isolation.plugin.Process", Here)
    root, modules = logging.getLogger(), set(sys.modules)
    handlers, level = root.handlers[:], root.level
    yield
    root.handlers[:] = handlers
    root.setLevel(level)
    for one in set(sys.modules) - modules:
        if one.startswith("fake_"):
            del sys.modules[one]


bundle = pytest.fixture(lambda: Authority("Nas").issue("nas.lan"))
test_a_whole_rotation_and_back = verbs.test_a_whole_rotation_and_back
test_what_belongs_to_a_kind_is_asked_there_too = verbs.test_what_belongs_to_a_kind_is_asked_there_too
test_errors_of_the_contract_stay_what_they_are = verbs.test_errors_of_the_contract_stay_what_they_are
test_what_a_person_is_shown_moves_no_cursor = verbs.test_what_a_person_is_shown_moves_no_cursor


@pytest.mark.parametrize("odd", verbs.ODD)
def test_an_answer_that_is_none_is_said_to_be(opened, odd):
    with pytest.raises(TargetBug, match="answered inspect with something that is no answer"):
        opened(f"inspect:{odd}").inspect()


def test_one_that_opens_something_else_is_said_to(kind, device):
    target = kind.open(kind.settings(state=str(device.path), token=Secret(TOKEN), does="endpoints:exit"))
    with pytest.raises(TargetBug, match="raised SystemExit"):
        target.endpoints()


def test_an_observer_hears(site, tmp_path):
    lay_down(site, "ear-dist", {"ear": "fake_ear"}, {"fake_ear": EAR})
    with PluginLoader() as loader:
        kind = loader.load_observer("ear")
        settings = kind.settings(token=Secret(TOKEN), file=str(tmp_path / "heard"))
        ear = Scheduler(kind, settings, tmp_path)
        assert ear.run(receipt("wiki")) == "run 1 of renew"
        assert (tmp_path / "heard").read_text() == "ended wiki rotated None\n"
        assert ear.open("test").test() == "said hello"
        assert [one.message for one in kind.preflight(settings)] == ["it hears"]
        assert kind.writes(settings) == (str(tmp_path / "heard"),)
        ear.settings = kind.settings(token=Secret(TOKEN), file="x", does="hear:raise")
        with pytest.raises(ObserverFailed, match=r"raised RuntimeError \(fake_ear, line "):
            ear.run(receipt("wiki"))
        with pytest.raises(NotImplementedError):
            ear.open("test").test()


def test_a_loaded_target_s_plugin_overhears(acme, site):
    with PluginLoader() as loader:
        loader.load_kind("acme")
        ((name, hear),) = loader.listeners()
        hear(Event("plan", "nas", datetime(2026, 1, 1, tzinfo=UTC)))
    assert name == "acme"
    assert (site / "heard").read_text() == "plan nas\n"
