"""The whole of certpush as one object: what the command line does, it does through this."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator, MutableMapping, Sequence
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import Self

from certpush.config import DEFAULT_CA, Configuration, TargetSpec, load, locate
from certpush.errors import CertpushError, ConfigError
from certpush.fleet.config_check import check_configuration
from certpush.fleet.doctor import examine
from certpush.fleet.opening import Opener, Wishes
from certpush.fleet.status import status_of
from certpush.fleet.workers import Slots, all_of
from certpush.kit.tls import utc_now
from certpush.model import (
    CertificateBundle,
    CertificateRequest,
    CertificateSpec,
    Deployment,
    Event,
    Finding,
    Identity,
    Outcome,
    Receipt,
    TargetStatus,
)
from certpush.plugins import PluginLoader
from certpush.references import References
from certpush.rotation.obtain import obtain
from certpush.rotation.retrace import retrace
from certpush.rotation.rotation import Rotation
from certpush.rotation.run import foresee, receipt_for, rotate
from certpush.state.directory import open_state_directory
from certpush.state.escrow import Escrow
from certpush.state.journal import Journal
from certpush.state.lock import Locks
from certpush.stepca.issuer import StepCaIssuer, open_issuer

_NOTHING = timedelta(0)


class Fleet:
    """Every target of a configuration. Use it as a context manager: it holds connections and the journal.

    ``observe`` hears every event; ``clock`` is the time that certificates are compared with.
    """

    def __init__(
        self,
        configuration: Configuration,
        *,
        environ: MutableMapping[str, str] | None = None,
        observe: Callable[[Event], None] | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> None:
        self.configuration = configuration
        self._environ = os.environ if environ is None else environ
        self._references = References(self._environ)
        self._clock = clock
        self._loader = PluginLoader()
        self._observe = observe or (lambda _: None)
        self._issuers: dict[str, StepCaIssuer] = {}
        self._lock = threading.RLock()
        self._slots = Slots(configuration.workers)
        self._journal: Journal | None = None

    @classmethod
    def load(
        cls,
        path: Path | str | None = None,
        *,
        environ: MutableMapping[str, str] | None = None,
        observe: Callable[[Event], None] | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> Self:
        """Read the configuration: ``path``, or where ``certpush`` looks for it.

        Raises:
            ConfigError: there is none, or it is wrong; the message has file, table and key.

        """
        environ = os.environ if environ is None else environ
        found = locate(str(path) if path else None, environ)
        if found is None:
            raise ConfigError(
                "there is no configuration yet",
                hint="`certpush init` asks a few questions and writes one; `certpush demo` shows everything without one",
            )
        return cls(load(found, environ), environ=environ, observe=observe, clock=clock)

    # --- which targets ---

    def select(self, words: Sequence[str] = ()) -> tuple[TargetSpec, ...]:
        """The enabled targets meant by names, kinds and ``@tags``; all of them when there are no words.

        A name means its target even where it is disabled: who names it means it.

        Raises:
            ConfigError: a word means nothing here.

        """
        targets = self.configuration.targets
        if not words:
            return tuple(one for one in targets.values() if one.enabled)
        chosen: dict[str, TargetSpec] = {}
        for word in words:
            chosen.update({one.name: one for one in self._meant(word)})
        return tuple(chosen.values())

    def _meant(self, word: str) -> tuple[TargetSpec, ...]:
        targets = self.configuration.targets
        if word in targets:
            return (targets[word],)
        tag = word[1:] if word.startswith("@") else None
        meant = tuple(one for one in targets.values() if one.enabled and (tag in one.tags if tag else one.kind == word))
        if not meant:
            raise ConfigError(
                f"no target, kind or @tag is called {word!a}",
                hint=f"targets are: {', '.join(targets) or 'none yet; add a [target.NAME] table'}",
            )
        return meant

    def _one(self, name: str) -> TargetSpec:
        if name not in self.configuration.targets:
            raise ConfigError(f"there is no target {name!a}", hint=f"targets are: {', '.join(self.configuration.targets) or 'none yet'}")
        return self.configuration.targets[name]

    # --- rotating ---

    def plan(self, words: Sequence[str] = (), *, force: bool = False, adopt: bool = False) -> Iterator[Receipt]:
        """Say what ``deploy`` would do, in each receipt's ``plan``, ``findings`` and ``error``; change nothing anywhere."""
        return self._each(words, foresee, Wishes(force=force, adopt=adopt))

    def deploy(
        self,
        words: Sequence[str] = (),
        *,
        force: bool = False,
        adopt: bool = False,
        previous: CertificateBundle | None = None,
        stop: threading.Event | None = None,
    ) -> Iterator[Receipt]:
        """Rotate the targets, many at once; gives a receipt as each ends.

        ``previous`` is the pair that the (one) target uses now, handed over to make the way
        back exact. Once ``stop`` is set nothing new is switched, and what is being switched is
        brought to its end.

        Raises:
            ConfigError: a word means nothing, or ``previous`` is given for several targets.

        """
        if previous is not None and len(self.select(words)) != 1:
            raise ConfigError("a previous pair belongs to one target", hint="name the one target that uses it")
        wishes = Wishes(force=force, adopt=adopt, previous=previous, stop=stop or threading.Event())
        return self._each(words, rotate, wishes)

    def _each(self, words: Sequence[str], deed: Callable[[Rotation], Receipt], wishes: Wishes) -> Iterator[Receipt]:
        specs, opener = self.select(words), self._opener

        def receipts() -> Iterator[Receipt]:
            jobs = (partial(_members, spec, opener, deed, wishes) for spec in specs)
            for several in all_of(jobs, self._slots, wishes.stop):
                yield from several

        return receipts()

    def rollback(self, name: str) -> Receipt:
        """Go back to the certificate before the last one, and verify it."""
        spec, opener = self._one(name), self._opener
        try:
            member, settings = opener.members(spec)[0]
            receipt = retrace(opener.rotation(spec, member, settings, Wishes()))
        except CertpushError as error:
            return receipt_for(name, error)
        if receipt.outcome is Outcome.ROLLED_BACK and not self._shared(spec):
            opener.escrow.make_current(spec.certificate.name, receipt.now)
        return receipt

    def _shared(self, spec: TargetSpec) -> bool:
        return sum(one.certificate.name == spec.certificate.name for one in self.configuration.targets.values()) > 1

    # --- looking ---

    def status(self, words: Sequence[str] = ()) -> Iterator[TargetStatus]:
        """Look at every endpoint now; changes nothing."""
        opener = self._opener
        return all_of((partial(status_of, spec, opener) for spec in self.select(words)), self._slots, threading.Event())

    def history(self, name: str | None = None, *, limit: int = 50) -> tuple[Deployment, ...]:
        """What the journal holds of one target or of all, newest first."""
        return self._opener.journal.history(name, limit)

    def doctor(self, words: Sequence[str] = ()) -> Iterator[tuple[str, Finding]]:
        """Every check of each CA and each target involved: where (``ca`` or ``target.NAME``), and what was found."""
        specs = self.select(words)
        asked: dict[str, CertificateRequest | None] = dict.fromkeys(self.configuration.ca_tables) if not words else {}
        for spec in specs:
            longest = asked.get(spec.certificate.ca)
            if longest is None or (spec.certificate.request.lifetime or _NOTHING) > (longest.lifetime or _NOTHING):
                asked[spec.certificate.ca] = spec.certificate.request
        for ca, request in asked.items():
            where = "ca" if ca == DEFAULT_CA else f"ca.{ca}"
            yield from ((where, finding) for finding in self.issuer(ca).check(request))
        for spec in specs:
            yield from ((spec.path, finding) for finding in examine(spec, self._opener))

    def check_configuration(self) -> Iterator[tuple[str, Finding]]:
        """Every table, read as a run would read it: where, and what was found. Asks nobody anything, and takes no secret."""
        looking = References(self._environ, look_only=True)
        return check_configuration(self.configuration, self._loader, looking.read, self._environ)

    # --- trust ---

    def identities(self, name: str) -> tuple[Identity, ...]:
        """What the target shows to a stranger, for a person to compare; nothing secret is sent.

        Raises:
            ConfigError: this kind has nothing to compare.

        """
        spec, opener = self._one(name), self._opener
        kind = opener.kind(spec)
        if kind.identify is None:
            raise ConfigError(f"{name}: a target of kind {kind.name} shows no identity", hint="there is nothing to pin")
        return kind.identify(opener.settings(spec, kind))

    def pin(self, name: str, identity: Identity) -> None:
        """Record that a person compared this identity and found it right."""
        self._opener.journal.pin(self._one(name).name, identity.setting, identity.value, self._clock())

    # --- certificates ---

    def issuer(self, ca: str | None = None) -> StepCaIssuer:
        """The CA of that name; the only one, when None.

        Raises:
            ConfigError: there is no such CA.

        """
        name = ca or (next(iter(self.configuration.ca_tables)) if len(self.configuration.ca_tables) == 1 else DEFAULT_CA)
        with self._lock:
            if name not in self._issuers:
                settings = self.configuration.ca(name, self._references.read)
                self._issuers[name] = open_issuer(settings, clock=self._clock, environ=self._environ)
            return self._issuers[name]

    def issue(self, request: CertificateRequest, *, ca: str | None = None) -> CertificateBundle:
        """Get a certificate that no target waits for; compared with the request like any other.

        Raises:
            IssuerError: no certificate, or not the one asked for.

        """
        return obtain(CertificateSpec(name="-", request=request, ca=ca or DEFAULT_CA), self.issuer(ca), self._clock())

    def revoke(self, name_or_serial: str, *, reason: str = "superseded", reason_code: int = 4) -> tuple[int, ...]:
        """Revoke one serial number (decimal or 0x...), or what a certificate's or target's newer ones superseded.

        Gives the serial numbers that were revoked. A certificate that a target still uses is not.

        Raises:
            ConfigError: it is neither.
            IssuerError: the CA said no.

        """
        certificate = self._certificate(name_or_serial)
        serials = self._superseded(certificate) if certificate else (_serial(name_or_serial),)
        for serial in serials:
            self.issuer(certificate.ca if certificate else None).revoke(serial, reason=reason, reason_code=reason_code)
        return serials

    def _certificate(self, name: str) -> CertificateSpec | None:
        if name in self.configuration.certificates:
            return self.configuration.certificates[name]
        spec = self.configuration.targets.get(name)
        return spec.certificate if spec else None

    def _superseded(self, certificate: CertificateSpec) -> tuple[int, ...]:
        escrow, journal = self._opener.escrow, self._opener.journal
        current = escrow.current(certificate.name)
        used = journal.in_use(certificate.name) | ({current.fingerprint} if current else set())
        return tuple(one.serial for one in escrow.generations(certificate.name) if one.fingerprint not in used)

    # --- state ---

    @cached_property
    def _opener(self) -> Opener:
        directory = open_state_directory(self.configuration.state_directory)
        self._journal = Journal(directory / "journal.sqlite3")
        declared = self._loader.observers_of(one.kind for one in self.configuration.observers.values())

        def observe(event: Event) -> None:
            self._observe(event)
            declared(event)

        return Opener(
            loader=self._loader,
            read_secret=self._references.read,
            journal=self._journal,
            escrow=Escrow(directory / "certificates"),
            locks=Locks(directory / "locks"),
            issuer=self.issuer,
            clock=self._clock,
            pause=self._slots.pause,
            observe=observe,
        )

    def close(self) -> None:
        """Give back connections and the journal."""
        for issuer in self._issuers.values():
            issuer.close()
        if self._journal is not None:
            self._journal.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _members(spec: TargetSpec, opener: Opener, deed: Callable[[Rotation], Receipt], wishes: Wishes) -> list[Receipt]:
    """One target's members in their order; the first that fails stops the rest."""
    receipts: list[Receipt] = []
    try:
        for name, settings in opener.members(spec):
            receipts.append(deed(opener.rotation(spec, name, settings, wishes)))
            if receipts[-1].outcome not in (Outcome.ROTATED, Outcome.UNCHANGED):
                break
    except CertpushError as error:
        receipts.append(receipt_for(spec.name, error))
    return receipts


def _serial(text: str) -> int:
    try:
        serial = int(text, 16) if text.lower().startswith("0x") else int(text, 10)
    except ValueError:
        serial = 0
    if serial <= 0:
        raise ConfigError(
            f"{text[:80]!a} is no target, certificate or serial number",
            hint="write the serial as `certpush inspect` shows it: decimal, or hexadecimal with 0x in front",
        )
    return serial
