"""The source of a plugin that a test installs: pushes to memory devices, and misbehaves on request (``does = "stage:hang"``)."""

import os
import signal
import sys
import time
from pathlib import Path

from certpush import Expected, Installed, Staged, TargetKind, hookimpl
from certpush.errors import TargetRefused
from certpush.testing.memory import MemorySettings, MemoryTarget


class AcmeSettings(MemorySettings):
    does: str = ""

    def __post_init__(self):
        from certpush.errors import ConfigError

        if self.does.startswith("refuse"):
            raise ConfigError("does = does not go with this", hint="leave it out")


def fork(*, detached):
    if os.fork() == 0:
        if detached:
            os.setsid()
            if os.fork():
                os._exit(0)
        time.sleep(600)


def garbage():
    for fd in range(3, 64):
        try:
            if str(Path(f"/proc/self/fd/{fd}").readlink()).startswith("socket:"):
                os.write(fd, b"\0\0\0\5hello")
        except OSError:
            pass
    time.sleep(600)


def gigabyte():
    piece = b"x" * 65536
    for _ in range(16384):
        os.write(1, piece)


def raises():
    raise RuntimeError("the token is canary-token-of-the-device")


DEEDS = {
    "raise": raises,
    "hang": lambda: time.sleep(600),
    "exit": lambda: sys.exit(3),
    "leave": lambda: os._exit(7),
    "die": lambda: signal.raise_signal(signal.SIGSEGV),
    "stop": lambda: signal.raise_signal(signal.SIGSTOP),
    "fork": lambda: fork(detached=False),
    "detach": lambda: fork(detached=True),
    "gigabyte": gigabyte,
    "garbage": garbage,
    "memory": lambda: bytearray(64 * 1024**3),
}
ANSWERS = {
    "wrong": lambda _: {"id": 1},
    "huge": lambda kind: kind(**({"fingerprint": None} if kind is Installed else {}), handle={"id": "x" * 2_000_000}),
    "odd": lambda kind: kind(**({"fingerprint": None} if kind is Installed else {}), handle={"id": object()}),
    "nan": lambda kind: kind(**({"fingerprint": None} if kind is Installed else {}), handle={"id": float("nan")}),
}


class Acme(MemoryTarget):
    def __init__(self, settings):
        super().__init__(settings)
        self._at, _, self._how = settings.does.partition(":")

    def _do(self, verb, real, kind=None):
        if verb == self._at and self._how in ANSWERS:
            real()
            return ANSWERS[self._how](kind)
        done = real()
        if verb == self._at:
            DEEDS[self._how]()
        return done

    def inspect(self):
        return self._do("inspect", super().inspect, Installed)

    def stage(self, bundle):
        return self._do("stage", lambda: super(Acme, self).stage(bundle), Staged)

    def activate(self, staged, bundle):
        if self._how == "secrets":
            raise TargetRefused(
                f"told {self._settings.token.reveal()} and {bundle.key.reveal_pem().decode()}", hint="told " + self._settings.token.reveal()
            )
        self._do("activate", lambda: super(Acme, self).activate(staged, bundle))

    def rollback(self, to, staged, previous):
        return self._do("rollback", lambda: super(Acme, self).rollback(to, staged, previous), Expected)


@hookimpl
def certpush_target():
    return TargetKind("acme", "An Acme NAS", AcmeSettings, Acme, disruption="none")
