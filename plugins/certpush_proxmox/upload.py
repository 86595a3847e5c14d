"""What is sent: clean PEM, after our own look at it, because the API takes pairs that the web server then dies of."""

from __future__ import annotations

from datetime import UTC, datetime

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from certpush.errors import BundleInvalid, ClockSkew
from certpush.kit.settings import format_duration
from certpush.model import CertificateBundle, issued_by, leaf_spki

_MOST = 256 * 1024  # the API takes bodies of 512 KiB, and form encoding makes them larger


def ready(bundle: CertificateBundle, now: datetime) -> dict[str, str]:
    """The fields of an upload: leaf and intermediates, and the key as PKCS#8; nothing else stands between the blocks.

    Raises:
        BundleInvalid: the parts do not belong together, or clients would refuse the certificate now.

    """
    if not bundle.not_before <= now:
        raise BundleInvalid(f"the certificate is not valid before {bundle.not_before:%Y-%m-%d %H:%M} UTC", hint="is the clock right here?")
    if now > bundle.not_after:
        raise BundleInvalid(f"the certificate expired on {bundle.not_after:%Y-%m-%d %H:%M} UTC", hint="rotate again to get a new one")
    return former(bundle)


def former(bundle: CertificateBundle) -> dict[str, str]:
    """The same for a pair that is put back: its dates are no reason to leave the device with worse.

    Raises:
        BundleInvalid: the parts do not belong together.

    """
    _check_pair(bundle)
    fields = {"certificates": bundle.fullchain_pem.decode("ascii"), "key": bundle.key.reveal_pem().decode("ascii")}
    if sum(map(len, fields.values())) > _MOST:
        raise BundleInvalid("certificate and chain are larger than the API takes", hint="leave out what the chain does not need")
    return fields


def _check_pair(bundle: CertificateBundle) -> None:
    # A bundle has seen to this when it was made. Here a mistake would end every connection to the device, so it is seen to again.
    if leaf_spki(bundle.leaf) != bundle.key.public_spki:
        raise BundleInvalid("the private key does not belong to the certificate", hint="nothing was uploaded")
    for child, parent in zip((bundle.leaf, *bundle.chain), bundle.chain, strict=False):
        if not issued_by(child, parent):
            raise BundleInvalid("the chain is out of order: a certificate is not signed by the one after it", hint="nothing was uploaded")
    public = bundle.leaf.public_key()
    if isinstance(public, RSAPublicKey) and public.key_size < 2048:
        raise BundleInvalid(f"the key has {public.key_size} bits, which TLS libraries refuse", hint='use key = "ec-p256" or "rsa-2048"')


def check_clock(bundle: CertificateBundle, there: datetime | None, where: str) -> None:
    """See that the certificate has begun by the device's own clock.

    Raises:
        ClockSkew: it has not.

    """
    if there is not None and there < bundle.not_before.replace(microsecond=0):
        behind = format_duration(datetime.now(UTC).replace(microsecond=0) - there)
        raise ClockSkew(
            f"{where}: by its clock, {there:%Y-%m-%d %H:%M:%S} UTC, the certificate is not valid yet (it is {behind} behind ours)",
            hint="set its clock right: timedatectl, chronyc tracking",
        )
