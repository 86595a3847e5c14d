"""One target and its members, one after the other: the first that fails stops the rest, and each has a receipt of its own."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from certpush.config import TargetSpec
from certpush.errors import CertpushError, Interrupted, Stranded
from certpush.fleet.opening import Opener
from certpush.fleet.wishes import Wishes
from certpush.model import Event, Outcome, Phase, Receipt

if TYPE_CHECKING:  # who only looks at an endpoint rotates nothing
    from certpush.fleet.members import MemberSpec
    from certpush.rotation.rotation import Rotation

_log = logging.getLogger(__name__)
Deed = Callable[["Rotation"], Receipt]
"""Does something to one member, and gives its receipt."""
GOOD = (Outcome.ROTATED, Outcome.UNCHANGED)
_AGAIN = "run it again when you like"


def members_of(spec: TargetSpec, opener: Opener, deed: Deed, wishes: Wishes) -> list[Receipt]:
    """Do it to the target's members in their order; a member that is not begun any more gets a receipt that says so.

    A target whose members cannot be listed has one receipt, under its own name.
    """
    from certpush.rotation.receipts import receipt_for

    try:
        return _rotated(spec, opener, deed, wishes)
    except CertpushError as error:
        return [receipt_for(spec.name, error)]


def members_foreseen(spec: TargetSpec, opener: Opener, deed: Deed, wishes: Wishes) -> list[Receipt]:
    """The same for a deed that changes nothing: every member is shown, and none stops another."""
    from certpush.rotation.receipts import receipt_for

    try:
        return [_do(spec, opener, member, deed, wishes) for member in _asked(spec, opener)]
    except CertpushError as error:
        return [receipt_for(spec.name, error)]


def is_cluster(spec: TargetSpec, members: Sequence[MemberSpec]) -> bool:
    """Whether the target is more than itself."""
    return members[0].name != spec.name


def _rotated(spec: TargetSpec, opener: Opener, deed: Deed, wishes: Wishes) -> list[Receipt]:
    if wishes.stop.is_set():
        raise Interrupted(f"{spec.name}: stopped before it was begun", hint=_AGAIN)
    members = _listed(spec, opener)
    if not is_cluster(spec, members):
        return [_do(spec, opener, members[0], deed, wishes)]
    with opener.locks.hold(spec.name):  # two runs on one cluster would have two members down at the same moment
        return _Round(spec, opener, deed, wishes).of(members)


def _listed(spec: TargetSpec, opener: Opener) -> tuple[MemberSpec, ...]:
    try:
        return _asked(spec, opener)
    except CertpushError as error:
        if _half_way(spec, opener):
            with opener.locks.hold(spec.name):  # another run may be at it
                _refuse_to_call_it_unchanged(spec, opener, error)
        raise


def _asked(spec: TargetSpec, opener: Opener) -> tuple[MemberSpec, ...]:
    """The target's members; where the device may have to be asked for them, observers hear of it."""
    if opener.kind(spec).members is not None:
        try:
            opener.observe(Event("members", spec.name, opener.clock()))
        except Exception as error:  # noqa: BLE001 - what an observer does never changes the outcome
            _log.warning("%s: an observer failed on members: %s", spec.name, type(error).__name__)
    return opener.members(spec)


def _half_way(spec: TargetSpec, opener: Opener) -> bool:
    return bool(opener.journal.unfinished(spec.name, members=True))


def _refuse_to_call_it_unchanged(spec: TargetSpec, opener: Opener, error: CertpushError) -> None:
    """A member on which an earlier run stopped within the switch serves who knows what, and nobody can look now."""
    for one in opener.journal.unfinished(spec.name, members=True):
        if one.phase not in (Phase.INTENT, Phase.STAGED):
            raise Stranded(
                f"STRANDED: an earlier run stopped on {one.target} in the phase {one.phase}, and its turn cannot come: {error.message}",
                deployment=one,
                cause=error,
                rollback_error=error,
                hint=error.hint or f"make {spec.name} tell its members again, then run certpush again",
            ) from error


def _do(spec: TargetSpec, opener: Opener, member: MemberSpec, deed: Deed, wishes: Wishes) -> Receipt:
    from certpush.rotation.receipts import receipt_for

    try:
        return deed(opener.rotation(spec, member, wishes))
    except CertpushError as error:
        return receipt_for(member.name, error)


class _Round:
    """One way through a cluster, and how far it came."""

    def __init__(self, spec: TargetSpec, opener: Opener, deed: Deed, wishes: Wishes) -> None:
        self.spec = spec
        self.opener = opener
        self.deed = deed
        self.wishes = wishes
        self.done: list[str] = []
        self.failed = ""
        self.fresh: set[str] = set()
        """Certificates that this round has obtained, or found good: whoever shares one gets the same, forced or not."""
        self.unsettled: dict[str, Receipt] = {}

    def of(self, members: Sequence[MemberSpec]) -> list[Receipt]:
        """The members' receipts, in their order."""
        self._settle_first(members[1:])
        return [self._turn(member) for member in members]

    def _settle_first(self, members: Sequence[MemberSpec]) -> None:
        """Bring what an earlier run left half-way to its end now, because a failure before its turn would keep it from coming."""
        from certpush.rotation.run import settle_only

        for member in members:
            if self.opener.journal.unfinished(member.name):
                receipt = _do(self.spec, self.opener, member, settle_only, self.wishes)
                if receipt.outcome not in GOOD:
                    self.unsettled[member.name] = receipt

    def _turn(self, member: MemberSpec) -> Receipt:
        if self.failed or self.wishes.stop.is_set():
            return self.unsettled.get(member.name) or self._not_begun(member.name)
        wishes = replace(self.wishes, force=self.wishes.force and member.certificate.name not in self.fresh)
        receipt = _do(self.spec, self.opener, member, self.deed, wishes)
        if receipt.outcome in GOOD:
            self.done.append(member.name)
        else:
            self.failed = member.name
        self.fresh.add(member.certificate.name)
        return receipt

    def _not_begun(self, name: str) -> Receipt:
        from certpush.rotation.receipts import receipt_for

        stopped = self.wishes.stop.is_set()
        why = "stopped before it was begun" if stopped else f"not begun, because {self.failed} failed"
        before = f"done before it: {', '.join(self.done)}" if self.done else "none was done before it"
        hint = _AGAIN if stopped else f"mend {self.failed} first; what is done stays as it is"
        return receipt_for(name, Interrupted(f"{name}: {why}; {before}", hint=hint))
