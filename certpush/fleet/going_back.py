"""Back to the certificate before the last one: a target, or one member of a cluster at a time."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from contextlib import AbstractContextManager, nullcontext

from certpush.config import TargetSpec
from certpush.fleet.cluster import is_cluster
from certpush.fleet.members import MemberSpec, one_of
from certpush.fleet.opening import Opener
from certpush.fleet.wishes import Wishes
from certpush.model import Outcome, Receipt
from certpush.rotation.retrace import retrace


def go_back(spec: TargetSpec, name: str, opener: Opener, targets: Collection[TargetSpec]) -> Receipt:
    """Take the way back that the last deployment left open; ``targets`` are all that are configured.

    A certificate that nobody else has goes back with it, so that the next run does not bring the
    newer one again.

    Raises:
        CertpushError: it is not known who is meant, or it cannot be opened.

    """
    members = opener.members(spec)
    chosen = one_of(members, spec, name)
    with alone_on(spec, members, opener):
        receipt = retrace(opener.rotation(spec, chosen, Wishes()))
    if receipt.outcome is Outcome.ROLLED_BACK and is_its_alone(chosen, members, spec, targets):
        opener.escrow.make_current(chosen.certificate.name, receipt.now)
    return receipt


def alone_on(spec: TargetSpec, members: Sequence[MemberSpec], opener: Opener) -> AbstractContextManager[None]:
    """Keep others from the rest of its cluster meanwhile; the member itself has a lock of its own."""
    return opener.locks.hold(spec.name) if is_cluster(spec, members) else nullcontext()


def is_its_alone(chosen: MemberSpec, members: Sequence[MemberSpec], spec: TargetSpec, targets: Collection[TargetSpec]) -> bool:
    """Whether nobody else has the certificate of this member."""
    name = chosen.certificate.name
    return not any(one.certificate.name == name for one in members if one.name != chosen.name) and not any(
        one.certificate.name == name for one in targets if one.name != spec.name
    )
