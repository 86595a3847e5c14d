"""A CA in memory that mints whole bundles: good ones, and each kind of bad one that a test may need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from functools import cached_property

from cryptography import x509
from cryptography.x509.oid import ObjectIdentifier

from certpush.model import CertificateBundle, DnsName, KeySpec, Name, PrivateKey, fingerprint, parse_name
from certpush.testing.authority.leaf import SERVER_AND_CLIENT, AlternativeNames, Profile, sign_leaf
from certpush.testing.authority.pki import TEN_YEARS, Pki

Clock = Callable[[], datetime]
BACKDATE = timedelta(minutes=1)
DAY = timedelta(hours=24)


def real_clock() -> datetime:
    """The time of this machine, UTC."""
    return datetime.now(UTC)


class Authority:
    """A root and an intermediate that sign what they are told to, without any server.

    ``clock`` decides what "now" is. Two authorities know nothing of each other: the second
    one is the "other CA" of a test.
    """

    def __init__(self, name: str = "Test", *, clock: Clock = real_clock, pki: Pki | None = None) -> None:
        self.name = name
        self.clock = clock
        self._given = pki

    @cached_property
    def pki(self) -> Pki:
        """Root and intermediate; made when first needed, valid both by ``clock`` and by this machine's time."""
        if self._given:
            return self._given
        # TLS libraries compare with this machine's time whatever the simulated one is.
        earliest, latest = sorted((self.clock(), real_clock()))
        return Pki.make(self.name, now=earliest, lifetime=TEN_YEARS + (latest - earliest))

    @property
    def root(self) -> x509.Certificate:
        """The root."""
        return self.pki.root

    @property
    def intermediate(self) -> x509.Certificate:
        """The intermediate, which signs the leaves."""
        return self.pki.intermediate

    @property
    def root_pem(self) -> bytes:
        """The root, PEM."""
        return self.pki.root_pem

    @property
    def fingerprint(self) -> str:
        """The root's SHA-256."""
        return fingerprint(self.root)

    def issue(
        self,
        *names: str | Name,
        key: KeySpec | PrivateKey = KeySpec.EC_P256,
        lifetime: timedelta = DAY,
        starts: timedelta = -BACKDATE,
        intermediate: bool = True,
        is_ca: bool = False,
        usages: Sequence[ObjectIdentifier] = SERVER_AND_CLIENT,
    ) -> CertificateBundle:
        """Mint a certificate with its key (``svc.example.com`` where no name is given).

        It is valid from ``starts`` after now, and ends ``lifetime`` after now. Without
        ``intermediate`` the chain is left out, as on a badly set up server.
        """
        parsed = tuple(parse_name(one) if isinstance(one, str) else one for one in names) or (DnsName("svc.example.com"),)
        private = key if isinstance(key, PrivateKey) else PrivateKey.generate(key)
        now = self.clock()
        profile = Profile(
            str(parsed[0]),
            sort_names(parsed),
            now + starts,
            now + lifetime,
            usages=tuple(usages),
            is_ca=is_ca,
        )
        leaf = sign_leaf(self.pki, private.reveal_key().public_key(), profile)
        return CertificateBundle(leaf, (self.intermediate,) if intermediate else (), (self.root,), private)

    def expired(self, *names: str | Name, key: KeySpec | PrivateKey = KeySpec.EC_P256) -> CertificateBundle:
        """Mint a certificate that ended an hour ago, after a day."""
        hour = timedelta(hours=1)
        return self.issue(*names, key=key, starts=-DAY - hour, lifetime=-hour)

    def not_yet_valid(self, *names: str | Name, key: KeySpec | PrivateKey = KeySpec.EC_P256) -> CertificateBundle:
        """Mint a certificate that begins in an hour."""
        return self.issue(*names, key=key, starts=timedelta(hours=1), lifetime=DAY)


def sort_names(names: Sequence[Name]) -> AlternativeNames:
    """Sort names by type, each type in the given order."""
    return AlternativeNames(
        dns=tuple(one.value for one in names if isinstance(one, DnsName)),
        addresses=tuple(one.value for one in names if not isinstance(one, DnsName)),
    )
