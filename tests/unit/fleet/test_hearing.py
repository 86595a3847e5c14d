"""An observer never alters what happens: what it raises is logged by name, and one that hangs is left behind."""

from __future__ import annotations

import copy
import logging
import threading
import time
from contextlib import contextmanager, nullcontext
from datetime import UTC, datetime, timedelta

import pytest

from certpush.errors import ConfigError, LockHeld, Stranded, TargetRefused
from certpush.fleet import hearing
from certpush.fleet.hearing import Hearing, own_copy
from certpush.model import Action, Deployment, Event, Installed, Outcome, Phase, Plan, Receipt, WayBack, WayBackKind
from certpush.observer import Observer

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
FREE = nullcontext


def event(target: str = "nas", phase: str = "ended", **more: object) -> Event:
    return Event(phase, target, NOON, **more)


class Ear(Observer):
    """Does as it is told, and keeps what it hears."""

    def __init__(self, *, hear=lambda _: None, close=lambda: "all told") -> None:
        self.heard: list[Event] = []
        self._hear, self._close = hear, close

    def hear(self, event: Event) -> None:
        self.heard.append(event)
        self._hear(event)

    def close(self) -> str:
        return self._close()


def run(observer: Observer | None, *events: Event, **more) -> Hearing:
    """One run that an observer hears from its beginning to its end."""
    one = Hearing(**{"name": "chat", "open": lambda: observer, "alone": FREE, "deadline": timedelta(seconds=5), **more})
    one.start()
    for each in events:
        one.tell(each)
    one.wait(one.end())
    return one


@pytest.fixture
def logged(caplog):
    caplog.set_level(logging.DEBUG, "certpush")
    return caplog


def test_events_are_heard_in_their_order_and_what_was_done_is_told(logged):
    ear = Ear()
    run(ear, event("a"), event("b"), event("c"))
    assert [one.target for one in ear.heard] == ["a", "b", "c"]
    assert "INFO" in logged.text
    assert "observer chat: all told" in logged.text


def test_only_the_phases_that_it_wants(logged):
    ear = Ear(close=lambda: "")
    run(ear, event(phase="stage"), event(), phases=frozenset({"ended"}))
    assert [one.phase for one in ear.heard] == ["ended"]
    assert "observer chat: heard the run" in logged.text


def boom(error: BaseException):
    def raise_it(*_: object):
        raise error

    return raise_it


@pytest.mark.parametrize("error", [RuntimeError("canary-token"), SystemExit(1), KeyboardInterrupt()], ids=repr)
def test_what_it_raises_is_logged_by_its_name_without_its_text_and_the_rest_is_heard(logged, error):
    ear = Ear(hear=boom(error))
    run(ear, event("a"), event("b"), event("c"))
    assert len(ear.heard) == 3
    warnings = [one.getMessage() for one in logged.records if one.levelno == logging.WARNING]
    assert len(warnings) == 1, "a thousand times the same would hide all else"
    assert warnings[0].startswith(f"observer chat failed on ended of a: {type(error).__name__} at {__file__}:")
    assert "canary-token" not in logged.text


def test_our_own_errors_are_told_in_full(logged):
    run(Ear(close=boom(TargetRefused("the chat answered 403", hint="renew its token"))))
    assert "observer chat failed at the end of the run: the chat answered 403 (renew its token)" in logged.text


def test_one_that_cannot_be_opened_hears_nothing_and_says_why(logged):
    run(None, event(), open=boom(ConfigError("the secret file is not there")))
    assert "observer chat cannot be opened and hears nothing: the secret file is not there" in logged.text


def test_one_that_hangs_is_left_behind_after_its_deadline(logged):
    go_on, begun = threading.Event(), time.monotonic()
    run(Ear(close=lambda: str(go_on.wait(20))), event(), deadline=timedelta(seconds=0.05))
    go_on.set()
    assert time.monotonic() - begun < 15
    assert "observer chat did not come to its end within 0.05 s, and is left behind" in logged.text


def test_one_that_does_not_keep_up_costs_no_more_memory(logged, monkeypatch):
    monkeypatch.setattr(hearing, "_MOST_WAITING", 3)
    go_on = threading.Event()
    ear = Ear(hear=lambda _: go_on.wait(20))
    one = Hearing(name="chat", open=lambda: ear, alone=FREE)
    one.start()
    for number in range(100):
        one.tell(event(str(number)))
    go_on.set()
    one.wait(one.end())
    assert 3 <= len(ear.heard) <= 4
    assert logged.text.count("does not keep up") == 1


def test_where_no_thread_can_be_started_the_run_goes_on(logged, monkeypatch):
    monkeypatch.setattr(threading.Thread, "start", boom(RuntimeError("can't start new thread")))
    run(Ear(), event())
    assert "observer chat hears nothing: no thread can be started" in logged.text


def test_two_runs_never_close_it_at_the_same_moment(logged):
    @contextmanager
    def held():
        raise LockHeld("another run is working on observer+chat")
        yield

    run(Ear(close=boom(AssertionError("closed"))), alone=held)
    assert "another run is working on observer+chat" in logged.text


# --- what it gets ---------------------------------------------------------------------------------


def test_nothing_of_the_cores_is_in_its_hands():
    deployment = Deployment(
        "d1", "nas", "nas", Installed("aa" * 32, {"id": "old"}), "bb" * 32, Phase.STAGED, WayBack(WayBackKind.EXACT, "")
    )
    told = event(deployment=deployment)
    mine = own_copy(told)
    assert mine == told
    mine.deployment.before.handle.clear()
    assert deployment.before.handle == {"id": "old"}


def test_an_error_comes_without_the_frames_that_may_hold_a_key():
    key = "canary-key"  # noqa: F841 - in the frame that the traceback holds
    try:
        try:
            raise ValueError("the library's")  # noqa: TRY301 - one error has to come from another
        except ValueError as error:
            raise TargetRefused("the NAS said no", hint="ask it", target="nas", phase="stage") from error
    except TargetRefused as caught:
        cause = caught
    deployment = Deployment("d1", "nas", "nas", Installed(None), "bb" * 32, Phase.STRANDED, WayBack(WayBackKind.EXACT, ""))
    error = Stranded("STRANDED", deployment=deployment, cause=cause, rollback_error=cause, hint="look")
    receipt = Receipt("nas", Outcome.STRANDED, Plan(Action.PUSH, "x"), error=error)
    mine = own_copy(event(receipt=receipt)).receipt.error
    assert (type(mine), mine.message, mine.hint, str(mine)) == (Stranded, "STRANDED", "look", "STRANDED")
    assert (mine.cause.message, mine.cause.hint, mine.cause.target, mine.cause.phase) == ("the NAS said no", "ask it", "nas", "stage")
    for one in (mine, mine.cause, mine.rollback_error):
        assert one.__traceback__ is None
        assert one.__cause__ is None
        assert one.__context__ is None
    assert copy.deepcopy(cause).retryable is cause.retryable


def test_what_cannot_be_copied_is_not_told(logged):
    deployment = Deployment("d", "nas", "nas", Installed(None, {"id": threading.Lock()}), "b", Phase.STAGED, WayBack(WayBackKind.EXACT, ""))
    ear = Ear()
    run(ear, event(deployment=deployment), event("other"))
    assert [one.target for one in ear.heard] == ["other"]
    assert "observer chat is not told of ended of nas: TypeError" in logged.text
