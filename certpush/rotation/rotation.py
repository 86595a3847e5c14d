"""What one rotation works with: the target, the certificate, the issuer, the memory, the clock."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from cryptography import x509

from certpush.errors import CertpushError, Interrupted, TargetBug, TargetError
from certpush.issuer import Issuer
from certpush.model import CertificateBundle, CertificateSpec, Deployment, Endpoint, Event, Served
from certpush.state.escrow import Escrow
from certpush.state.journal import Journal
from certpush.state.lock import Locks
from certpush.target import Target, TargetKind


class Look(Protocol):
    """One fresh connection to an endpoint; ``certpush.kit.tls.look`` in real life."""

    def __call__(self, endpoint: Endpoint, roots: tuple[x509.Certificate, ...], now: datetime) -> Served:
        """Tell what is served; TargetUnreachable when nothing answers."""
        ...


@dataclass(frozen=True, slots=True)
class Patience:
    """How often and how long to look: ``matches`` in a row, ``interval`` seconds apart."""

    matches: int = 3
    interval: float = 0.4


@dataclass(frozen=True, kw_only=True)
class Rotation:
    """One target and all that its rotation needs. Everything that is not a pure function enters here."""

    name: str
    kind: TargetKind[Any]
    target: Target
    spec: CertificateSpec
    issuer: Issuer
    journal: Journal
    escrow: Escrow
    locks: Locks
    endpoints: tuple[Endpoint, ...]
    """Empty where the configuration says that nothing serves the certificate: then ``inspect`` is asked."""
    look: Look
    clock: Callable[[], datetime]
    pause: Callable[[float], None]
    """Wait so many seconds; a fleet gives the worker's slot to another meanwhile."""
    observe: Callable[[Event], None] = field(default=lambda _: None)
    stop: threading.Event = field(default_factory=threading.Event)
    patience: Patience = field(default_factory=Patience)
    rescue_after: timedelta = timedelta(seconds=180)
    pinned_by: tuple[str, ...] = ()
    force: bool = False
    adopt: bool = False
    adopt_first: bool = False
    """``adopt = true`` in the configuration: allows the first take-over only."""
    previous: CertificateBundle | None = None
    """The administrator's existing pair, handed over with ``--adopt --previous``."""

    def tell(self, phase: str, message: str = "", deployment: Deployment | None = None) -> None:
        """Let observers know; what they do never changes the outcome."""
        self.observe(Event(phase, self.name, self.clock(), message, deployment))

    def stop_here_if_asked(self) -> None:
        """End cleanly when a person or the system asked for it; called only where nothing has been switched."""
        if self.stop.is_set():
            raise Interrupted(f"{self.name}: stopped before anything was switched", hint="run it again when you like")

    @contextmanager
    def calling(self, phase: str) -> Iterator[None]:
        """Call into the plugin: whatever escapes it becomes an error that names the target and the phase."""
        try:
            yield
        except TargetError as error:
            error.target = error.target or self.name
            error.phase = error.phase or phase
            raise
        except CertpushError:
            raise
        except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
            raise self._bug(error, phase) from None

    def _bug(self, error: BaseException, phase: str) -> TargetBug:
        # Only the type and the place: a foreign exception's text may hold a key, and so may its traceback.
        place = error.__traceback__
        while place and place.tb_next:
            place = place.tb_next
        where = f" ({place.tb_frame.f_globals.get('__name__', '?')}, line {place.tb_lineno})" if place else ""
        return TargetBug(
            f"the plugin for {self.kind.name} raised {type(error).__name__}{where}",
            hint="report it to the plugin's authors; what was begun is rolled back",
            target=self.name,
            phase=phase,
        )
