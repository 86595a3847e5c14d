"""What a fleet holds open while it is used: its memory, its CAs, the plugins that it was asked for."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable, MutableMapping
from datetime import datetime
from typing import TYPE_CHECKING

from certpush.config import DEFAULT_CA, Configuration
from certpush.errors import CertpushError, StateError, TrustError
from certpush.fleet.pace import Pace
from certpush.fleet.workers import Slots
from certpush.references import References

if TYPE_CHECKING:  # who only looks at an endpoint loads no HTTP client and no plugin, who only wants a certificate no journal
    from certpush.fleet.observing import ObservedRun
    from certpush.fleet.opening import Opener
    from certpush.model import Event, Secret
    from certpush.plugins import PluginLoader
    from certpush.state.journal import Journal
    from certpush.state.roots import LearnedRoots
    from certpush.stepca.issuer import StepCaIssuer

_log = logging.getLogger(__name__)
_JOURNAL = "journal.sqlite3"


class Held:
    """Opens each part when it is first needed, and closes all of them."""

    def __init__(
        self,
        configuration: Configuration,
        *,
        environ: MutableMapping[str, str],
        observe: Callable[[Event], None],
        clock: Callable[[], datetime],
    ) -> None:
        self.slots = Slots(configuration.workers)
        self._configuration = configuration
        self._environ = environ
        self._references = References(environ)
        self._observe = observe
        self._clock = clock
        self._lock = threading.RLock()
        self._loader: PluginLoader | None = None
        self._issuers: dict[str, StepCaIssuer] = {}
        self._anchors: dict[str, frozenset[str]] = {}
        self._paces: dict[str, Pace] = {}
        self._journal: Journal | None = None
        self._changing: Opener | None = None
        self._sharing: int | None = None
        """The lock that keeps another state from being put in this one's place."""
        self._closed = False

    def looking(self) -> Opener:
        """For what changes nothing: where there is no memory yet, none is made."""
        if self._changing is not None or self._remembers():
            return self.changing()
        return self.forgetful()

    def _remembers(self) -> bool:
        try:
            return (self._configuration.state_directory / _JOURNAL).exists()
        except PermissionError:
            return True  # it is somebody else's; opening it says so

    def forgetful(self) -> Opener:
        """For looks that need no memory, as where it is damaged."""
        from certpush.state.journal import Journal

        return self._opener(Journal(None))

    def changing(self) -> Opener:
        """For what is to be remembered: makes the state directory and the journal where they are missing."""
        if self._changing is None:
            from certpush.kit.descriptors import refuse_too_few
            from certpush.state.directory import open_state_directory, refuse_half_restored
            from certpush.state.journal import Journal
            from certpush.state.lock import STATE, Locks

            refuse_too_few()
            directory = open_state_directory(self._configuration.state_directory)
            self._sharing = self._sharing or Locks(directory / "locks").share(STATE)
            refuse_half_restored(directory)
            self._journal = Journal(directory / _JOURNAL)
            self._changing = self._opener(self._journal)
        return self._changing

    def read_secret(self, reference: str) -> Secret:
        """The secret of a reference."""
        return self._references.read(reference)

    def run(self, command: str) -> ObservedRun:
        """For one run that changes something, with those who observe it; one that cannot be used is told before anything is begun."""
        from certpush.fleet.observing import ObservedRun, enabled, hearings_of, refuse_wrong_tables

        observed = bool(enabled(self._configuration))  # else no loader of plugins is needed for it
        if observed:
            refuse_wrong_tables(self._configuration, self.plugins())
        opener = self.changing()
        return ObservedRun(
            opener=opener,
            observe=self._observe,
            targets=self._configuration.targets,
            hearings=hearings_of(self._configuration, self.plugins(), self.read_secret, command, self._clock, opener.locks)
            if observed
            else (),
            listeners=lambda: self._loader.listeners() if self._loader is not None else [],
        )

    def issuer(self, ca: str | None = None) -> StepCaIssuer:
        """The CA of that name; the only one, when None."""
        tables = self._configuration.ca_tables
        name = ca or (next(iter(tables)) if len(tables) == 1 else DEFAULT_CA)
        with self._lock:
            if name not in self._issuers:
                from certpush.stepca.issuer import open_issuer

                settings = self._configuration.ca(name, self._references.defer)
                self._issuers[name] = open_issuer(settings, clock=self._clock, environ=self._environ, memory=self._roots(name))
            return self._issuers[name]

    def anchors(self, ca: str) -> frozenset[str]:
        """Fingerprints of the roots that this CA is known by; none where nothing says it without asking the CA, or says it wrongly."""
        with self._lock:
            if ca not in self._anchors:
                from certpush.model import fingerprint
                from certpush.stepca.bootstrap import completed, known_fingerprints
                from certpush.stepca.learning import recalled

                try:
                    known = known_fingerprints(completed(self._configuration.ca(ca, self._references.defer), self._environ))
                    self._anchors[ca] = known | {fingerprint(root) for root in recalled(known, self._roots(ca))}
                except CertpushError:  # who asks for a certificate is told
                    self._anchors[ca] = frozenset()
            return self._anchors[ca]

    def learn_roots(self, ca: str) -> None:
        """Ask a CA which roots it has, where nobody did within a day: it may have another one before any certificate is due.

        Whatever goes wrong is logged, and alters nothing: no certificate needs that CA now.
        """
        from certpush.stepca.learning import asked_lately

        memory, now = self._roots(ca), self._clock()
        if asked_lately(memory.asked(), now):
            return
        try:
            memory.note_asked(now)  # first, so that a CA that is gone is waited for once a day, too
            self.issuer(ca).roots()
        except TrustError as error:
            _log.warning("%s; the next renewal would be refused: %s", error.message, error.hint)
        except CertpushError as error:
            _log.info("the roots of the CA %s cannot be looked at: %s", ca, error.message)

    def _roots(self, ca: str) -> LearnedRoots:
        from certpush.state.roots import LearnedRoots

        return LearnedRoots(self._configuration.state_directory.absolute() / "roots", ca)

    def plugins(self) -> PluginLoader:
        """What loads plugins; itself loaded when the first is asked for."""
        with self._lock:
            if self._loader is None:
                from certpush.plugins import PluginLoader

                self._loader = PluginLoader()
            return self._loader

    def close(self) -> None:
        """Give back connections, the processes of plugins, and the journal."""
        self._closed = True
        for issuer in self._issuers.values():
            issuer.close()
        if self._loader is not None:
            self._loader.close()
        if self._journal is not None:
            self._journal.close()
        if self._sharing is not None:
            os.close(self._sharing)
            self._sharing = None

    def _opener(self, journal: Journal) -> Opener:
        if self._closed:
            raise StateError("this fleet was closed already", hint="use a Fleet, and what it gives, inside of its `with`")
        from certpush.fleet.opening import Opener
        from certpush.state.escrow import Escrow
        from certpush.state.lock import Locks

        directory = self._configuration.state_directory.absolute()
        return Opener(
            load_kind=lambda name: self.plugins().load_kind(name),
            read_secret=self._references.read,
            journal=journal,
            escrow=Escrow(directory / "certificates"),
            locks=Locks(directory / "locks"),
            issuer=self.issuer,
            clock=self._clock,
            pause=self.slots.pause,
            observe=self._observe,
            turn=self._turn,
            anchors=self.anchors,
        )

    def _turn(self, ca: str, stop: threading.Event) -> None:
        with self._lock:
            pace = self._paces.setdefault(ca, Pace(self._configuration.fleet.ca_rate, self.slots.pause))
        pace.turn(stop)
