"""The loop: when it looks again, what it survives, and to whom it says that it is alive."""

from __future__ import annotations

import json
import logging
from datetime import timedelta

import pytest

from certpush.cli.daemon.loop import next_look
from certpush.errors import BackingOff, ConfigError, LockHeld, StateError, TargetUnreachable
from certpush.model import Outcome
from cli.daemon.conftest import BEGIN, Bench, configuration, receipt

HOUR = timedelta(hours=1)


def test_it_looks_as_often_as_the_shortest_lifetime_asks(bench: Bench):
    loop = bench.run([receipt()], [receipt()], [receipt()])
    assert bench.fleets.began == [BEGIN, BEGIN + HOUR, BEGIN + 2 * HOUR]
    assert (loop.runs, loop.last.exit) == (3, 0)
    assert max(bench.world.waits) <= 30


def test_a_person_may_say_how_often(bench: Bench):
    bench.run([receipt()], [receipt()], at_most=timedelta(minutes=7))
    assert bench.fleets.began[1] == BEGIN + timedelta(minutes=7)


def test_it_wakes_when_something_is_due(bench: Bench):
    soon = BEGIN + timedelta(minutes=20)
    bench.run([receipt(due=BEGIN + 9 * HOUR), receipt(due=soon)], [receipt()])
    assert bench.fleets.began[1] == soon


def test_it_wakes_when_what_failed_may_be_tried_again(bench: Bench):
    bench.fleets.waits_of = {"nas": BEGIN + timedelta(minutes=5), "gone": BEGIN + timedelta(minutes=2)}
    bench.run([receipt(), receipt(Outcome.FAILED, target="nas", error=TargetUnreachable("no answer"))], [receipt()])
    assert bench.fleets.began[1] == BEGIN + timedelta(minutes=5)


@pytest.mark.parametrize(("minutes", "expected"), [(-90, 60), (0, 60), (0.5, 1), (20, 20), (90, 60)])
def test_what_is_due_and_fails_is_not_tried_again_at_once(minutes, expected):
    assert next_look(BEGIN, HOUR, [BEGIN + timedelta(minutes=minutes)]) == BEGIN + timedelta(minutes=expected)
    assert next_look(BEGIN, timedelta(seconds=5), []) == BEGIN + timedelta(seconds=5)


def test_a_clock_that_is_set_forward_or_a_machine_that_slept_wakes_it(bench: Bench):
    def a_night() -> None:
        bench.world.wall += timedelta(hours=9)

    bench.world.moments = {3: a_night}
    bench.run([receipt()], [receipt()])
    assert bench.world.waits == [30.0] * 3


def test_a_clock_that_is_set_back_a_year_does_not_let_it_sleep_for_a_year(bench: Bench):
    def a_year() -> None:
        bench.world.wall -= timedelta(days=365)

    bench.world.moments = {3: a_year}
    bench.run([receipt()], [receipt()])
    assert sum(bench.world.waits) == pytest.approx(3600)


def test_a_run_that_fails_as_a_whole_is_told_and_followed_by_the_next(bench: Bench, caplog):
    full = StateError("the disk is full", hint="make room")
    loop = bench.run(full, ZeroDivisionError("with a secret in it"), [receipt()])
    assert loop.runs == 3
    assert tuple(record.getMessage() for record in caplog.records if record.levelno == logging.WARNING) == (
        "run failed: the disk is full; make room",
        "run failed: certpush itself failed: ZeroDivisionError",
    )


def test_observers_are_told_of_a_run_that_failed_as_a_whole_and_of_its_end(bench: Bench):
    held = LockHeld("another run puts another state in the place of this one")
    bench.run(StateError("the disk is full"), held, ZeroDivisionError(), [receipt()])
    assert bench.lost.told == [("the disk is full", []), ("certpush itself failed: ZeroDivisionError", []), ("over", ["wiki"])]


def test_one_line_for_each_change_and_each_failure_and_none_for_what_rests(bench: Bench, caplog):
    caplog.set_level(logging.INFO, "certpush.daemon")
    bench.run(
        [
            receipt(Outcome.ROTATED, target="wiki", was="ab" * 32, now="cd" * 32, not_after=BEGIN + timedelta(days=1)),
            receipt(Outcome.FAILED, target="nas", error=TargetUnreachable("no answer", hint="switch it on")),
            receipt(Outcome.FAILED, target="mail", error=LockHeld("another run is working on mail")),
            receipt(Outcome.FAILED, target="dns", error=BackingOff("dns: it failed once")),
            receipt(target="web"),
        ]
    )
    lines = [(record.levelname, record.getMessage()) for record in caplog.records]
    assert lines == [
        ("INFO", "wiki: rotated: was abababababab, is cdcdcdcdcdcd, for 24h (not due)"),
        ("WARNING", "nas: failed: no answer; switch it on"),
        ("INFO", "mail: failed: another run is working on mail"),
        ("WARNING", "run ended with 1: 5 targets, 1 rotated, 3 failed (nas, mail, dns)"),
        ("INFO", "stopped, after 1 run"),
    ]


