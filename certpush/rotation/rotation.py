"""What one rotation works with: the target, the certificate, the issuer, the memory, the clock."""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

from certpush.errors import CertpushError, Interrupted, TargetBug
from certpush.issuer import Issuer
from certpush.kit.tls import Roots
from certpush.model import CertificateBundle, CertificateSpec, Deployment, Endpoint, Event, Installed, Served, Staged
from certpush.records import record
from certpush.rotation.calling import REPORT, calling
from certpush.state.escrow import Escrow
from certpush.state.journal import Journal
from certpush.state.lock import Locks
from certpush.target import Target, TargetKind

if TYPE_CHECKING:  # most targets have none
    from certpush.window import Window

_log = logging.getLogger(__name__)
T = TypeVar("T")


class Look(Protocol):
    """One fresh connection to an endpoint; ``certpush.kit.tls.look`` in real life."""

    def __call__(self, endpoint: Endpoint, roots: Roots, now: datetime) -> Served:
        """Tell what is served; TargetUnreachable when nothing answers."""
        ...


@record(frozen=True, slots=True)
class Patience:
    """How often and how long to look: ``matches`` in a row, ``interval`` seconds apart."""

    matches: int = 3
    interval: float = 0.4


@record(frozen=True, kw_only=True)
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
    monotonic: Callable[[], float] = time.monotonic
    """Seconds that a jump of the clock does not move; looking at a silent endpoint takes real time."""
    observe: Callable[[Event], None] = field(default=lambda _: None)
    stop: threading.Event = field(default_factory=threading.Event)
    patience: Patience = field(default_factory=Patience)
    rescue_after: timedelta = timedelta(seconds=180)
    pinned_by: tuple[str, ...] = ()
    force: bool = False
    adopt: bool = False
    adopt_first: bool = False
    """``adopt = true`` in the configuration: allows the first take-over only."""
    anchors: frozenset[str] = frozenset()
    """Fingerprints of the roots that the issuer is known by, as far as nobody has to be asked for them."""
    window: Window | None = None
    """When it may be switched; None: at any time, as when a person is at hand."""
    at_once: bool = False
    """Named by a person: what failed before is tried again without waiting."""
    previous: CertificateBundle | None = None
    """The administrator's existing pair, handed over with ``--adopt --previous``."""

    def tell(self, phase: str, message: str = "", deployment: Deployment | None = None) -> None:
        """Let observers know; what they do never changes the outcome."""
        try:
            self.observe(Event(phase, self.name, self.clock(), message, deployment))
        except Exception as error:  # noqa: BLE001 - a closed terminal must not end a rotation half-way
            _log.warning("%s: an observer failed on %s: %s", self.name, phase, type(error).__name__)

    def stop_here_if_asked(self) -> None:
        """End cleanly when a person or the system asked for it; called only where nothing has been switched."""
        if self.stop.is_set():
            raise Interrupted(f"{self.name}: stopped before anything was switched", hint="run it again when you like")

    def calling(self, phase: str) -> AbstractContextManager[None]:
        """Call into the plugin: whatever escapes it becomes an error that names the target and the phase."""
        return calling(self.kind.name, self.name, phase)

    def ask(self, phase: str, verb: Callable[[], object], wanted: type[T]) -> T:
        """Call a verb of the plugin whose answer matters, and refuse an answer that is none.

        Raises:
            CertpushError: the plugin's own, with target and phase.
            TargetBug: whatever else it raised, or an answer of another type, or one that no journal can hold.

        """
        with self.calling(phase):
            answer = verb()
        if isinstance(answer, wanted) and _can_be_written_down(answer):
            return answer
        raise TargetBug(
            f"the plugin for {self.kind.name} answered {phase} with something that is no {wanted.__name__}",
            hint=REPORT,
            target=self.name,
            phase=phase,
        )


def as_ours(error: Exception) -> CertpushError:
    """Give the error as it is where it is ours; else as a bug of certpush, without its text."""
    if isinstance(error, CertpushError):
        return error
    _log.error("internal error: %s", type(error).__name__)
    return CertpushError(f"certpush itself failed: {type(error).__name__}", hint="please report it; what was begun is rolled back")


def _can_be_written_down(answer: object) -> bool:
    """Whether the handle of an answer is JSON: it goes into the journal, which must not fail in the middle of a switch."""
    if not isinstance(answer, Installed | Staged):
        return True
    try:
        json.dumps(dict(answer.handle))
    except (TypeError, ValueError, RecursionError):
        return False
    return True
