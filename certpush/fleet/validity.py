"""The life of the certificate that a target has, as far as its receipt and what certpush holds tell."""

from __future__ import annotations

from datetime import datetime

from certpush.config import TargetSpec
from certpush.fleet.cluster import GOOD
from certpush.fleet.opening import Opener
from certpush.model import CertificateBundle, Receipt, Validity
from certpush.schedule import danger_from, due_at


def validity_of(receipt: Receipt, spec: TargetSpec, opener: Opener) -> Validity | None:
    """That of what was seen; where nobody could look, of what is there by all that certpush knows. None where it knows nothing."""
    certificate = _certificate_of(receipt, spec, opener)
    dated = _dates_seen(receipt) or _dates_held(receipt, certificate, opener)
    if dated is None:
        return None
    not_before, not_after, fingerprint = dated
    ours = receipt.outcome in GOOD or fingerprint in opener.journal.ours(receipt.target)
    return Validity(
        not_before,
        not_after,
        danger_from(not_before, not_after, spec.certificate.danger_left),
        due_at(not_before, not_after, spec.certificate.renew_at, certificate) if ours else None,
    )


_Dated = tuple[datetime, datetime, str | None]


def _certificate_of(receipt: Receipt, spec: TargetSpec, opener: Opener) -> str:
    """The name of the certificate: a member of a cluster may have one of its own."""
    _, _, member = receipt.target.partition("/")
    own = f"{spec.certificate.name}/{member}"
    return own if member and opener.escrow.current(own) is not None else spec.certificate.name


def _dates_seen(receipt: Receipt) -> _Dated | None:
    """Of several that are served, the one that ends first."""
    dated = [(one.not_before, one.not_after, one.fingerprint) for one in receipt.served if one.not_before is not None]
    return min(dated, key=lambda one: one[1], default=None)


def _dates_held(receipt: Receipt, certificate: str, opener: Opener) -> _Dated | None:
    fingerprint = receipt.now or receipt.was or _deployed_last(receipt.target, opener)
    held: CertificateBundle | None = opener.escrow.find(fingerprint, certificate) if fingerprint else None
    return None if held is None else (held.not_before, held.not_after, held.fingerprint)


def _deployed_last(target: str, opener: Opener) -> str | None:
    last = opener.journal.last(target)
    return last.there_since if last else None
