"""Get a certificate and compare it with what was asked for, before any target hears of it.

The CA's answer is untrusted input: a CA that errs, or somebody in its place, must not be able
to put an unusable certificate, or one for another key, on a firewall.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ed25519
from cryptography.x509.oid import ExtendedKeyUsageOID

from certpush.errors import BundleInvalid, RootMismatch, SafetyRefusal
from certpush.issuer import Issued, Issuer
from certpush.kit.shown import issuer_of, subject_of
from certpush.model import (
    CertificateBundle,
    CertificateRequest,
    CertificateSpec,
    DnsName,
    Name,
    PrivateKey,
    certificate_names,
    issued_by,
    leaf_spki,
)

_MAX_CN = 64  # X.520; the CA takes longer ones, others do not
_MAX_CHAIN = 8
# Verifying waits that long for a certificate to begin (TargetKind.deadline is 30 s); a later one would be served, and rolled back.
_FUTURE_SLACK = timedelta(seconds=20)
_LONGER = timedelta(minutes=10)  # the CA dates back by a minute or more, as configured there
_SHORTER = timedelta(minutes=2)  # clocks differ, and the way takes time
_MINUTES = "%Y-%m-%d %H:%M"
_SOME_CA = "the CA's answer is refused"
_ELSEWHERE = "its chain does not lead to the pinned root"
_NEW_ROOT = "the CA has a new root: check its fingerprint and set it as [ca] fingerprint"


def obtain(
    spec: CertificateSpec,
    issuer: Issuer,
    clock: Callable[[], datetime],
    *,
    former: CertificateBundle | None = None,
    told: Callable[[str], object] = lambda _: None,
) -> CertificateBundle:
    """Make a key, have it certified, and give the bundle once it has been compared with the request.

    ``former`` is the present bundle; its key is used again where ``reuse_key`` says so. ``told``
    hears what the issuer has to say of how the certificate came; an empty text as a rule.

    Raises:
        IssuerError: no certificate, or not the one that was asked for.
        SafetyRefusal: an intermediate would end before the certificate.

    """
    key = key_for(spec, former)
    issued = issuer.sign(spec.request, build_csr(spec.request, key))
    told(issued.note)
    # The clock of after the answer: a CA that kept us waiting may date it by then.
    return check_issued(issued, spec.request, key, clock(), allow_short_chain=spec.allow_short_chain)


def key_for(spec: CertificateSpec, former: CertificateBundle | None) -> PrivateKey:
    """A new key, or the former one where ``reuse_key`` says so.

    Raises:
        SafetyRefusal: a new one came out like the former: there is no randomness on this machine.

    """
    if former is not None and spec.reuse_key and former.key.spec == spec.request.key:
        return former.key
    key = PrivateKey.generate(spec.request.key)
    if former is not None and key.public_spki == former.key.public_spki:
        raise SafetyRefusal("a new key came out like the present one: this machine has no randomness", hint="use none of its keys")
    return key


def build_csr(request: CertificateRequest, key: PrivateKey) -> bytes:
    """The PEM signing request: all names as SANs, and the first as CN where it is short enough."""
    first = str(request.names[0])
    subject = [x509.NameAttribute(x509.NameOID.COMMON_NAME, first)] if len(first) <= _MAX_CN else []
    names = [x509.DNSName(name.value) if isinstance(name, DnsName) else x509.IPAddress(name.value) for name in request.names]
    builder = x509.CertificateSigningRequestBuilder(x509.Name(subject), []).add_extension(
        x509.SubjectAlternativeName(names), critical=not subject
    )
    secret = key.reveal_key()
    digest = None if isinstance(secret, ed25519.Ed25519PrivateKey) else hashes.SHA256()
    return builder.sign(secret, digest).public_bytes(serialization.Encoding.PEM)


def check_issued(
    issued: Issued, request: CertificateRequest, key: PrivateKey, now: datetime, *, allow_short_chain: bool = False
) -> CertificateBundle:
    """Compare what the CA answered with what was asked; give the bundle when everything fits.

    Raises:
        BundleInvalid: naming the first thing that does not fit.
        SafetyRefusal: an intermediate ends before the leaf, unless ``allow_short_chain``.

    """
    with _reading_the_answer():
        if leaf_spki(issued.leaf) != key.public_spki:
            raise BundleInvalid("it certifies another key than ours")
        names = certificate_names(issued.leaf)
    _check_names(names, request)
    _check_dates(issued.leaf, request, now)
    _check_uses(issued.leaf)
    _check_form(issued)
    with _reading_the_answer():
        bundle = CertificateBundle(issued.leaf, _without_roots(issued), issued.roots, key)
    _check_path(bundle, now)
    _check_clients_accept(bundle)
    _check_chain_outlives_leaf(bundle, now, allow_short_chain=allow_short_chain)
    return bundle


@contextmanager
def _reading_the_answer() -> Iterator[None]:
    """Say of whatever does not fit together that it came from the CA."""
    try:
        yield
    except BundleInvalid as error:
        raise _refused(error.message) from error


def _check_names(names: tuple[Name, ...], request: CertificateRequest) -> None:
    has, wanted = set(names), set(request.names)
    lacking, beside = _in_words(wanted - has), _in_words(has - wanted)
    if lacking or beside:
        told = [*([f"lacks {lacking}"] if lacking else []), *([f"has {beside}"] if beside else [])]
        raise _refused(
            f"its names are not the ones asked for: it {' and '.join(told)}",
            hint="look at the provisioner's template and type: an OIDC provisioner ignores the names asked for",
        )


def _in_words(names: Collection[Name]) -> str:
    """A few of the names, each with its kind: an address that stands there as a DNS name is another name."""
    kinds = sorted(f"{'DNS' if isinstance(name, DnsName) else 'IP'}:{name}" for name in names)
    return ascii(", ".join(kinds[:5])[:200])[1:-1]


def _check_dates(leaf: x509.Certificate, request: CertificateRequest, now: datetime) -> None:
    if leaf.not_valid_after_utc <= now:
        raise _refused(f"it expired on {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC", hint="compare the clocks here and at the CA")
    if leaf.not_valid_before_utc > now + _FUTURE_SLACK:
        raise _refused(
            f"it is not valid before {leaf.not_valid_before_utc:%Y-%m-%d %H:%M:%S} UTC", hint="compare the clocks here and at the CA"
        )
    if request.lifetime is not None:
        _check_lifetime(leaf, request.lifetime, now)


def _check_lifetime(leaf: x509.Certificate, wanted: timedelta, now: datetime) -> None:
    lives, left = leaf.not_valid_after_utc - leaf.not_valid_before_utc, leaf.not_valid_after_utc - now
    if lives > wanted * 1.01 + _LONGER:
        raise _refused(f"it lives {lives}, and {wanted} was asked for", hint="look at the provisioner's template and claims")
    if left < wanted * 0.99 - _SHORTER:  # what is left counts: one of yesterday may have lived as long as was asked for
        whole = timedelta(seconds=int(left.total_seconds()))
        raise _refused(f"it ends in {whole}, and {wanted} was asked for", hint="look at the provisioner's template and claims")


def _check_uses(leaf: x509.Certificate) -> None:
    extensions = _extensions(leaf)
    constraints = extensions.get(x509.BasicConstraints)
    if isinstance(constraints, x509.BasicConstraints) and constraints.ca:
        raise _refused("it is a CA certificate")
    uses = extensions.get(x509.ExtendedKeyUsage)
    if not isinstance(uses, x509.ExtendedKeyUsage) or ExtendedKeyUsageOID.SERVER_AUTH not in uses:
        raise _refused("it is not made for servers (no serverAuth)", hint="look at the provisioner's template")
    usage = extensions.get(x509.KeyUsage)
    if isinstance(usage, x509.KeyUsage) and not usage.digital_signature:
        raise _refused("its key may not sign (no digitalSignature)", hint="look at the provisioner's template")


def _check_form(issued: Issued) -> None:
    if issued.leaf.serial_number <= 0:
        raise _refused("its serial number is not positive, so it could never be revoked")
    if any(_is_signed_weakly(one) for one in (issued.leaf, *issued.chain)):
        raise _refused("it, or a certificate of its chain, is signed with SHA-1 or MD5, which nobody trusts any more")
    if len({issued.leaf, *issued.chain}) <= len(issued.chain):
        raise _refused("a certificate stands in its chain twice")


def _is_signed_weakly(certificate: x509.Certificate) -> bool:
    with suppress(UnsupportedAlgorithm):
        return isinstance(certificate.signature_hash_algorithm, hashes.SHA1 | hashes.MD5)
    return False  # nobody can have verified it either: that is found out with the chain


def _extensions(certificate: x509.Certificate) -> dict[type[x509.ExtensionType], x509.ExtensionType]:
    try:
        return {type(extension.value): extension.value for extension in certificate.extensions}
    except (ValueError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType) as error:
        raise _refused("the extensions of a certificate cannot be read") from error


def _without_roots(issued: Issued) -> tuple[x509.Certificate, ...]:
    return tuple(one for one in issued.chain if one not in issued.roots)


def _check_path(bundle: CertificateBundle, now: datetime) -> None:
    if len(bundle.chain) > _MAX_CHAIN:
        raise _refused(f"its chain has {len(bundle.chain)} certificates")
    for below, intermediate in enumerate(bundle.chain):
        _check_may_sign(intermediate, below)
        if not _valid(intermediate, now):
            raise _refused("a certificate of its chain is not valid now")
    anchors = _anchors(bundle)
    if not anchors and bundle.chain and bundle.roots and _above(bundle) not in map(subject_of, bundle.roots):
        # Whole, and below a root of another name: somebody else's, or one that nobody told us of.
        raise RootMismatch(f"{_SOME_CA}: {_ELSEWHERE} (it ends below {_above(bundle)[:120]})", hint=_NEW_ROOT)
    if not anchors:
        raise _refused(f"{_ELSEWHERE} (it ends below {_above(bundle)[:120]})", hint=f"an intermediate is missing, or {_NEW_ROOT}")
    if not any(_valid(root, now) for root in anchors):
        raise _refused("the pinned root is not valid now", hint="the CA needs a new root; its fingerprint is then set as [ca] fingerprint")


def _check_may_sign(intermediate: x509.Certificate, below: int) -> None:
    """What every TLS client will ask of a CA certificate with so many others below it (RFC 5280, 6.1.4)."""
    extensions = _extensions(intermediate)
    constraints, usage = extensions.get(x509.BasicConstraints), extensions.get(x509.KeyUsage)
    if not isinstance(constraints, x509.BasicConstraints) or not constraints.ca:
        raise _refused("a certificate of its chain is no CA")
    if isinstance(usage, x509.KeyUsage) and not usage.key_cert_sign:
        raise _refused("a certificate of its chain may not sign others (no keyCertSign)")
    if constraints.path_length is not None and constraints.path_length < below:
        raise _refused("a certificate of its chain may not have so many others below it (path length)")


def _valid(certificate: x509.Certificate, now: datetime) -> bool:
    return certificate.not_valid_before_utc <= now + _FUTURE_SLACK and now < certificate.not_valid_after_utc


def _above(bundle: CertificateBundle) -> str:
    return issuer_of((bundle.leaf, *bundle.chain)[-1])


def _anchors(bundle: CertificateBundle) -> tuple[x509.Certificate, ...]:
    """The pinned roots that the chain leads to; while a CA changes its root there are others too, which matter to nobody here.

    What stands above the first such root leads on to the other one, for those who trust that.
    """
    path = (bundle.leaf, *bundle.chain)
    return tuple(root for root in bundle.roots if any(issued_by(one, root) for one in path))


def _check_clients_accept(bundle: CertificateBundle) -> None:
    from certpush.kit.rehearsal import refused_by_clients  # only a run that obtains one needs it

    problem = refused_by_clients(bundle)
    if problem:
        raise _refused(f"TLS clients would not accept it: {problem}")


def _check_chain_outlives_leaf(bundle: CertificateBundle, now: datetime, *, allow_short_chain: bool) -> None:
    root_ends = max(root.not_valid_after_utc for root in _anchors(bundle) if _valid(root, now))
    ends = min((root_ends, *(one.not_valid_after_utc for one in bundle.chain)))
    if ends < bundle.not_after and not allow_short_chain:
        raise SafetyRefusal(
            f"a CA certificate above it ends on {ends:{_MINUTES}} UTC, before the certificate does ({bundle.not_after:{_MINUTES}} UTC)",
            hint="renew the CA's certificates, ask for a shorter lifetime, or set allow_short_chain = true",
        )


def _refused(why: str, hint: str = "nothing was sent to any target; look at the CA's configuration") -> BundleInvalid:
    return BundleInvalid(f"{_SOME_CA}: {why}", hint=hint)
