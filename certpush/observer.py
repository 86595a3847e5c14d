"""The Observer contract: all that the author of an observer must read.

An observer hears how runs end: to tell a person, a chat, a monitoring system. A plugin declares
an ``ObserverKind``; each ``[observer.NAME]`` table of that kind is one observer. The core opens
it for a run (a deploy, a renewal, a rollback), lets it hear, and closes it at the run's end.

An observer never alters what happens. It runs in a thread of its own, beside the rotations; what
it raises is logged with its name, and one that does not come to its end in time is left behind.
What it hears are copies, and there is never a key in them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Generic, TypeVar

from certpush.kit.settings import Settings
from certpush.model import Event, Finding
from certpush.records import record

if TYPE_CHECKING:  # most runs have no observer, but each has what might be one
    from certpush.kit.memory import Memory

S = TypeVar("S", bound=Settings)

ENDED = "ended"


@record(frozen=True, slots=True, kw_only=True)
class Run:
    """The run that an observer hears: what was asked for, on which configuration.

    ``targets`` are the enabled ones with their kinds. ``memory`` is the observer's own; two
    runs never close an observer of the same name at the same time, so read and write it in
    ``close``.
    """

    name: str
    """The observer's, from ``[observer.NAME]``."""
    command: str
    """``deploy``, ``renew``, ``rollback``; ``test`` where somebody only tries it."""
    targets: Mapping[str, str]
    memory: Memory
    clock: Callable[[], datetime]


class Observer(ABC):
    """Hears one run. All its methods are called in one thread, one after the other."""

    @abstractmethod
    def hear(self, event: Event) -> None:
        """Take note of an event; what takes long belongs into ``close``."""

    def close(self) -> str:
        """The run is over: tell, write, send what is to be, once for all that was heard. Gives in a few words what was done.

        Raise a ``CertpushError`` where it could not be done: its message is logged. Of anything
        else only the type is, because its text may hold a secret.
        """
        return ""

    def test(self) -> str:
        """Do for real, and marked as a test, what it is there for; give in a few words what was done. Called instead of the others."""
        raise NotImplementedError("this kind of observer cannot be tried")


@record(frozen=True, slots=True)
class ObserverKind(Generic[S]):
    """What a plugin offers: the word for the configuration, the settings, and how to open an observer.

    ``name`` must equal the entry point's. ``open`` asks nobody anything: it is called when a
    run begins. ``preflight`` finds what would keep an observer of these settings from its work,
    for ``certpush config check``; it changes nothing, and sends nothing.
    """

    name: str
    summary: str
    settings: type[S]
    open: Callable[[S, Run], Observer]
    phases: frozenset[str] | None = frozenset({ENDED})
    """Which events it hears, by their phase; None: all of them."""
    preflight: Callable[[S], tuple[Finding, ...]] | None = None
    writes: Callable[[S], tuple[str, ...]] | None = None
    """The directories of this machine that it writes to, for the sandbox of a service; None: no other than its memory's."""
    hears_lost_runs: bool = False
    """Whether it also hears of a daemon's run that failed as a whole, with a memory that lasts as long as the process: of each
    target that it failed with that error, and when it is over. Has no effect on a kind that is heard in a process of its own."""
    api: int = 1
    """The version of this contract that the plugin was written for."""
