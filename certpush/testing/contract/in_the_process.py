"""What a target does to the process that it runs in: ends it, copies it, prints, logs, starts commands."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from certpush.target import Reversible
from certpush.testing.contract.bench import AnyBench
from certpush.testing.contract.demands import need_secrets
from certpush.testing.leaks import everything_logged, everything_started, find_leak


@dataclass(frozen=True)
class Heard:
    """What was heard in one whole rotation: which secret stood where, empty where none did. It holds none itself."""

    in_log: str
    in_output: str
    in_commands: str
    printed: str
    secrets_known: bool


class InTheProcess:
    """Obligations towards the process, where other targets are at work at the same time."""

    @pytest.fixture
    def heard(self, request: pytest.FixtureRequest) -> Callable[[], Heard]:
        """Hear a whole rotation, once for all tests of a class: with a real device it takes its time."""

        def hear() -> Heard:
            if "_heard" not in vars(request.cls):
                request.cls._heard = _hear(request.getfixturevalue("bench"), request.getfixturevalue("capfd"))  # noqa: SLF001 - our own
            known: Heard = request.cls._heard  # noqa: SLF001 - likewise
            return known

        return hear

    def test_the_process_is_left_alone(self, heard: Callable[[], Heard]) -> None:
        """Other targets are at work in it: who ends it leaves them in the middle of a switch, who copies it copies their keys."""
        heard()  # where a verb tried to end or copy it, the bench says so

    def test_logs_hold_no_secret(self, heard: Callable[[], Heard]) -> None:
        """At any level, of any library: the suite turns all of them up."""
        assert not heard().in_log, f"the log shows {heard().in_log}"
        need_secrets(known=heard().secrets_known)

    def test_nothing_is_printed(self, heard: Callable[[], Heard]) -> None:
        """Only the command line prints; use ``logging`` for events."""
        assert not heard().in_output, f"the output shows {heard().in_output}"
        assert not heard().printed, f"the plugin printed {heard().printed!r}; use logging.getLogger(__name__)"

    def test_commands_show_no_secret(self, heard: Callable[[], Heard]) -> None:
        """Everybody on this machine sees their words in the list of processes, and they hand their environment on."""
        assert not heard().in_commands, f"a command that the plugin runs shows {heard().in_commands}"
        need_secrets(known=heard().secrets_known)


def _hear(bench: AnyBench, output: pytest.CaptureFixture[str]) -> Heard:
    output.readouterr()
    with everything_logged() as log, everything_started() as commands:
        _whole_rotation(bench)
    printed = "".join(output.readouterr())
    leaks = (find_leak(text, keys=bench.keys, secrets=bench.secrets) for text in ("\n".join(log), printed, "\n".join(commands)))
    in_log, in_output, in_commands = leaks
    return Heard(in_log, in_output, in_commands, printed="" if in_output else printed[:200], secrets_known=bench.knows_the_secrets)


def _whole_rotation(bench: AnyBench) -> None:
    old = bench.deploy()
    new = bench.switch(bench.mint())
    if bench.kind.reversible is not Reversible.NEVER:
        bench.open().rollback(new.before, new.staged, old.bundle)
    bench.open().tidy({old.bundle.fingerprint})
