"""A whole rotation around a memory device: real handshakes, a real journal, an issuer in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import ExtendedKeyUsageOID

from certpush.errors import IssuerRefused, IssuerUnreachable
from certpush.issuer import Issued
from certpush.kit.settings import Duration
from certpush.kit.tls import look
from certpush.model import (
    CertificateBundle,
    CertificateRequest,
    CertificateSpec,
    Endpoint,
    Event,
    KeySpec,
    PrivateKey,
    Receipt,
    Secret,
    parse_name,
)
from certpush.rotation.obtain import obtain
from certpush.rotation.rotation import Patience, Rotation
from certpush.rotation.run import foresee, rotate
from certpush.state.directory import open_state_directory
from certpush.state.escrow import Escrow
from certpush.state.journal import Journal
from certpush.state.lock import Locks
from certpush.target import Target
from certpush.testing.authority.pki import Pki, issuer_key_identifier
from certpush.testing.device import TOKEN, MemoryDevice
from certpush.testing.faulty import Fault, FaultyTarget
from certpush.testing.memory import MemorySettings, MemoryTarget, memory_kind


def at(verb: str, fault: Fault, times: int | None = None) -> Callable[[Target], Target]:
    """For ``Bench.wrap``: the target, with a fault at this verb."""
    return lambda target: FaultyTarget(target, at=verb, fault=fault, times=times)


@dataclass
class Instead(Fault):
    """Does something else, and answers with what that gives; None claims success."""

    deed: Callable[[], Any]

    def strike(self, deed: Callable[[], Any], lie: Callable[[], Any]) -> Any:
        given = self.deed()
        return lie() if given is None else given


@dataclass
class PkiIssuer:
    """Signs in memory; ``down`` makes it unreachable, ``tweak`` spoils its answers.

    ``refusal`` is what it says to who shows a certificate; ``asked`` lists the ways that it was asked by.
    """

    pki: Pki
    clock: Callable[[], datetime]
    down: bool = False
    signed: int = 0
    tweak: Callable[[Issued], Issued] = field(default=lambda issued: issued)
    refusal: str = ""
    renews_expired: bool = False
    asked: list[str] = field(default_factory=list)

    def sign(self, request: CertificateRequest, csr: bytes) -> Issued:
        wanted = x509.load_pem_x509_csr(csr)
        lifetime = timedelta(minutes=1) + (request.lifetime or timedelta(hours=24))
        return self._issued("sign", wanted, wanted.public_key(), lifetime)

    def rekey(self, current: CertificateBundle, csr: bytes) -> Issued:
        return self._again("rekey", current, x509.load_pem_x509_csr(csr).public_key())

    def renew(self, current: CertificateBundle, *, after_expiry: bool = False) -> Issued:
        return self._again("renew after expiry" if after_expiry else "renew", current, current.leaf.public_key())

    def _again(self, way: str, current: CertificateBundle, public_key: Any) -> Issued:
        expired = current.not_after <= self.clock() and not (way == "renew after expiry" and self.renews_expired)
        refusal = self.refusal or ("the certificate expired" if expired else "")
        if refusal and not self.down:
            self.asked.append(way)
            raise IssuerRefused(refusal)
        return self._issued(way, current.leaf, public_key, current.not_after - current.not_before)

    def _issued(self, way: str, like: x509.Certificate | x509.CertificateSigningRequest, public_key: Any, lifetime: timedelta) -> Issued:
        self.asked.append(way)
        if self.down:
            raise IssuerUnreachable("the CA does not answer", hint="start it")
        self.signed += 1
        begins = self.clock() - timedelta(minutes=1)
        leaf = (
            x509.CertificateBuilder()
            .subject_name(like.subject)
            .issuer_name(self.pki.intermediate.subject)
            .public_key(public_key)
            .serial_number(x509.random_serial_number())
            .not_valid_before(begins)
            .not_valid_after(begins + lifetime)
            .add_extension(like.extensions.get_extension_for_class(x509.SubjectAlternativeName).value, critical=False)
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.SERVER_AUTH]), critical=False)
            .add_extension(issuer_key_identifier(self.pki.intermediate), critical=False)
            .sign(self.pki.intermediate_key, hashes.SHA256())
        )
        return self.tweak(Issued(leaf, (self.pki.intermediate,), (self.pki.root,)))


@dataclass
class Clock:
    now: datetime

    def __call__(self) -> datetime:
        return self.now


@dataclass
class Bench:
    """One device with everything around it; ``rotate()`` is what a plain run does, in a fresh instance each time."""

    device: MemoryDevice
    directory: Path
    issuer: PkiIssuer
    clock: Clock
    kind: Any = field(default_factory=memory_kind)
    spec: CertificateSpec = field(
        default_factory=lambda: CertificateSpec(
            name="box",
            request=CertificateRequest((parse_name("localhost"), parse_name("127.0.0.1")), KeySpec.EC_P256, timedelta(hours=24)),
            ca="default",
        )
    )
    events: list[Event] = field(default_factory=list)
    pauses: list[float] = field(default_factory=list)
    wrap: Callable[[Target], Target] = field(default=lambda target: target)
    pause: Callable[[float], None] | None = None
    files_only: bool = False
    rescue_after: timedelta = timedelta(seconds=180)
    journal: Journal = field(init=False)

    def __post_init__(self) -> None:
        open_state_directory(self.directory)
        self.journal = Journal(self.directory / "journal.sqlite3")
        self.escrow = Escrow(self.directory / "certificates")

    def rotation(self, **more: Any) -> Rotation:
        settings = MemorySettings(
            state=str(self.device.path),
            token=Secret(TOKEN),
            rescue_after=Duration(seconds=self.rescue_after.total_seconds()) if self.kind.self_rescue else None,
        )
        target = self.wrap(MemoryTarget(settings))
        return Rotation(
            name="box",
            kind=self.kind,
            target=target,
            spec=self.spec,
            issuer=self.issuer,
            journal=self.journal,
            escrow=self.escrow,
            locks=Locks(self.directory / "locks"),
            endpoints=() if self.files_only else (Endpoint("127.0.0.1", self.device.port()),),
            clock=self.clock,
            pause=self.pause or self.pauses.append,
            patience=Patience(matches=2, interval=0.5),  # nobody waits; a look that is in vain is repeated until the deadline
            rescue_after=self.rescue_after,
            **{"observe": self.events.append, "look": look} | more,
        )

    def rotate(self, **more: Any) -> Receipt:
        return rotate(self.rotation(**more))

    def plan(self, **more: Any) -> Receipt:
        return foresee(self.rotation(**more))

    def due(self) -> None:
        """Let two thirds of the lifetime pass, by asking for a renewal at once instead of moving the clock."""
        self.spec = replace(self.spec, renew_at=Fraction(1, 10**6))

    def foreign(self) -> CertificateBundle:
        """Somebody else's certificate, installed by hand."""
        bundle = obtain(self.spec, PkiIssuer(Pki.make("Other"), self.clock), self.clock)
        self.device.put("theirs", bundle.fullchain_pem, bundle.key.reveal_pem(), by="admin")
        self.device.select("theirs")
        self.device.reload()
        return bundle

    @property
    def phases(self) -> list[str]:
        return [event.phase for event in self.events]

    @property
    def served(self) -> str | None:
        return self.device.served()


@pytest.fixture(scope="session")
def pki() -> Pki:
    return Pki.make("Flow")


@pytest.fixture
def bench(tmp_path: Path, pki: Pki):
    clock = Clock(datetime.now(UTC))
    device = MemoryDevice(tmp_path / "device.json", own_certificate=True)
    with device:
        made = Bench(device, tmp_path / "state", PkiIssuer(pki, clock), clock)
        yield made
        made.journal.close()


@pytest.fixture
def key() -> PrivateKey:
    return PrivateKey.generate(KeySpec.EC_P256)


@pytest.fixture
def stop() -> threading.Event:
    return threading.Event()