def test_that_another_run_is_at_work_is_no_trouble(bench: Bench, caplog):
    loop = bench.run([receipt(Outcome.FAILED, error=LockHeld("another run is working on wiki"))])
    assert (loop.last.exit, [one for one in caplog.records if one.levelno > logging.INFO]) == (6, [])


# --- reload -----------------------------------------------------------------------------------


def test_a_new_configuration_is_taken_and_used_at_once(bench: Bench):
    def hang_up() -> None:
        bench.world.reload = True

    bench.world.moments, bench.loads = {2: hang_up}, [configuration("395d", "nas")]
    bench.run([receipt()], [receipt()])
    assert [list(one.targets) for one in bench.fleets.seen] == [["wiki"], ["nas"]]
    assert bench.fleets.began[1] == BEGIN + timedelta(minutes=1)
    heard = bench.told
    assert heard.index("READY=1") < heard.index("RELOADING=1") < len(heard) - 1 - heard[::-1].index("READY=1")
    assert any(line.startswith("MONOTONIC_USEC=") for line in heard)


def test_a_broken_one_is_told_and_the_old_one_stays(bench: Bench, caplog):
    def hang_up() -> None:
        bench.world.reload = True

    bench.world.moments = {1: hang_up, 2: hang_up}
    bench.loads = [ConfigError("target.wiki.nmaes: unknown key", hint="did you mean 'names'?"), configuration()]
    bench.run([receipt()], [receipt()], [receipt()])
    assert [list(one.targets) for one in bench.fleets.seen] == [["wiki"]] * 3
    (record,) = [one for one in caplog.records if one.levelno == logging.ERROR]
    assert record.getMessage() == (
        "the new configuration is not taken, the old one stays: target.wiki.nmaes: unknown key; did you mean 'names'?"
    )


# --- signs of life ----------------------------------------------------------------------------


def test_systemd_hears_that_it_is_ready_alive_and_stopping(bench: Bench):
    bench.run([receipt()], [receipt()])
    heard = bench.told
    assert (heard[0], heard[-2]) == ("READY=1", "STOPPING=1")
    assert heard.count("WATCHDOG=1") >= 120  # an hour in steps of 30 s
    assert "STATUS=run ended with 0: 1 target, 0 rotated, 0 failed; next look 2026-11-27T07:00:00Z" in heard


def test_the_watchdog_is_fed_in_time_and_by_what_goes_on_alone(bench: Bench):
    bench.run([receipt(), receipt()], [], watchdog=timedelta(seconds=30))
    assert max(bench.world.waits) <= 10
    heard = bench.told
    working = heard[heard.index("STATUS=looking at what is served") + 1 : heard.index("WATCHDOG_USEC=30000000")]
    assert heard.index("WATCHDOG_USEC=600000000") < heard.index("STATUS=looking at what is served")
    assert working == ["WATCHDOG=1"] * 4  # an event and a receipt, twice: nothing else says that a run is alive


def test_the_health_file_says_what_was_what_is_and_until_when_to_believe_it(bench: Bench):
    seen = []

    def look() -> None:
        seen.append(json.loads(bench.health_path.read_bytes()))

    bench.world.moments = {1: look}
    bench.run([receipt(Outcome.ROTATED), receipt(Outcome.FAILED, target="nas", error=TargetUnreachable("no answer"))], [receipt()])
    assert seen[0] | {"pid": 0, "certpush": ""} == {
        "certpush": "",
        "pid": 0,
        "doing": "waiting",
        "started": "2026-11-27T06:00:00Z",
        "runs": 1,
        "next": "2026-11-27T07:00:00Z",
        "last": {
            "began": "2026-11-27T06:00:00Z",
            "ended": "2026-11-27T06:00:00Z",
            "exit": 1,
            "targets": 2,
            "rotated": ["wiki"],
            "failed": ["nas"],
            "problem": "",
        },
        "refused_configuration": None,
        "at": "2026-11-27T06:00:00Z",
        "alive_until": "2026-11-27T06:02:00Z",
    }
    stopped = json.loads(bench.health_path.read_bytes())
    assert (stopped["doing"], stopped["alive_until"]) == ("stopped", stopped["at"])


def test_a_run_may_be_silent_for_as_long_as_a_switch_may_take(bench: Bench):
    seen = []

    class Looking(list):
        def __iter__(self):
            seen.append(json.loads(bench.health_path.read_bytes()))
            bench.world.pass_by(5)
            yield receipt()
            seen.append(json.loads(bench.health_path.read_bytes()))

    bench.run(Looking([1]))
    assert [(one["doing"], one["alive_until"]) for one in seen] == [
        ("working", "2026-11-27T06:10:00Z"),
        ("working", "2026-11-27T06:10:05Z"),
    ]


def test_a_health_file_that_cannot_be_written_stops_nothing_and_is_told_once(bench: Bench, caplog):
    bench.health_path.mkdir()
    assert bench.run([receipt()], [receipt()]).runs == 2
    assert len([one for one in caplog.records if "health file" in one.getMessage()]) == 1
