"""A last look before a pair is sent to an appliance that may not look itself, and then serves nothing any more."""

from __future__ import annotations

from datetime import UTC, datetime

from certpush.errors import BundleInvalid, ClockSkew
from certpush.kit.settings import format_duration
from certpush.model import CertificateBundle, issued_by, leaf_spki


def check_pair(bundle: CertificateBundle) -> None:
    """See that key, leaf and chain belong together. A bundle has seen to it when it was made; here a mistake would end every connection.

    Raises:
        BundleInvalid: they do not.

    """
    if leaf_spki(bundle.leaf) != bundle.key.public_spki:
        raise BundleInvalid("the private key does not belong to the certificate", hint="nothing was sent")
    for child, parent in zip((bundle.leaf, *bundle.chain), bundle.chain, strict=False):
        if not issued_by(child, parent):
            raise BundleInvalid("the chain is out of order: a certificate is not signed by the one after it", hint="nothing was sent")


def check_dates(bundle: CertificateBundle, now: datetime) -> None:
    """See that clients would take it at this moment.

    Raises:
        BundleInvalid: it has not begun, or is over.

    """
    if now < bundle.not_before:
        raise BundleInvalid(f"the certificate is not valid before {bundle.not_before:%Y-%m-%d %H:%M} UTC", hint="is the clock right here?")
    if now > bundle.not_after:
        raise BundleInvalid(f"the certificate expired on {bundle.not_after:%Y-%m-%d %H:%M} UTC", hint="rotate again to get a new one")


def check_clock(bundle: CertificateBundle, there: datetime | None, where: str, *, hint: str) -> None:
    """See that the certificate has begun by the appliance's own clock, as far as that is known.

    Raises:
        ClockSkew: it has not.

    """
    if there is not None and there < bundle.not_before.replace(microsecond=0):
        behind = format_duration(datetime.now(UTC).replace(microsecond=0) - there)
        raise ClockSkew(
            f"{where}: by its clock, {there:%Y-%m-%d %H:%M:%S} UTC, the certificate is not valid yet (it is {behind} behind ours)",
            hint=hint,
        )
