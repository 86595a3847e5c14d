"""What is sent, after our own look at it: the API takes pairs that the web server then does not start with."""

from __future__ import annotations

from datetime import datetime

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from certpush.errors import BundleInvalid
from certpush.kit import soundness
from certpush.model import CertificateBundle


def check(bundle: CertificateBundle, now: datetime) -> None:
    """See that it can be served.

    Raises:
        BundleInvalid: the parts do not belong together, or clients would refuse the certificate.

    """
    soundness.check_pair(bundle)
    public = bundle.leaf.public_key()
    fits = (isinstance(public, RSAPublicKey) and public.key_size >= 2048) or (
        isinstance(public, ec.EllipticCurvePublicKey) and isinstance(public.curve, ec.SECP256R1 | ec.SECP384R1)
    )
    if not fits:
        raise BundleInvalid("browsers would not take this type of key", hint='use key = "ec-p256", "ec-p384" or "rsa-2048"')
    soundness.check_dates(bundle, now)
