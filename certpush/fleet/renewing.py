"""One target as a timer meets it: a glance first, then what is due; failures are remembered, and a success forgets them."""

from __future__ import annotations

import logging
from collections.abc import Callable
from datetime import datetime, timedelta

from certpush.config import TargetSpec
from certpush.errors import BackingOff, CertpushError, ConfigError, Interrupted, PluginError, StateError
from certpush.fleet.cluster import GOOD, members_of
from certpush.fleet.opening import Opener
from certpush.fleet.wishes import Wishes
from certpush.model import Outcome, Receipt
from certpush.rotation.receipts import receipt_for
from certpush.schedule import next_try
from certpush.state.setbacks import Setback

_log = logging.getLogger(__name__)
_NO_SETBACK = (BackingOff, Interrupted, ConfigError, PluginError, StateError)
"""What says nothing about the target: it was not tried, or what is wrong is here, and costs nothing to try again."""
_UNKNOWN_LIFETIME = timedelta(hours=24)  # step-ca's own default


def renewed(spec: TargetSpec, opener: Opener, wishes: Wishes) -> list[Receipt]:
    """Renew the target and its members; one that failed lately waits, unless a person named it."""
    try:
        seen = _resting(spec, opener, wishes) or _waiting(spec, opener, wishes)
        receipts = [seen] if seen else _rotated(spec, opener, wishes)
    except CertpushError as error:
        receipts = [receipt_for(spec.name, error)]
    return remembered(receipts, spec, opener, failures=True)


def remembering(deed: Callable[[TargetSpec], list[Receipt]], opener: Opener) -> Callable[[TargetSpec], list[Receipt]]:
    """The deed, after whose success nothing holds its targets back any more; a person's own failures hold nobody back."""
    return lambda spec: remembered(deed(spec), spec, opener, failures=False)


def remembered(receipts: list[Receipt], spec: TargetSpec, opener: Opener, *, failures: bool) -> list[Receipt]:
    """The receipts, once what they mean for the next unattended try is written down."""
    try:
        _forget_the_whole(receipts, spec, opener)
        for one in receipts:
            if one.outcome in GOOD:
                opener.journal.setbacks.clear(one.target)
            elif failures and one.error is not None and not isinstance(one.error, _NO_SETBACK):
                opener.journal.setbacks.record(_setback(one, one.error, spec, opener))
    except StateError as error:  # what was done is done, and a receipt must not be lost for want of a note about it
        _log.warning("%s: the next try cannot be put off: %s", spec.name, error.message)
    return receipts


def _rotated(spec: TargetSpec, opener: Opener, wishes: Wishes) -> list[Receipt]:
    from certpush.rotation.renew import renew  # mostly nothing is due, and nothing rotated

    return members_of(spec, opener, renew, wishes)


def _resting(spec: TargetSpec, opener: Opener, wishes: Wishes) -> Receipt | None:
    """Its receipt where the endpoints of the configuration serve what they should: no plugin is loaded, and nobody logs in."""
    if not spec.endpoints or spec.verify == "files" or wishes.stop.is_set():
        return None
    from certpush.rotation.glance import glance

    anchors = opener.anchors(spec.certificate.ca)
    return glance(spec.name, spec.certificate, spec.endpoints, opener, window=spec.window, anchors=anchors).receipt


def _waiting(spec: TargetSpec, opener: Opener, wishes: Wishes) -> Receipt | None:
    """The receipt of a cluster whose members could not be listed lately; what was left half-way does not wait."""
    setback = opener.journal.setbacks.of(spec.name)
    if setback is None or wishes.at_once or not setback.holds(opener.clock()) or opener.kind(spec).members is None:
        return None
    if opener.journal.unfinished(spec.name, members=True) or opener.journal.unfinished(spec.name):
        return None
    from certpush.rotation.renew import too_early

    return receipt_for(spec.name, too_early(spec.name, setback))


def _forget_the_whole(receipts: list[Receipt], spec: TargetSpec, opener: Opener) -> None:
    """Its members were listed: what is wrong now is wrong with one of them."""
    if all(one.target != spec.name for one in receipts):
        opener.journal.setbacks.clear(spec.name)


def _setback(receipt: Receipt, error: CertpushError, spec: TargetSpec, opener: Opener) -> Setback:
    now, before = opener.clock(), opener.journal.setbacks.of(receipt.target)
    tries = before.tries + 1 if before else 1
    begins, ends = _life(receipt, opener) or (now, now + (spec.certificate.request.lifetime or _UNKNOWN_LIFETIME))
    return Setback(
        receipt.target, tries, next_try(now, tries, begins, ends, receipt.target), now, error.message.removeprefix(f"{receipt.target}: ")
    )


def _life(receipt: Receipt, opener: Opener) -> tuple[datetime, datetime] | None:
    """From when until when our certificate in place lives, as seen, else as the journal knows; None where none was deployed yet."""
    ours = opener.journal.ours(receipt.target) if receipt.served else ()
    seen = [(one.not_after, one.not_before) for one in receipt.served if one.not_before and one.fingerprint in ours]
    if seen:
        ends, begins = min(seen)
        return begins, ends
    last = opener.journal.last(receipt.target, outcome=Outcome.ROTATED)
    held = opener.escrow.find(last.wanted, last.certificate) if last else None
    return (held.not_before, held.not_after) if held else None
