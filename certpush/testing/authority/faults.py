"""What an embedded CA can be told to do wrong: spoilt certificates, spoilt answers."""

from __future__ import annotations

import enum
from dataclasses import dataclass
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, ExtensionOID

from certpush.testing.authority.leaf import AlternativeNames, sign_again
from certpush.testing.authority.pki import Pki


class Leaf(enum.Enum):
    """A certificate other than the one that was asked for."""

    OTHER_KEY = "another key's certificate"
    OTHER_NAMES = "a certificate for other names"
    EXPIRED = "a certificate that has ended"
    NOT_YET_VALID = "a certificate that begins in ten minutes"
    IS_CA = "a CA certificate"
    CLIENTS_ONLY = "a certificate without serverAuth"
    NO_INTERMEDIATE = "a chain without the intermediate"
    OTHER_ROOT = "a chain to another root"


class Answer(enum.Enum):
    """An answer other than step-ca's."""

    HTML = "an HTML page with status 200"
    TRUNCATED = "JSON that ends in the middle"
    HUGE = "a body of 2 GiB"
    GZIP_BOMB = "a body that grows from 1 MiB to 1 GiB when unpacked"
    TRICKLE = "one byte a second"
    LOST = "none: the request is done, the connection is closed"
    REDIRECT = "a redirect to plain http"
    SILENCE = "none: the request is done, the connection stays open"


@dataclass(frozen=True)
class Fault:
    """One thing to do wrong, for requests to ``path`` (a prefix), the next ``times`` times, or always.

    ``status`` answers with that status instead, ``retry_after`` is its header.
    """

    leaf: Leaf | None = None
    answer: Answer | None = None
    status: int | None = None
    retry_after: str | None = None
    path: str = ""
    times: int | None = None


def spoil(honest: x509.Certificate, how: Leaf, pki: Pki, now: datetime) -> tuple[x509.Certificate, ...]:
    """Make the spoilt chain out of the honest certificate."""
    if how is Leaf.NO_INTERMEDIATE:
        return (honest,)
    signer = Pki.make("Other", now=now) if how is Leaf.OTHER_ROOT else pki
    key = ec.generate_private_key(ec.SECP256R1()).public_key() if how is Leaf.OTHER_KEY else None
    return sign_again(signer, honest, key, _validity(honest, how, now), instead=_extensions(how)), signer.intermediate


def _validity(honest: x509.Certificate, how: Leaf, now: datetime) -> tuple[datetime, datetime]:
    if how is Leaf.EXPIRED:
        return now - timedelta(days=1), now - timedelta(hours=1)
    if how is Leaf.NOT_YET_VALID:
        return now + timedelta(minutes=10), now + timedelta(days=1)
    return honest.not_valid_before_utc, honest.not_valid_after_utc


def _extensions(how: Leaf) -> tuple[x509.ExtensionType, ...]:
    if how is Leaf.OTHER_NAMES:
        names = AlternativeNames(dns=("somebody-else.example.com",)).der()
        return (x509.UnrecognizedExtension(ExtensionOID.SUBJECT_ALTERNATIVE_NAME, names),)
    if how is Leaf.IS_CA:
        return (x509.BasicConstraints(ca=True, path_length=None),)
    if how is Leaf.CLIENTS_ONLY:
        return (x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]),)
    return ()
