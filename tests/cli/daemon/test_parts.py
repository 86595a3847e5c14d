"""What the loop stands on: signals that are not lost, a socket that may be gone, an environment that keeps its secrets, the health check."""

from __future__ import annotations

import os
import signal
import socket
from datetime import timedelta

import pytest

from certpush.cli.daemon import running
from certpush.cli.daemon.environment import KeptEnvironment
from certpush.cli.daemon.notify import Notifier
from certpush.cli.daemon.signals import Signals
from certpush.errors import ConfigError
from certpush.references import References


def test_signals_end_a_wait_and_are_told_apart():
    before = [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)]
    with Signals() as signals:
        os.kill(os.getpid(), signal.SIGHUP)
        signals.wait(60)
        assert (signals.pending, signals.take_reload(), signals.take_reload(), signals.pending) == (True, True, False, False)
        for number in (signal.SIGTERM, signal.SIGINT):
            os.kill(os.getpid(), number)
        signals.wait(60)
        assert (signals.stop.is_set(), signals.pending) == (True, True)
    assert [signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP)] == before


def test_without_a_signal_a_wait_lasts():
    with Signals() as signals:
        signals.wait(-1)
        signals.wait(0.01)
        assert not signals.pending


def test_what_the_manager_gave_is_taken_out_of_the_environment():
    environ = {"NOTIFY_SOCKET": "/run/n", "WATCHDOG_USEC": "60000000", "WATCHDOG_PID": "7", "HOME": "/"}
    assert Notifier.from_environment(dict(environ), 7).watchdog == timedelta(minutes=1)
    assert Notifier.from_environment(environ, 8).watchdog is None  # it is meant for another process
    assert environ == {"HOME": "/"}
    assert Notifier.from_environment({"WATCHDOG_USEC": "x"}, 7).watchdog is None


@pytest.mark.parametrize("abstract", [False, True])
def test_it_is_told_to_sockets_with_and_without_a_file(tmp_path, abstract):
    address = f"@certpush-test-{os.getpid()}" if abstract else str(tmp_path / "notify")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as channel:
        channel.bind(f"\0{address[1:]}" if abstract else address)
        Notifier(address, None).tell(READY=1, STATUS="well")
        assert channel.recv(100) == b"READY=1\nSTATUS=well"


def test_nobody_listens_and_nothing_fails(tmp_path):
    Notifier(None, None).tell(READY=1)
    Notifier(str(tmp_path / "gone"), None).alive()
    Notifier(str(tmp_path / "gone"), None).be_patient(timedelta(minutes=1))


def test_a_secret_of_the_environment_is_read_again_by_the_next_run_and_inherited_by_no_command():
    real = {"TOKEN": "secret", "HOME": "/"}
    kept = KeptEnvironment(real)
    assert [References(kept).read("env:TOKEN").reveal() for _ in range(3)] == ["secret"] * 3
    assert real == {"HOME": "/"}


# --- the health check -------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"alive_until": "soon"}', '{"alive_until": 7}'])
def test_what_is_no_health_file_is_no_health(certpush, tmp_path, text):
    path = tmp_path / "health.json"
    path.write_text(text)
    ended = certpush("daemon", "--healthcheck", "--health-file", path)
    assert (ended.code, "is no health file" in ended.err) == (1, True)


def test_without_a_file_nothing_runs(certpush, tmp_path):
    (tmp_path / "certpush.toml").write_text(f'[state]\ndirectory = "{tmp_path}/state"\n')
    ended = certpush("--config", tmp_path / "certpush.toml", "daemon", "--healthcheck")
    assert (ended.code, f"{tmp_path}/state/health.json cannot be read" in ended.err) == (1, True)


# --- beginning --------------------------------------------------------------------------------


def test_one_bad_table_is_told_and_keeps_no_other_target_from_its_turn(tmp_path, caplog):
    path = tmp_path / "certpush.toml"
    good = 'kind = "file"\nnames = ["a.lan"]\nverify = "files"\n'
    path.write_text(f'[ca]\nurl = "https://ca.lan"\n[target.good]\n{good}directory = "/srv/a"\n[target.bad]\n{good}directroy = "/srv/b"\n')
    environ = KeptEnvironment({"HOME": str(tmp_path)})
    assert list(running._first(str(path), environ).targets) == ["good", "bad"]
    assert "target.bad.directroy: unknown key; did you mean 'directory'?" in caplog.text
    with pytest.raises(ConfigError, match="unknown key"):
        running._usable(str(path), environ)


def test_without_a_configuration_it_does_not_begin(certpush):
    ended = certpush("daemon", "--quiet")
    assert (ended.code, "there is no configuration yet" in ended.err) == (2, True)


@pytest.mark.parametrize("text", ["1s", "4s", "2d"])
def test_looks_too_close_or_too_far_apart_are_refused(certpush, text):
    ended = certpush("daemon", "--every", text)
    assert (ended.code, "--every: " in ended.err) == (2, True)
    assert running._at_most("5s") == timedelta(seconds=5)
