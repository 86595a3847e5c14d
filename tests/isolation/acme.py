"""The source of a plugin that a test installs: pushes to memory devices, and misbehaves on request (``does = "stage:hang"``)."""

import logging
import os
import signal
import sys
import time
from pathlib import Path

from msgspec.structs import replace

from certpush import Endpoint, Expected, Finding, Identity, Installed, Member, Severity, Staged, TargetKind, hookimpl
from certpush.errors import TargetRefused
from certpush.target import Footprint
from certpush.testing.memory import MemorySettings, MemoryTarget

HEARD = Path(__file__).with_name("heard")


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


def slow(begun):
    """The first time until another ends it."""
    if not begun.exists():
        begun.touch()
        time.sleep(600)


def leave_after(folder):
    """When two others are under way."""
    while len([*folder.glob("*.slow")]) < 2:
        time.sleep(0.01)
    os._exit(8)


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
            self._misbehave(verb)
        return done

    def _misbehave(self, verb):
        state = Path(self._settings.state)
        if self._how == "slow":
            slow(state.with_suffix(f".{verb}.slow"))
        elif self._how == "leave-later":
            leave_after(state.parent)
        else:
            DEEDS[self._how]()

    def inspect(self):
        return self._do("inspect", super().inspect, Installed)

    def stage(self, bundle):
        return self._do("stage", lambda: super(Acme, self).stage(bundle), Staged)

    def activate(self, staged, bundle):
        if self._how == "secrets":
            print("printed", self._settings.token.reveal(), bundle.key.reveal_pem(traditional=True).decode(), flush=True)
            logging.getLogger(__name__).info("logged %s", self._settings.token.reveal())
            raise TargetRefused(
                f"told {self._settings.token.reveal()} and {bundle.key.reveal_pem().decode()}", hint="told " + self._settings.token.reveal()
            )
        self._do("activate", lambda: super(Acme, self).activate(staged, bundle))

    def rollback(self, to, staged, previous):
        return self._do("rollback", lambda: super(Acme, self).rollback(to, staged, previous), Expected)

    def changes(self, request):
        return tuple(looking_around()) if self._how == "look" else super().changes(request)

    def preflight(self, request):
        return (Finding(Severity.WARNING, "odd", "\x1b[2Jforged\nOK all is well", "none"),)

    def csr(self, request):
        return b"-----BEGIN CERTIFICATE REQUEST-----"

    def endpoints(self):
        return self._do("endpoints", super().endpoints, Endpoint)


def looking_around():
    """What can be seen of certpush and of other targets from here."""
    for pid in (os.getppid(), int(sys.argv[2])):
        for what in ("environ", "mem", "maps", "fd/0"):
            try:
                with Path(f"/proc/{pid}/{what}").open("rb") as file:
                    file.read(1)
                yield f"read {what}"
            except OSError:
                pass
    yield from (f"variable {name}" for name in os.environ)
    for one in [*Path("/proc/self/fd").iterdir()]:
        if one.is_symlink():  # the one that lists them is gone
            yield f"descriptor {one.name}: {one.readlink()}"
    yield f"argument {sys.argv[1:]}"


def members(settings, request):
    if settings.does == "members:wrong":
        return (Member("a", "no settings"),)
    both = tuple(Member(one, replace(settings, does=one), request.names) for one in ("a", "b"))
    return both if settings.does == "members" else ()


def identify(settings):
    return (Identity("trust", "sha256:" + "ab" * 32, ("shown\x07",), "compare it with " + settings.state),)


@hookimpl
def certpush_observe(event):
    with HEARD.open("a") as file:
        file.write(f"{event.phase} {event.target}\n")


@hookimpl
def certpush_target():
    return TargetKind(
        "acme",
        "An Acme NAS",
        AcmeSettings,
        Acme,
        disruption="none",
        catalogue=lambda: (("small", "a shelf"), ("large", "a rack")),
        members=members,
        identify=identify,
        footprint=lambda settings: Footprint(("/etc/acme",), commands=True),
    )
