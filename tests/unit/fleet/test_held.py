"""What a fleet holds: opened when it is needed, kept, and given back."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from certpush.config import Configuration, from_tables
from certpush.errors import ConfigError, PluginNotFound, StateError
from certpush.fleet.held import Held
from certpush.kit.tls import utc_now
from unit.fleet.conftest import Time

CA = {"url": "https://ca.lan", "fingerprint": "ab" * 32}


def configured(directory: Path, **tables: object) -> Configuration:
    return from_tables({"ca": CA, "state": {"directory": str(directory)}, **tables}, {"HOME": "/nonexistent"})


@pytest.fixture
def hold(tmp_path: Path):
    """Hold the parts of a configuration; all are closed at the end."""
    held: list[Held] = []

    def make(**tables: object) -> Held:
        held.append(Held(configured(tmp_path / "state", **tables), environ={"HOME": str(tmp_path)}, observe=lambda _: None, clock=utc_now))
        return held[-1]

    yield make
    for one in held:
        one.close()


def test_who_only_looks_makes_nothing(hold, tmp_path):
    opener = hold().looking()
    assert opener.journal.history() == ()
    assert opener.escrow.current("wiki") is None
    assert not (tmp_path / "state").exists()


def test_who_changes_makes_the_state_for_nobody_else_to_read(hold, tmp_path):
    held = hold()
    first = held.changing()
    assert held.changing() is first
    assert (tmp_path / "state").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / "state" / "journal.sqlite3").is_file()


def test_where_there_is_a_memory_looking_sees_it(hold):
    held = hold()
    held.changing().journal.pin("wiki", "host_key", "x", utc_now())
    assert held.looking() is held.changing()
    assert hold().looking().journal.pins("wiki") == {"host_key": "x"}


def test_a_memory_that_may_not_even_be_looked_for_is_somebody_elses(hold, tmp_path, monkeypatch):
    def exists(self: Path) -> bool:
        raise PermissionError(13, "Permission denied", str(self))

    monkeypatch.setattr(Path, "exists", exists)
    with pytest.raises(StateError, match="Permission denied"):
        hold().looking()


def test_forgetful_is_without_memory_though_there_is_one(hold):
    held = hold()
    held.changing().journal.pin("wiki", "host_key", "x", utc_now())
    assert held.forgetful().journal.pins("wiki") == {}


def test_one_ca_is_meant_whatever_its_name(hold):
    assert hold(ca={"home": CA}).issuer().address.host == "ca.lan"


def test_of_several_cas_the_default_or_the_one_that_is_named(hold):
    held = hold(ca={"default": CA, "work": {**CA, "url": "https://work.lan"}})
    assert held.issuer().address.host == "ca.lan"
    assert held.issuer("work").address.host == "work.lan"
    assert held.issuer("work") is held.issuer("work")


def test_a_ca_that_is_not_there_is_refused_with_the_nearest(hold):
    held = hold(ca={"home": CA, "work": CA})
    for name in (None, "hom"):
        with pytest.raises(ConfigError, match="there is no CA"):
            held.issuer(name)


def test_many_threads_get_one_issuer(hold):
    held, got = hold(), []
    threads = [threading.Thread(target=lambda: got.append(held.issuer())) for _ in range(8)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert len(got) == 8
    assert len(set(map(id, got))) == 1


def test_plugins_are_loaded_by_one_loader(hold):
    held = hold()
    assert held.plugins() is held.plugins()
    assert held.looking().load_kind("file").name == "file"


def test_an_observer_that_cannot_be_loaded_is_told_before_anything_is_begun(hold, tmp_path):
    held = hold(observer={"chat": {"kind": "nobody-offers-this"}})
    with pytest.raises(PluginNotFound):
        held.run("deploy")
    assert not (tmp_path / "state").exists()
    assert held.looking().journal.history() == (), "who only looks is not observed"


def test_a_wrong_key_of_an_observer_is_told_before_anything_is_begun(hold, tmp_path):
    held = hold(observer={"page": {"kind": "metrics", "fil": "/x.prom"}})
    with pytest.raises(ConfigError, match=r"observer\.page\.fil: unknown key") as refused:
        held.run("deploy")
    assert "'file'" in refused.value.hint
    assert not (tmp_path / "state").exists()


def test_one_that_is_not_enabled_is_not_even_loaded(hold):
    held = hold(observer={"chat": {"kind": "nobody-offers-this", "enabled": False}})
    with held.run("deploy") as run:
        assert run.opener.journal.history() == ()


def test_each_ca_has_a_pace_of_its_own(hold):
    held, time = hold(fleet={"ca_rate": 2.0}), Time()
    held.slots._sleep = time.pause
    go_on = threading.Event()
    opener = held.looking()
    opener.turn("home", go_on)
    opener.turn("work", go_on)
    assert time.waits == []
    opener.turn("home", go_on)
    assert time.waits
    assert all(0 < one <= 0.5 for one in time.waits[:1])


def test_closing_twice_is_harmless(hold):
    held = hold()
    held.changing()
    held.issuer()
    held.close()
    held.close()


def test_what_was_closed_is_opened_no_more(hold):
    held = hold()
    held.close()
    for one in (held.looking, held.changing):
        with pytest.raises(StateError, match="closed already"):
            one()
