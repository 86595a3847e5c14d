"""A small world with a clock of its own: a CA, devices in memory, and certpush called by a timer over one state directory."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import deepcopy
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509

from certpush import CertificateBundle, Fleet, Receipt
from certpush.config import Configuration, from_tables
from certpush.errors import TargetUnreachable
from certpush.fleet.held import Held
from certpush.model import Endpoint, Event, Outcome, Served, fingerprint, issued_by, read_certificates
from certpush.observer import ENDED
from certpush.state.escrow import Escrow
from certpush.state.journal import Journal
from certpush.testing.authority import Authority, EmbeddedCa, JwkProvisioner
from certpush.testing.authority.pki import Pki
from certpush.testing.device import TOKEN, MemoryDevice
from certpush.testing.memory import MemoryTarget, memory_kind
from certpush.window import Window
from conftest import FAST_P2C
from year.person import Person

BEGIN = datetime(2027, 3, 1, 6, tzinfo=UTC)
NOTHING, HOUR, DAY = timedelta(0), timedelta(hours=1), timedelta(days=1)
_DEADLY: tuple[tuple[type, tuple[str, ...]], ...] = (
    (MemoryTarget, ("inspect", "stage", "activate", "confirm", "tidy")),
    (Journal, ("begin", "enter")),
    (Escrow, ("store", "prune")),
)
"""Before and after each of these a run may be killed."""


class Killed(BaseException):
    """What stands for SIGKILL: nothing catches it."""


@dataclass
class Box:
    """A device, and what a client of it sees."""

    name: str
    lifetime: timedelta
    device: MemoryDevice
    window: str = ""
    silent: bool = False

    @property
    def waits(self) -> timedelta:
        """How long it may wait for its window."""
        return Window.parse(self.window).longest_wait() if self.window else NOTHING

    @property
    def chain(self) -> tuple[x509.Certificate, ...]:
        pair = self.device.loaded_pair()
        return read(pair) if pair else ()

    @property
    def served(self) -> str | None:
        return fingerprint(self.chain[0]) if self.chain else None

    def install(self, id_: str, bundle: CertificateBundle | None = None) -> None:
        """What an administrator does by hand: put a pair there, or choose one that is there."""
        if bundle:
            self.device.put(id_, bundle.fullchain_pem, bundle.key.reveal_pem(), by="admin")
        self.device.select(id_)
        self.device.reload()


@lru_cache(maxsize=256)
def read(pair: str) -> tuple[x509.Certificate, ...]:
    """The certificates of a pair, leaf first; the same ones are looked at thousands of times."""
    return read_certificates(pair[: pair.index("-----BEGIN PRIVATE")].encode())


@dataclass
class World:
    """``now`` is the true time, which the CA has; certpush's machine is ``ahead`` of it."""

    directory: Path
    lifetimes: dict[str, timedelta]
    windows: dict[str, str] = field(default_factory=dict)
    now: datetime = BEGIN
    ahead: timedelta = NOTHING
    ca: EmbeddedCa = field(init=False)
    boxes: dict[str, Box] = field(init=False)
    lives: int | None = None
    """How many more points a run passes before it is killed; None: it is not."""
    replaced: dict[str, str] = field(default_factory=dict)
    """Where an administrator's own certificate is, and which one it replaced."""
    theirs_on: dict[str, str] = field(default_factory=dict)
    person: Person = field(default_factory=Person)
    ended: list[Event] = field(default_factory=list)
    """What the runs since the person read their messages told at the end of each target."""
    lost: set[str] = field(default_factory=set)
    """What stood in the journal when an older state was put in its place."""
    next_pki: Pki = field(init=False)
    """Root and intermediate that the CA will change to."""
    configured_root: str = field(init=False)
    _kept: Person | None = None
    _fleet: Fleet | None = None

    def __post_init__(self) -> None:
        self.ca = EmbeddedCa(
            clock=lambda: self.now,
            admin=JwkProvisioner.make(p2c=FAST_P2C),
            claims={"maxTLSCertDuration": "10000h", "minTLSCertDuration": "1s"},
        )
        self.boxes = {
            name: Box(name, lifetime, MemoryDevice(self.directory / f"{name}.json", own_certificate=True), self.windows.get(name, ""))
            for name, lifetime in self.lifetimes.items()
        }
        self.next_pki, self.configured_root = Authority("Next", clock=lambda: self.now).pki, self.ca.fingerprint

    # --- certpush ---------------------------------------------------------------------------

    def local(self) -> datetime:
        """What the clock of certpush's machine shows."""
        return self.now + self.ahead

    @cached_property
    def configuration(self) -> Configuration:
        return from_tables(self._tables(), self._environ())

    @property
    def fleet(self) -> Fleet:
        """The one that is there; a new process where there is none."""
        if self._fleet is None:
            self._fleet = Fleet(self.configuration, environ=self._environ(), clock=self.local, observe=self._observe)
        return self._fleet

    @property
    def journal(self) -> Journal:
        return self.fleet._held.changing().journal

    def end_process(self) -> None:
        """What was held in memory is gone."""
        if self._fleet is not None:
            self._fleet.close()
            self._fleet = None

    def _observe(self, event: Event) -> None:
        if event.phase == ENDED:
            self.ended.append(event)

    def told(self) -> None:
        """The person reads what the latest run had to tell."""
        ended, self.ended = self.ended, []
        self.person.reads(ended)

    def renew(self) -> dict[str, Receipt] | None:
        """What the timer does; None where it was killed on the way."""
        try:
            return {one.target: one for one in self.fleet.renew()}
        except Killed:
            self.end_process()
            return None
        finally:
            self.told()

    def adopt(self, name: str) -> bool:
        """What a person does who lets certpush have what somebody else installed; whether that worked."""
        worked = [one.outcome for one in self.fleet.deploy([name], adopt=True)] == [Outcome.ROTATED]
        self.told()
        return worked

    def _tables(self) -> dict[str, Any]:
        return {
            "ca": {
                "url": self.ca.url,
                "fingerprint": self.configured_root,
                "provisioner": self.ca.provisioner,
                "password": "env:PASSWORD",
            },
            "state": {"directory": str(self.directory / "state")},
            "fleet": {"workers": 1},
            "observer": {"person": {"kind": "notify", "command": ["/bin/false"]}},
            "target": {name: self._table(box) for name, box in self.boxes.items()},
        }

    def _table(self, box: Box) -> dict[str, Any]:
        return {
            "kind": "memory",
            "names": [f"{box.name}.lan"],
            "endpoints": [f"{box.name}.lan:443"],
            "lifetime": f"{box.lifetime.total_seconds():.0f}s",
            "state": str(box.device.path),
            "token": "env:TOKEN",
            **({"window": box.window} if box.window else {}),
        }

    def _environ(self) -> dict[str, str]:
        return {"HOME": "/nonexistent", "TOKEN": TOKEN, "PASSWORD": self.ca.password}

    # --- the state of certpush's machine -------------------------------------------------------

    def keep_copy(self) -> None:
        """The machine's state is copied, as a snapshot of its disk would."""
        self.end_process()
        shutil.copytree(self.directory / "state", self.directory / "copy", symlinks=True)
        self._kept = deepcopy(self.person)

    def put_copy_back(self) -> None:
        """That copy takes the place of the state: what certpush knew since, and what it remembers to have told, is gone."""
        known = self._recorded()
        self.end_process()
        shutil.rmtree(self.directory / "state")
        (self.directory / "copy").rename(self.directory / "state")
        assert self._kept is not None
        self.person, self._kept = replace(self._kept, counts=self.person.counts), None
        self.lost |= known - self._recorded()

    def _recorded(self) -> set[str]:
        return {one.wanted for one in self.journal.history(limit=10**6)}

    # --- the CA's root ----------------------------------------------------------------------------

    def announce_root(self) -> None:
        """The CA names its next root, and signs below the present one."""
        self._set_ca(self.ca.pki, self.next_pki)

    def change_root(self) -> None:
        """The CA signs below its next root, and names both."""
        self._set_ca(self.next_pki, self.ca.pki)

    def withdraw_root(self) -> None:
        """The CA names its former root no more, and the configuration has the new one's fingerprint."""
        self._set_ca(self.ca.pki)
        self.configured_root = self.ca.fingerprint
        self.end_process()
        vars(self).pop("configuration", None)

    def _set_ca(self, pki: Pki, *further: Pki) -> None:
        self.ca.state.pki, self.ca.state.further_roots = pki, tuple(one.root for one in further)
        if self.ca.running:  # else it comes back with them
            self.ca.restart()

    # --- the world's own --------------------------------------------------------------------------

    def theirs(self, box: Box) -> CertificateBundle:
        """A certificate for this box from another CA, for longer than the year."""
        bundle = Authority("Theirs", clock=lambda: self.now).issue(f"{box.name}.lan", lifetime=800 * DAY)
        self.theirs_on[box.name] = bundle.fingerprint
        return bundle

    def signed(self) -> list[str]:
        """The fingerprints of all that the CA has signed, in its order."""
        return [fingerprint(one.response.chain[0]) for one in self.ca.exchanges if one.response.chain]

    # --- what stands in for networks and waiting -----------------------------------------------

    def look(self, endpoint: Endpoint, roots: tuple[x509.Certificate, ...] | bytes, now: datetime) -> Served:
        """As ``certpush.kit.tls.look``, without a network: a handshake for each of a hundred thousand looks would take minutes."""
        box = self.boxes[endpoint.host.removesuffix(".lan")]
        if box.silent or not box.chain:
            raise TargetUnreachable(f"{endpoint}: no answer in time")
        leaf = box.chain[0]
        trusted = self._read(roots) if isinstance(roots, bytes) else roots
        verified = any(issued_by(box.chain[-1], root) for root in trusted)
        problem = _problem_with_dates(leaf, now) if verified else "the chain does not lead to our root"
        return Served(
            endpoint,
            fingerprint(leaf),
            leaf.not_valid_after_utc,
            not problem,
            leaf.not_valid_before_utc,
            leaf.subject.rfc4514_string(),
            leaf.issuer.rfc4514_string(),
            problem,
            bool(roots),
            verified,
        )

    @staticmethod
    @lru_cache(maxsize=16)
    def _read(roots: bytes) -> tuple[x509.Certificate, ...]:
        return read_certificates(roots) if roots else ()

    def pause(self, seconds: float) -> None:
        """Waiting makes the time pass."""
        self.now += timedelta(seconds=seconds)

    def pass_point(self) -> None:
        """Be killed here, where this is the point."""
        if self.lives is not None:
            self.lives -= 1
            if self.lives < 0:
                self.lives = None
                raise Killed

    @contextmanager
    def alive(self, patch: pytest.MonkeyPatch) -> Iterator[World]:
        """The world while it lasts: certpush opens its devices, looks and waits in here, one target after the other."""
        opener = Held._opener

        def opened_here(held: Held, journal: Journal) -> Any:
            kind = replace(memory_kind(), deadline=timedelta(seconds=1))
            return replace(opener(held, journal), load_kind=lambda _: kind, look=self.look, pause=self.pause)

        patch.setattr(Held, "_opener", opened_here)
        patch.setattr(CertificateBundle, "from_pem", lru_cache(maxsize=256)(CertificateBundle.from_pem))
        patch.setattr("certpush_notify.observer.way_of", lambda _: self.person)
        patch.setattr("certpush.fleet.workers._THREADS_PER_SLOT", 1)
        for owner, names in _DEADLY:
            for name in names:
                patch.setattr(owner, name, self._deadly(getattr(owner, name)))
        with self.ca:
            try:
                yield self
            finally:
                self.end_process()

    def _deadly(self, real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **more: Any) -> Any:
            self.pass_point()
            answer = real(*args, **more)
            self.pass_point()
            return answer

        return call


def _problem_with_dates(leaf: x509.Certificate, now: datetime) -> str:
    if now > leaf.not_valid_after_utc:
        return "expired"
    return "not valid yet" if now < leaf.not_valid_before_utc else ""
