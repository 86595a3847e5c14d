"""The whole of certpush as one object: what the command line does, it does through this."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Collection, Generator, Iterator, Mapping, MutableMapping, Sequence
from dataclasses import replace
from datetime import datetime
from functools import partial
from itertools import chain
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from certpush.config import DEFAULT_CA, Configuration, FleetKeys, TargetSpec, from_tables, load, locate
from certpush.errors import CertpushError, ConfigError
from certpush.fleet.held import Held
from certpush.fleet.selecting import named, named_ever, select
from certpush.kit.tls import utc_now

if TYPE_CHECKING:  # each verb imports what it needs: who only looks at an endpoint loads no HTTP client and no plugin
    from certpush.fleet.forgetting import Forgetting, Forgotten
    from certpush.fleet.opening import Opener
    from certpush.fleet.receipts import Receipts
    from certpush.model import (
        CertificateBundle,
        CertificateRequest,
        Decision,
        Deployment,
        Event,
        Finding,
        Identity,
        Outcome,
        Receipt,
        TargetStatus,
        Unresolved,
    )
    from certpush.stepca.issuer import StepCaIssuer

_LOOKS_AT_FIRST = 4  # a handshake is a millisecond of computing


class Fleet:
    """Every target of a configuration. Use it as a context manager: it holds connections and the journal.

    ``observe`` hears every event; ``clock`` is the time that certificates are compared with.
    What gives an iterator works while it is iterated over: nothing is done before the first
    step, and leaving early begins nothing new.
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
        self._clock = clock
        self._held = Held(configuration, environ=self._environ, observe=observe or (lambda _: None), clock=clock)

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

    @classmethod
    def from_tables(
        cls,
        tables: Mapping[str, Any],
        *,
        environ: MutableMapping[str, str] | None = None,
        observe: Callable[[Event], None] | None = None,
        clock: Callable[[], datetime] = utc_now,
    ) -> Self:
        """Take the configuration from the program itself: what the file would hold, as Python's tables.

        ``{"ca": {"url": ...}, "target": {"wiki": {"kind": "ssh", ...}}}``; secrets stay references there, too.

        Raises:
            ConfigError: something is wrong in it; the message has table and key.

        """
        environ = os.environ if environ is None else environ
        return cls(from_tables(tables, environ), environ=environ, observe=observe, clock=clock)

    # --- which targets ---

    def select(self, words: Sequence[str] = ()) -> tuple[TargetSpec, ...]:
        """The enabled targets meant by names, kinds and ``@tags``; all of them when there are no words.

        A name means its target even where it is disabled: who names it means it.

        Raises:
            ConfigError: a word means nothing here.

        """
        return select(self.configuration.targets, words)

    def _whole(self, name: str) -> TargetSpec:
        """The target of this name, also where one member is meant, ``TARGET/MEMBER``."""
        return named(self.configuration.targets, name.partition("/")[0])

    # --- rotating ---

    def plan(
        self, words: Sequence[str] = (), *, force: bool = False, adopt: bool = False, previous: CertificateBundle | None = None
    ) -> Iterator[Receipt]:
        """Say what ``deploy`` would do, in each receipt's ``plan``, ``findings`` and ``error``; change nothing anywhere."""
        from certpush.fleet.cluster import members_foreseen
        from certpush.fleet.waves import in_waves
        from certpush.fleet.wishes import Wishes
        from certpush.rotation.run import foresee

        self._refuse_previous_for_many(words, previous)
        wishes = Wishes(force=force, adopt=adopt, previous=previous)
        job = partial(members_foreseen, opener=self._held.looking(), deed=foresee, wishes=wishes)
        return in_waves(self.select(words), job, FleetKeys(), self._held.slots, wishes.stop)

    def deploy(
        self,
        words: Sequence[str] = (),
        *,
        force: bool = False,
        adopt: bool = False,
        previous: CertificateBundle | None = None,
        stop: threading.Event | None = None,
    ) -> Receipts:
        """Rotate the targets, many at once; gives a receipt as each ends.

        Nothing happens unless it is iterated over; ``close`` ends it early.

        ``previous`` is the pair that the (one) target uses now, handed over to make the way
        back exact. Once ``stop`` is set nothing new is switched, and what is being switched is
        brought to its end.

        Raises:
            ConfigError: a word means nothing, or ``previous`` is given for several targets.

        """
        from certpush.fleet.cluster import members_of
        from certpush.fleet.receipts import Receipts
        from certpush.fleet.renewing import remembering
        from certpush.fleet.waves import in_waves
        from certpush.fleet.wishes import Wishes
        from certpush.rotation.run import rotate

        self._refuse_previous_for_many(words, previous)
        wishes = Wishes(force=force, adopt=adopt, previous=previous, stop=stop or threading.Event())
        specs, run = self.select(words), self._held.run("deploy")
        job = remembering(partial(members_of, opener=run.opener, deed=rotate, wishes=wishes), run.opener)
        return Receipts(run.over(in_waves(specs, job, self.configuration.fleet, self._held.slots, wishes.stop, ended=run.ended)))

    def renew(self, words: Sequence[str] = (), *, stop: threading.Event | None = None) -> Receipts:
        """What a timer calls: settle what was left, push again what is not served, rotate what is due; gives receipts as ``deploy`` does.

        Where all is well nothing is written, and nobody is asked but the endpoints, and once a day
        each CA for its roots. A target that
        fails waits longer and longer before it is tried again, unless ``words`` has its name;
        it never keeps others from their turn: ``canary`` and ``stop_after`` are for ``deploy``.

        Raises:
            ConfigError: a word means nothing.

        """
        from certpush.fleet.receipts import Receipts
        from certpush.fleet.renewing import renewed
        from certpush.fleet.waves import in_waves
        from certpush.fleet.wishes import Wishes

        specs, run = self.select(words), self._held.run("renew")
        wishes = Wishes(unattended=True, stop=stop or threading.Event())

        def job(spec: TargetSpec) -> list[Receipt]:
            return renewed(spec, run.opener, replace(wishes, at_once=spec.name in words))

        receipts = in_waves(specs, job, FleetKeys(), self._held.slots, wishes.stop, ended=run.ended)
        return Receipts(run.over(self._then_learning(receipts, specs, wishes.stop)), verb="renew")

    def _then_learning(
        self, receipts: Iterator[Receipt], specs: Sequence[TargetSpec], stop: threading.Event
    ) -> Generator[Receipt, None, None]:
        """The receipts; after them each CA is asked for its roots, which may change while nothing is due for a year."""
        yield from receipts
        for ca in dict.fromkeys(spec.certificate.ca for spec in specs):
            if not stop.is_set():
                self._held.learn_roots(ca)

    def _refuse_previous_for_many(self, words: Sequence[str], previous: CertificateBundle | None) -> None:
        if previous is not None and len(self.select(words)) != 1:
            raise ConfigError("a previous pair belongs to one target", hint="name the one target that uses it")

    def rollback(self, name: str) -> Receipt:
        """Go back to the certificate before the last one, and verify it; of a cluster one member at a time, ``TARGET/MEMBER``."""
        from certpush.fleet.going_back import go_back

        spec, targets = self._whole(name), self.configuration.targets.values()
        return self._observed("rollback", name, lambda opener: go_back(spec, name, opener, targets))

    def unresolved(self, name: str) -> tuple[Unresolved, ...]:
        """What was left half-way on this target or member, beside what is there now; changes nothing."""
        from certpush.fleet.resolving import unresolved_of

        return tuple(unresolved_of(self._whole(name), name, self._held.looking()))

    def resolve(self, name: str, decision: Decision) -> Receipt:
        """End what was left half-way on it as a person decided; of a cluster one member at a time, ``TARGET/MEMBER``."""
        from certpush.fleet.resolving import resolve_one

        spec, targets = self._whole(name), self.configuration.targets.values()
        return self._observed("resolve", name, lambda opener: resolve_one(spec, name, decision, opener, targets))

    def forget(self, name: str, *, clean: bool = False, abandon: bool = False) -> Forgotten:
        """Stop managing a target or member, also one that is configured no more; ``clean`` leaves it as it was before certpush.

        Raises:
            ConfigError: nothing is known of it, or it is to be cleaned and configured no more.
            SafetyRefusal: something was left half-way there, and ``abandon`` was not said.
            LockHeld: a run works on it.

        """
        return self._forgetting(self._held.changing(), name, clean=clean, abandon=abandon).forget()

    def forgettable(self, name: str, *, clean: bool = False, abandon: bool = False) -> tuple[str, ...]:
        """Which targets and members `forget` would forget, or why it would not, as far as that is known from here; changes nothing.

        Raises:
            ConfigError, SafetyRefusal: as `forget` does.

        """
        return self._forgetting(self._held.looking(), name, clean=clean, abandon=abandon).forgettable()

    def _forgetting(self, opener: Opener, name: str, *, clean: bool, abandon: bool) -> Forgetting:
        from certpush.fleet.forgetting import Forgetting

        return Forgetting(name=name, configuration=self.configuration, opener=opener, now=self._clock(), clean=clean, abandon=abandon)

    def _observed(self, command: str, name: str, deed: Callable[[Opener], Receipt]) -> Receipt:
        """Do something to one target, as a run that observers hear."""
        from certpush.rotation.receipts import receipt_for

        with self._held.run(command) as run:
            try:
                receipt = deed(run.opener)
            except CertpushError as error:
                receipt = receipt_for(name, error)
            run.ended(receipt)
        return receipt

    def waits(self) -> Mapping[str, datetime]:
        """Until when ``renew`` leaves targets (``TARGET/MEMBER``) alone that failed, by name; a moment that is past holds nobody back."""
        return self._held.looking().journal.setbacks.waits()

    # --- looking ---

    def status(self, words: Sequence[str] = (), *, remembering: bool = True) -> Iterator[TargetStatus]:
        """Look at every endpoint now; changes nothing. Each member of a cluster has a status of its own.

        ``remembering`` False leaves the journal alone, for when it is damaged: what certpush
        holds is then taken for what should be served.

        Raises:
            StateError: the journal cannot be read.

        """
        from certpush.fleet.status import statuses_of
        from certpush.fleet.workers import all_of

        opener = self._held.looking() if remembering else self._held.forgetful()
        failed = opener.journal.setbacks.waits().keys()
        jobs = [partial(statuses_of, spec, opener, failed=failed, remembering=remembering) for spec in self.select(words)]
        looked = all_of(jobs, self._held.slots, threading.Event(), at_first=_LOOKS_AT_FIRST) if len(jobs) > 1 else (job() for job in jobs)
        return chain.from_iterable(looked)

    def history(
        self,
        words: str | Sequence[str] = (),
        *,
        limit: int = 50,
        since: datetime | None = None,
        until: datetime | None = None,
        outcomes: Collection[Outcome | None] = (),
    ) -> tuple[Deployment, ...]:
        """What the journal holds, newest first: of all, or of one name or several words.

        A word is a target with its members, ``TARGET/MEMBER``, a kind or an ``@tag``; targets
        that are gone from the configuration have their history, too. ``since`` and ``until``
        are about when a deployment began; of ``outcomes`` None means those without an end.

        Raises:
            ConfigError: nobody has this tag.
            StateError: the journal cannot be read.

        """
        names = named_ever(self.configuration.targets, [words] if isinstance(words, str) else words)
        wanted = [one.value if one else "" for one in outcomes]
        journal = self._held.looking().journal
        return journal.history(names, limit=limit, since=since, until=until, outcomes=wanted)

    def notes(self, deployment: str) -> tuple[str, ...]:
        """What was noted on the way of the deployment with this id, oldest first: why a fall-back was taken, why it went back."""
        from certpush.fleet.notes import notes_of

        return notes_of(self._held.looking().journal.steps(deployment))

    def doctor(self, words: Sequence[str] = ()) -> Iterator[tuple[str, Finding]]:
        """Every check of each CA and each target involved: where (``ca``, ``state``, ``target.NAME``), and what was found.

        Without ``words`` each observer is checked, too (``observer.NAME``).
        """
        from certpush.fleet.config_check import examine_observers
        from certpush.fleet.doctor import examine_cas, examine_state, examine_targets, longest_requests
        from certpush.fleet.observing import enabled
        from certpush.model import Severity

        specs = self.select(words)
        every_ca = dict.fromkeys(self.configuration.ca_tables) if not words else {}
        yield from examine_cas({**every_ca, **longest_requests(specs)}, self.issuer)
        state = tuple(examine_state(self.configuration.state_directory, self._held.looking))
        yield from state
        usable = all(found.severity is not Severity.ERROR for _, found in state)
        yield from examine_targets(specs, self._held.looking() if usable else self._held.forgetful(), self._held.slots)
        if not words:
            yield from examine_observers(enabled(self.configuration), self._held.plugins(), self._held.read_secret)

    def check_configuration(self) -> Iterator[tuple[str, Finding]]:
        """Every table, read as a run would read it: where, and what was found. Asks nobody anything, and takes no secret."""
        from certpush.fleet.config_check import check_configuration
        from certpush.references import References

        looking = References(self._environ, look_only=True)
        return check_configuration(self.configuration, self._held.plugins(), looking.read, self._environ)

    # --- observers ---

    def test_observer(self, name: str) -> str:
        """Have the observer of this name do once what it is there for, marked as a test; gives what was done.

        Raises:
            ConfigError: there is no such observer, or its table is wrong.
            CertpushError: it could not be done.

        """
        from certpush.fleet.observing import try_observer

        return try_observer(name, self.configuration, self._held.plugins(), self._held.read_secret)

    # --- trust ---

    def identities(self, name: str) -> tuple[Identity, ...]:
        """What the target shows to a stranger, or its member ``TARGET/MEMBER``, for a person to compare; nothing secret is sent.

        Raises:
            ConfigError: this kind has nothing to compare, or there is no such target or member.

        """
        from certpush.fleet.first_contact import identities

        return identities(self._whole(name), name, self._held.looking())

    def pinned(self, name: str) -> Mapping[str, str]:
        """What a person pinned for this target or member: the settings field (``host_key``) and its value."""
        self._whole(name)
        return self._held.looking().journal.pins(name)

    def pin(self, name: str, identity: Identity) -> None:
        """Record that a person compared this identity of a target or member, and found it right."""
        self._whole(name)
        self._held.changing().journal.pin(name, identity.setting, identity.value, self._clock())

    # --- certificates ---

    def issuer(self, ca: str | None = None) -> StepCaIssuer:
        """The CA of that name; the only one, when None.

        Raises:
            ConfigError: there is no such CA.

        """
        return self._held.issuer(ca)

    def issue(self, request: CertificateRequest, *, ca: str | None = None) -> CertificateBundle:
        """Get a certificate that no target waits for; compared with the request like any other.

        Raises:
            IssuerError: no certificate, or not the one asked for.

        """
        from certpush.model import CertificateSpec
        from certpush.rotation.obtain import obtain

        return obtain(CertificateSpec(name="-", request=request, ca=ca or DEFAULT_CA), self.issuer(ca), self._clock)

    def revoke(self, name_or_serial: str, *, ca: str | None = None, reason: str = "superseded", reason_code: int = 4) -> tuple[int, ...]:
        """Revoke one serial number (decimal or 0x...), or what newer ones of a certificate, target or member superseded.

        Gives the serial numbers that were revoked. A certificate that a target still uses is
        not, and one that was revoked before is passed over where a name was given. ``ca`` says
        whose the serial number is, where there are several CAs.

        Raises:
            ConfigError: it is neither, or could be of several CAs.
            IssuerError: the CA said no.

        """
        from certpush.fleet.revoking import certificates_called, is_a_name, revoke_all, serial_number, superseded, the_ca_of_serials

        if not is_a_name(name_or_serial, self.configuration):
            serial = serial_number(name_or_serial, (*self.configuration.targets, *self.configuration.certificates))
            self.issuer(the_ca_of_serials(ca, self.configuration)).revoke(serial, reason=reason, reason_code=reason_code)
            return (serial,)
        opener = self._held.looking()
        certificates = certificates_called(name_or_serial, self.configuration, opener.escrow, opener.journal)
        old = tuple(serial for one in certificates for serial in superseded(one, opener.escrow, opener.journal))
        return revoke_all(old, self.issuer(certificates[0].ca), reason=reason, reason_code=reason_code) if old else ()

    # --- the end ---

    def close(self) -> None:
        """Give back connections and the journal."""
        self._held.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
