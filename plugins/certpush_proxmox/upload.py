"""What is sent: clean PEM, after our own look at it, because the API takes pairs that the web server then dies of."""

from __future__ import annotations

from datetime import datetime

from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from certpush.errors import BundleInvalid
from certpush.kit.soundness import check_dates, check_pair
from certpush.model import CertificateBundle

_MOST = 256 * 1024  # the API takes bodies of 512 KiB, and form encoding makes them larger


def ready(bundle: CertificateBundle, now: datetime) -> dict[str, str]:
    """The fields of an upload: leaf and intermediates, and the key as PKCS#8; nothing else stands between the blocks.

    Raises:
        BundleInvalid: the parts do not belong together, or clients would refuse the certificate now.

    """
    check_dates(bundle, now)
    return former(bundle)


def former(bundle: CertificateBundle) -> dict[str, str]:
    """The same for a pair that is put back: its dates are no reason to leave the device with worse.

    Raises:
        BundleInvalid: the parts do not belong together.

    """
    check_pair(bundle)
    _check_key(bundle)
    fields = {"certificates": bundle.fullchain_pem.decode("ascii"), "key": bundle.key.reveal_pem().decode("ascii")}
    if sum(map(len, fields.values())) > _MOST:
        raise BundleInvalid("certificate and chain are larger than the API takes", hint="leave out what the chain does not need")
    return fields


def _check_key(bundle: CertificateBundle) -> None:
    public = bundle.leaf.public_key()
    if isinstance(public, RSAPublicKey) and public.key_size < 2048:
        raise BundleInvalid(f"the key has {public.key_size} bits, which TLS libraries refuse", hint='use key = "ec-p256" or "rsa-2048"')
