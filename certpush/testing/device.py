"""A device for tests: keeps certificates, serves one of them by TLS on loopback, and can rescue itself.

It stands for the appliance, so it knows nothing of targets and bundles and raises errors of its
own, as a vendor's client library would. Its state is one small JSON file, which is also its
address: whoever opens the same file, in this process or in another one, talks to the same
device, and a process killed in between leaves a device behind as a real one would be left.
"""

from __future__ import annotations

import contextlib
import enum
import fcntl
import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Self

import msgspec

from certpush.kit.shapes import known
from certpush.model import fingerprint, read_certificates
from certpush.testing.device_server import Listener
from certpush.testing.minting import self_signed

TOKEN = "the-token-of-the-memory-device"  # noqa: S105 - made up, and searched for in all that a target says
DEFAULT = "device-default"  # the id of the certificate that the device made for itself


class DeviceGone(ConnectionError):
    """The device does not answer."""


class LoginRefused(Exception):
    """The device does not know this token."""


class DeviceRefuses(Exception):
    """The device says no."""


class Reload(enum.StrEnum):
    """What happens when the device is told to serve what was selected."""

    WORKS = "works"
    REFUSED = "refused"
    """It says no, and goes on serving what it served."""
    IGNORED = "ignored"
    """It says yes, and goes on serving what it served."""
    DIES = "dies"
    """It says yes, and then serves nothing at all."""


class Stored(msgspec.Struct, frozen=True):
    """One certificate on the device, and who put it there."""

    fullchain: str
    key: str
    by: str

    @property
    def fingerprint(self) -> str:
        """SHA-256 of the leaf."""
        return fingerprint(read_certificates(self.fullchain.encode())[0])

    def __repr__(self) -> str:
        return f"Stored({self.fingerprint[:12]}, by {self.by})"


class Rescue(msgspec.Struct, frozen=True):
    """The armed timer: when it fires, and which certificate it brings back."""

    at: float
    back_to: str | None


class State(msgspec.Struct):
    """All that the device remembers. ``selected`` is configured, ``loaded`` is what its server really serves."""

    token: str
    keeps_previous: bool
    reachable: bool = True
    store: dict[str, Stored] = {}
    selected: str | None = None
    loaded: str | None = None
    rescue: Rescue | None = None
    rescued: str | None = None
    """What the device itself put away when its timer fired."""
    reload: Reload = Reload.WORKS
    reload_of: str | None = None
    ahead: float = 0.0
    port: int = 0


