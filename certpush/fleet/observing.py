"""A run as its observers hear it: opened with it, told of each receipt, closed at its end."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Generator, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import replace
from datetime import datetime
from functools import partial
from types import TracebackType
from typing import TYPE_CHECKING, Any, Self

from certpush.config import Configuration, ObserverKeys, ObserverSpec, TargetSpec
from certpush.config.configuration import unknown
from certpush.errors import CertpushError, ConfigError, ObserverFailed, StateError
from certpush.fleet.opening import Opener
from certpush.fleet.validity import validity_of
from certpush.kit.boundary import place_of
from certpush.kit.settings import SecretReader, Settings, convert
from certpush.kit.tls import utc_now
from certpush.model import Event, Receipt, Secret, Validity
from certpush.observer import ENDED, Observer, ObserverKind, Run

if TYPE_CHECKING:  # most runs have no observer
    from certpush.fleet.hearing import Hearing
    from certpush.kit.memory import Memory
    from certpush.plugins import Listener, PluginLoader
    from certpush.state.lock import Locks

_log = logging.getLogger(__name__)
_MEMORIES = "observers"


def read_observer(spec: ObserverSpec, kind: ObserverKind[Any], read_secret: SecretReader) -> Settings:
    """The kind's settings for this observer.

    Raises:
        ConfigError: with the path of what is wrong.

    """
    settings: Settings = convert(spec.table, kind.settings, path=spec.path, read_secret=read_secret, beside=ObserverKeys)
    return settings


def refuse_wrong_tables(configuration: Configuration, loader: PluginLoader) -> None:
    """What is wrong in the configuration is said before anything is begun.

    What only this moment or this machine lacks, such as a secret, keeps no certificate from
    being renewed: that is told when the observer is opened, and alters nothing.

    Raises:
        PluginError: nobody offers the kind, or it cannot be used.
        ConfigError: a key of the table is wrong.

    """
    for spec in enabled(configuration):
        read_observer(spec, loader.load_observer(spec.kind), _no_secret_yet)


def enabled(configuration: Configuration) -> list[ObserverSpec]:
    """The observers that are to hear."""
    return [one for one in configuration.observers.values() if one.enabled]


def _no_secret_yet(_: str) -> Secret:
    return Secret("not read yet")


def run_for(
    spec: ObserverSpec, command: str, configuration: Configuration, clock: Callable[[], datetime], memory: Memory | None = None
) -> Run:
    """What this observer is told of a run; its memory is that in the state directory, unless another one is given."""
    from certpush.kit.memory import Memory

    return Run(
        name=spec.name,
        command=command,
        targets={one.name: one.kind for one in configuration.targets.values() if one.enabled or one.set_aside},
        memory=memory or Memory(configuration.state_directory.absolute() / _MEMORIES / f"{spec.name}.json"),
        clock=clock,
    )


def hearings_of(
    configuration: Configuration,
    loader: PluginLoader,
    read_secret: SecretReader,
    command: str,
    clock: Callable[[], datetime],
    locks: Locks,
) -> list[Hearing]:
    """One for each observer that is configured and enabled."""
    return [
        hearing_of(
            spec,
            loader.load_observer(spec.kind),
            read_secret,
            run_for(spec, command, configuration, clock),
            alone=partial(locks.hold, f"observer+{spec.name}", wait=spec.deadline.total_seconds()),
        )
        for spec in enabled(configuration)
    ]


def hearing_of(
    spec: ObserverSpec, kind: ObserverKind[Any], read_secret: SecretReader, run: Run, *, alone: Callable[[], AbstractContextManager[None]]
) -> Hearing:
    """The observer of this table, as it will hear this run; ``alone`` is held while it closes."""
    from certpush.fleet.hearing import Hearing

    def opened() -> Observer:
        observer: Observer = kind.open(read_observer(spec, kind, read_secret), run)
        return observer

    return Hearing(name=spec.name, open=opened, alone=alone, phases=kind.phases, deadline=spec.deadline)


def try_observer(name: str, configuration: Configuration, plugins: PluginLoader, read_secret: SecretReader) -> str:
    """Have the observer of this name do once what it is there for; gives what was done.

    Raises:
        ConfigError: there is no such observer, or its table is wrong.
        CertpushError: it could not be done.

    """
    if name not in configuration.observers:
        raise unknown("observer", name, configuration.observers, "add an [observer.NAME] table; `certpush observer kinds` lists the kinds")
    spec = configuration.observers[name]
    kind = plugins.load_observer(spec.kind)
    settings = read_observer(spec, kind, read_secret)
    try:
        done: str = kind.open(settings, run_for(spec, "test", configuration, utc_now)).test()
    except CertpushError:
        raise
    except NotImplementedError:
        raise ConfigError(f"observers of the kind {kind.name} cannot be tried", hint="it hears the next run") from None
    except (Exception, SystemExit) as error:  # noqa: BLE001 - a plugin may raise anything
        raise ObserverFailed(f"observer {name} failed: {place_of(error)}", hint=f"report it to the authors of {kind.name}") from None
    return done


class _Overhearing(Observer):
    """A loaded plugin that hears all runs, because it has ``certpush_observe``."""

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    def hear(self, event: Event) -> None:
        self._listener(event)


class ObservedRun:
    """One run of a fleet. Use it as a context manager, or lead its receipts through ``over``."""

    def __init__(
        self,
        *,
        opener: Opener,
        observe: Callable[[Event], None],
        targets: Mapping[str, TargetSpec],
        hearings: Iterable[Hearing],
        listeners: Callable[[], list[tuple[str, Listener]]],
    ) -> None:
        self.opener = replace(opener, observe=self.hear)
        self._observe = observe
        self._targets = targets
        self._hearings = {one.name: one for one in hearings}
        self._listeners = listeners
        self._lock = threading.Lock()

    def hear(self, event: Event) -> None:
        """Tell an event to the program's own observer, and to all others."""
        self._observe(event)
        for one in self._all():
            one.tell(event)

    def ended(self, receipt: Receipt) -> None:
        """Tell how one target ended; nothing that goes wrong here alters that."""
        try:
            self.hear(Event(ENDED, receipt.target, self.opener.clock(), receipt=receipt, validity=self._validity(receipt)))
        except Exception as error:  # noqa: BLE001 - what an observer does never changes the outcome
            _log.warning("%s: an observer failed on %s: %s", receipt.target, ENDED, place_of(error))

    def over(self, receipts: Iterable[Receipt]) -> Generator[Receipt, None, None]:
        """The receipts as they come; the run ends with them."""
        with self:
            yield from receipts

    def __enter__(self) -> Self:
        for one in self._hearings.values():
            one.start()
        return self

    def __exit__(self, _type: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None) -> None:
        with self._lock:
            ending = [(one, one.end()) for one in self._hearings.values()]
        for one, until in ending:
            one.wait(until)

    def _validity(self, receipt: Receipt) -> Validity | None:
        spec = self._targets.get(receipt.target.partition("/")[0])
        try:
            return None if spec is None else validity_of(receipt, spec, self.opener)
        except StateError:  # a damaged journal: the receipt says so, and is heard without
            return None

    def _all(self) -> list[Hearing]:
        with self._lock:
            for name, listener in self._listeners():
                called = f"{name} (certpush_observe)"
                if called not in self._hearings:  # loaded meanwhile
                    from certpush.fleet.hearing import Hearing

                    self._hearings[called] = Hearing(name=called, open=partial(_Overhearing, listener), alone=nullcontext)
                    self._hearings[called].start()
            return [*self._hearings.values()]
