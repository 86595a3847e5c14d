"""What is sent, after our own look at it: the API takes pairs that the web server then does not start with."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from certpush.errors import BundleInvalid, ClockSkew
from certpush.kit.settings import format_duration
from certpush.model import CertificateBundle, issued_by, leaf_spki


def check(bundle: CertificateBundle, now: datetime) -> None:
    """See that it can be served.

    Raises:
        BundleInvalid: the parts do not belong together, or clients would refuse the certificate.

    """
    if leaf_spki(bundle.leaf) != bundle.key.public_spki:
        raise BundleInvalid("the private key does not belong to the certificate", hint="nothing was sent")
    for child, parent in zip((bundle.leaf, *bundle.chain), bundle.chain, strict=False):
        if not issued_by(child, parent):
            raise BundleInvalid("the chain is out of order: a certificate is not signed by the one after it", hint="nothing was sent")
    public = bundle.leaf.public_key()
    fits = (isinstance(public, RSAPublicKey) and public.key_size >= 2048) or (
        isinstance(public, ec.EllipticCurvePublicKey) and isinstance(public.curve, ec.SECP256R1 | ec.SECP384R1)
    )
    if not fits:
        raise BundleInvalid("browsers would not take this type of key", hint='use key = "ec-p256", "ec-p384" or "rsa-2048"')
    if not bundle.not_before <= now:
        raise BundleInvalid(f"the certificate is not valid before {bundle.not_before:%Y-%m-%d %H:%M} UTC", hint="is the clock right here?")
    if now > bundle.not_after:
        raise BundleInvalid(f"the certificate expired on {bundle.not_after:%Y-%m-%d %H:%M} UTC", hint="rotate again to get a new one")


def check_clock(bundle: CertificateBundle, there: datetime | None, where: str) -> None:
    """See that the certificate has begun by the firewall's own clock.

    Raises:
        ClockSkew: it has not.

    """
    if there is not None and there < bundle.not_before.replace(microsecond=0):
        behind = format_duration(datetime.now(UTC).replace(microsecond=0) - there)
        raise ClockSkew(
            f"{where}: by its clock, {there:%Y-%m-%d %H:%M:%S} UTC, the certificate is not valid yet (it is {behind} behind ours)",
            hint="set its clock right: Services > Network Time",
        )