class MemoryDevice:
    """One device: the API that an administrator would use, and knobs for tests at the end.

    ``MemoryDevice(path)`` makes a new one or attaches; ``with device:`` serves on a port of loopback.
    """

    def __init__(self, path: Path, *, token: str = TOKEN, own_certificate: bool = False, keeps_previous: bool = True) -> None:
        self.path = path
        self._listener: Listener | None = None
        if not path.exists():
            state = State(token=token, keeps_previous=keeps_previous)
            if own_certificate:
                state.store = {DEFAULT: _self_signed()}
                state.selected = state.loaded = DEFAULT
            self._save(state)

    @classmethod
    def at(cls, path: Path) -> Self:
        """Attach to the device at this address.

        Raises:
            DeviceGone: there is none.

        """
        if not path.exists():
            raise DeviceGone(f"nothing answers at {path}")
        return cls(path)

    # --- the API --------------------------------------------------------------------------

    def login(self, token: str) -> None:
        """Check that the device answers and knows the token."""
        with self._state() as state:
            if not state.reachable:
                raise DeviceGone(f"nothing answers at {self.path}")
            if token != state.token:
                raise LoginRefused

    def certificates(self) -> dict[str, Stored]:
        """What is stored, by id."""
        with self._state() as state:
            return dict(state.store)

    def selected(self) -> str | None:
        """The id of the certificate that the device is configured to serve."""
        with self._state() as state:
            return state.selected

    def in_use(self) -> frozenset[str]:
        """The ids that are selected, served, or the armed timer's way back."""
        with self._state() as state:
            used = (state.selected, state.loaded, state.rescue.back_to if state.rescue else None)
            return frozenset(one for one in used if one)

    def put(self, id_: str, fullchain: bytes, key: bytes, *, by: str) -> None:
        """Store a pair under this id; storing it again changes nothing."""
        with self._state() as state:
            state.store = {**state.store, id_: Stored(fullchain.decode(), key.decode(), by)}

    def remove(self, id_: str) -> None:
        """Forget a pair, unless it is in use; forgetting what is not there is fine."""
        if id_ in self.in_use():
            raise DeviceRefuses("the certificate is in use")
        with self._state() as state:
            state.store = {key: kept for key, kept in state.store.items() if key != id_}

    def select(self, id_: str | None) -> None:
        """Configure which pair is served from the next ``reload`` on; None: none."""
        with self._state() as state:
            if id_ is not None and id_ not in state.store:
                raise DeviceRefuses("there is no such certificate")
            before, state.selected = state.selected, id_
            state.rescued = None if id_ == state.rescued else state.rescued
            if not state.keeps_previous and before not in (None, id_, DEFAULT):
                state.store = {key: kept for key, kept in state.store.items() if key != before}

    def reload(self) -> None:
        """Serve what is selected."""
        with self._state() as state:
            does = state.reload if state.reload_of in (None, state.selected) else Reload.WORKS
            if does is Reload.REFUSED:
                raise DeviceRefuses("the web server's configuration test failed")
            if does is not Reload.IGNORED:
                state.loaded = state.selected if does is Reload.WORKS else None

    def arm(self, after: timedelta) -> None:
        """Come back by itself, after this time, to what is selected now; where it is armed already, to what that said."""
        with self._state() as state:
            back_to = state.rescue.back_to if state.rescue else state.selected
            state.rescue = Rescue(_now(state) + after.total_seconds(), back_to)

    def disarm(self, id_: str | None = None) -> bool:
        """Stop the timer; False when it was faster and has put the pair ``id_`` away. Exactly one of the two happens."""
        with self._state() as state:
            if id_ is not None and state.rescued == id_:
                return False
            state.rescue = None
            return True

    def port(self) -> int:
        """Where on 127.0.0.1 it serves; 0 before it was started."""
        with self._state() as state:
            return state.port

    # --- knobs for tests ------------------------------------------------------------------

    def break_reload(self, how: Reload, *, of: str | None = None) -> None:
        """From now on let reloads go wrong like this: all, or only of the pair with this id."""
        with self._state() as state:
            state.reload, state.reload_of = how, of

    def power(self, *, on: bool) -> None:
        """Switch the API on or off; what is served stays."""
        with self._state() as state:
            state.reachable = on

    def pass_time(self, length: timedelta) -> None:
        """Let the device's clock run ahead; an armed timer that is due fires."""
        with self._state() as state:
            state.ahead += length.total_seconds()
        self.snapshot()

    def snapshot(self) -> State:
        """All that the device remembers, to compare before with after."""
        with self._state() as state:
            return state

    def served(self) -> str | None:
        """The fingerprint that its server has loaded: the truth, without a handshake."""
        with self._state() as state:
            pair = state.store.get(state.loaded) if state.loaded else None
            return pair.fingerprint if pair else None

    # --- serving --------------------------------------------------------------------------

    def __enter__(self) -> Self:
        self._listener = Listener(self.loaded_pair, self.port())
        with self._state() as state:
            state.port = self._listener.port
        return self

    def __exit__(self, *_: object) -> None:
        if self._listener:
            self._listener.stop()

    def loaded_pair(self) -> str | None:
        """Certificate, chain and key for the next handshake, PEM."""
        with self._state() as state:
            pair = state.store.get(state.loaded) if state.loaded else None
            return pair.fullchain + pair.key if pair else None

    # --- the state file -------------------------------------------------------------------

    @contextlib.contextmanager
    def _state(self) -> Iterator[State]:
        with _locked(self.path.with_name(self.path.name + ".lock")):
            before = self.path.read_bytes()
            state = msgspec.json.decode(before, type=known(State))
            _fire_if_due(state)
            yield state
            if msgspec.json.encode(state) != before:
                self._save(state)

    def _save(self, state: State) -> None:
        fresh = self.path.with_name(f"{self.path.name}.{os.getpid()}")
        fresh.unlink(missing_ok=True)  # left by a process of this id that was killed
        fresh.touch(mode=0o600, exist_ok=False)
        fresh.write_bytes(msgspec.json.encode(state))
        fresh.replace(self.path)


def _now(state: State) -> float:
    return time.monotonic() + state.ahead


def _fire_if_due(state: State) -> None:
    if state.rescue and _now(state) >= state.rescue.at:
        if state.selected != state.rescue.back_to:
            state.rescued = state.selected
        state.selected = state.loaded = state.rescue.back_to
        state.rescue = None


@contextlib.contextmanager
def _locked(path: Path) -> Iterator[None]:
    with path.open("wb") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def _self_signed() -> Stored:
    own = self_signed("memory device")
    return Stored(own.fullchain_pem.decode(), own.key.reveal_pem().decode(), by="device")
