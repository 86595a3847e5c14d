"""A glance at what the endpoints of a target serve: mostly all is well, and then neither a login nor the CA is needed."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Protocol

from certpush.model import Action, CertificateBundle, CertificateSpec, Endpoint, Outcome, Plan, Receipt
from certpush.records import record
from certpush.rotation.inspect import Looking, look_at
from certpush.rotation.plan import NOT_IN_PLACE, due, nothing_due, why_due
from certpush.rotation.waiting import Wait, waiting
from certpush.schedule import danger_from
from certpush.state.escrow import Escrow
from certpush.state.journal import Journal

if TYPE_CHECKING:  # most targets have none
    from certpush.window import Window


class Memory(Looking, Protocol):
    """What a glance needs beside a pair of eyes."""

    @property
    def journal(self) -> Journal:
        """What was deployed."""
        ...

    @property
    def escrow(self) -> Escrow:
        """The certificates that we hold."""
        ...


@record(frozen=True, slots=True)
class Glance:
    """``receipt`` where nothing is to be done; else ``why`` says what a closer look is for."""

    receipt: Receipt | None
    why: str


def glance(
    name: str,
    spec: CertificateSpec,
    endpoints: tuple[Endpoint, ...],
    memory: Memory,
    *,
    window: Window | None,
    anchors: frozenset[str],
) -> Glance:
    """Compare what every endpoint serves with what the journal says; changes nothing, asks no plugin.

    What the target itself says is installed stays unknown. Where there is no endpoint, only a closer look can tell.
    ``window`` is when the target may be switched, ``anchors`` are the roots that the configured CA is known by.
    """
    current, now = memory.escrow.current(spec.name), memory.clock()
    why = why_due(spec, current, now, window=window, anchors=anchors)
    wait = _wait(spec, current, window, now) if why else None
    unknown = "" if why and wait is None else _why_not_known(name, current, memory)
    if unknown or current is None or not endpoints or (why and wait is None):
        return Glance(None, why or unknown or "only the target itself can tell what is installed")
    served, silent = look_at(endpoints, current.roots, memory)
    wrong = (one.problem for one in served.values() if one.fingerprint != current.fingerprint or not one.chain_ok)
    for problem in (*silent.values(), *wrong):
        return Glance(None, problem or NOT_IN_PLACE)
    receipt = Receipt(
        name,
        Outcome.UNCHANGED,
        Plan(Action.WAIT, f"{why}; {wait.text}") if wait else nothing_due(spec, current, now),
        was=current.fingerprint,
        now=current.fingerprint,
        not_after=current.not_after,
        served=tuple(served.values()),
        due=wait.until if wait else due(spec, current),
    )
    return Glance(receipt, "")


def _wait(spec: CertificateSpec, current: CertificateBundle | None, window: Window | None, now: datetime) -> Wait | None:
    """The wait of what is due and can wait."""
    wait = waiting(window, danger_from(current.not_before, current.not_after, spec.danger_left), now) if current else None
    return wait if wait and wait.until else None


def _why_not_known(name: str, current: CertificateBundle | None, memory: Memory) -> str:
    """Why the journal does not say that the certificate we hold is the one that should be there; empty where it does."""
    if memory.journal.unfinished(name):
        return "an earlier run did not come to its end"
    last = memory.journal.last(name)
    there = last.there_since if last else None
    return "" if current is not None and there == current.fingerprint else NOT_IN_PLACE
