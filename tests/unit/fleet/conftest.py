"""A kind with no device behind it, and configurations of targets of that kind."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated

import msgspec
import pytest

from certpush import CertificateRequest, Doc, Duration, Endpoint, Expected, Installed, Member, Secret, Settings, Staged, Target, TargetKind
from certpush.config import Configuration, TargetSpec, from_tables
from certpush.errors import TargetUnreachable
from certpush.fleet.opening import Opener
from certpush.kit.tls import utc_now
from certpush.state.escrow import Escrow
from certpush.state.journal import Journal
from certpush.state.lock import Locks


class BoxSettings(Settings):
    host: str = "box.lan"
    token: Secret | None = None
    host_key: Annotated[str | None, Doc("pinned")] = None
    rescue_after: Duration | None = None
    trust: str = ""


class Box(Target):
    """Knows its settings, and whether it was closed."""

    answers: object = ()

    def __init__(self, settings: BoxSettings) -> None:
        self.settings = settings
        self.closed = 0

    def inspect(self) -> Installed:
        return Installed(None)

    def stage(self, bundle) -> Staged:
        return Staged()

    def activate(self, staged, bundle) -> None:
        """Nothing is there to switch."""

    def rollback(self, to, staged, previous) -> Expected:
        return Expected.leaf(to.fingerprint)

    def endpoints(self) -> tuple[Endpoint, ...]:
        if isinstance(self.answers, BaseException):
            raise self.answers
        return self.answers

    def close(self) -> None:
        self.closed += 1


def kind(**changes) -> TargetKind:
    return TargetKind(**{"name": "box", "summary": "a box", "settings": BoxSettings, "open": Box, **changes})


def configured(*names: str, **more: object) -> Configuration:
    """A configuration with these targets, each a box; ``more`` are further tables."""
    targets = {name: {"kind": "box", "names": ["box.lan"], "endpoints": ["box.lan:443"]} for name in names}
    return from_tables({"ca": {"url": "https://ca.lan"}, "target": targets, **more}, {"HOME": "/nonexistent"})


def spec(**more: object) -> TargetSpec:
    """One target; None takes a key away."""
    table = {"kind": "box", "names": ["box.lan"], "endpoints": ["box.lan:443"], **more}
    table = {key: value for key, value in table.items() if value is not None}
    return from_tables({"target": {"box": table}}, {"HOME": "/nonexistent"}).targets["box"]


def with_members(*names: str, **own: tuple[str, ...]) -> Callable[..., tuple[Member[BoxSettings], ...]]:
    """For ``kind(members=...)``: these members, the ``own`` ones with a certificate for these names."""

    def members(settings: BoxSettings, request) -> tuple[Member[BoxSettings], ...]:
        return tuple(
            Member(
                name, msgspec.structs.replace(settings, host=f"{name}.lan"), CertificateRequest.of(*own[name]).names if name in own else ()
            )
            for name in (*names, *own)
        )

    return members


def nobody_answers(endpoint: Endpoint, roots, now):
    raise TargetUnreachable(f"{endpoint}: Connection refused")


@dataclass
class Bench:
    """An opener, and what it was asked for."""

    journal: Journal
    directory: Path
    kinds: dict[str, TargetKind] = field(default_factory=lambda: {"box": kind()})
    secrets: list[str] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    turns: list[tuple[str, threading.Event]] = field(default_factory=list)
    issuer: Callable[[str], object] = lambda name: name

    def opener(self) -> Opener:
        def read(reference: str) -> Secret:
            self.secrets.append(reference)
            return Secret("told")

        def find(name: str) -> object:
            self.asked.append(name)
            return self.issuer(name)

        return Opener(
            load_kind=lambda name: self.kinds[name],
            read_secret=read,
            journal=self.journal,
            escrow=Escrow(self.directory / "certificates"),
            locks=Locks(self.directory / "locks"),
            issuer=find,
            clock=utc_now,
            pause=lambda _: None,
            observe=lambda _: None,
            look=nobody_answers,
            turn=lambda ca, stop: self.turns.append((ca, stop)),
        )


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(Journal(None), tmp_path)


class Time:
    """A clock that only waiting moves."""

    def __init__(self) -> None:
        self.seconds = 100.0
        self.waits: list[float] = []

    def now(self) -> float:
        return self.seconds

    def pause(self, seconds: float) -> None:
        self.waits.append(seconds)
        self.seconds += seconds
