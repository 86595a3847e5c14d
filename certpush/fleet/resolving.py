"""What was left half-way on a target or its members, shown to a person, and ended as that person decides."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from certpush.config import TargetSpec
from certpush.errors import CertpushError, ConfigError
from certpush.fleet.going_back import alone_on, is_its_alone
from certpush.fleet.members import MemberSpec
from certpush.fleet.opening import Opener
from certpush.fleet.wishes import Wishes
from certpush.model import Action, Decision, Deployment, Outcome, Plan, Receipt, Unresolved


def unresolved_of(spec: TargetSpec, name: str, opener: Opener) -> Iterator[Unresolved]:
    """Every open record of the target and its members, or of the one member ``name``, beside what is there now; changes nothing.

    Raises:
        LockHeld: a run is at work there, and brings its own record to an end.

    """
    for at_work in _newest_open(spec, name, opener):
        with opener.locks.hold(at_work):
            pass
    records = _newest_open(spec, name, opener)  # what a run had open that has come to its end since is no matter
    try:
        members = {one.name: one for one in opener.members(spec)} if records else {}
    except CertpushError as error:
        yield from (_unseen(one, error.message, opener) for one in records.values())
        return
    for target, record in records.items():
        yield _look(spec, members.get(target), record, opener)


def resolve_one(spec: TargetSpec, name: str, decision: Decision, opener: Opener, targets: Collection[TargetSpec]) -> Receipt:
    """Do what was decided; ``targets`` are all that are configured. The target is not held back any more afterwards.

    Raises:
        CertpushError: it is not known who is meant, or it cannot be opened.

    """
    records = _newest_open(spec, name, opener)
    if not records:
        return Receipt(name, Outcome.UNCHANGED, Plan(Action.NOTHING, "nothing to resolve"))
    chosen = _the_only(list(records), name)
    members = opener.members(spec)
    member = next((one for one in members if one.name == chosen), None)
    if member is None:
        raise ConfigError(_gone(spec, chosen), hint=_hint_for_gone(chosen))
    from certpush.rotation.resolve import resolve

    with alone_on(spec, members, opener):
        receipt = resolve(opener.rotation(spec, member, Wishes()), decision)
    if receipt.error is None:
        opener.journal.setbacks.clear(chosen)
        if receipt.outcome is Outcome.ROLLED_BACK and is_its_alone(member, members, spec, targets):
            opener.escrow.make_current(member.certificate.name, receipt.now)
    return receipt


def _newest_open(spec: TargetSpec, name: str, opener: Opener) -> dict[str, Deployment]:
    """By target or member, the newest record that no run brought to its end."""
    mine = opener.journal.unfinished(name)
    theirs = opener.journal.unfinished(name, members=True) if name == spec.name else ()
    return {one.target: one for one in (*mine, *theirs)}


def _look(spec: TargetSpec, member: MemberSpec | None, record: Deployment, opener: Opener) -> Unresolved:
    from certpush.rotation.resolve import look_at_unresolved

    if member is None:
        return _unseen(record, _gone(spec, record.target), opener)
    try:
        rotation = opener.rotation(spec, member, Wishes())
    except CertpushError as error:
        return _unseen(record, error.message, opener)
    return look_at_unresolved(rotation) or Unresolved(record)


def _unseen(record: Deployment, why: str, opener: Opener) -> Unresolved:
    return Unresolved(record, problems=(why,), key_held=opener.escrow.find(record.wanted) is not None)


def _the_only(names: list[str], meant: str) -> str:
    if len(names) == 1:
        return names[0]
    raise ConfigError(f"{meant}: {len(names)} of its members were left half-way, and one is meant", hint=f"name one of: {', '.join(names)}")


def _gone(spec: TargetSpec, name: str) -> str:
    return f"{name} is not among the members of {spec.name} any more" if "/" in name else f"{name} has members now, and is none itself"


def _hint_for_gone(name: str) -> str:
    return f"bring it back into the cluster; or, where it is gone for good: certpush forget {name} --abandon"
