"""Whether a certificate leads to the root of a CA that the configuration names, and would be accepted there."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from cryptography import x509

from certpush.cli.which_ca import open_public, public_settings, recognised
from certpush.config import Configuration, load, locate
from certpush.errors import BundleInvalid, CertpushError
from certpush.kit.shown import issuer_of, subject_of
from certpush.model import Endpoint, certificate_names, fingerprint, issued_by, name_covers
from certpush.records import record
from certpush.stepca.bootstrap import is_recognised, read_root_file, user_path
from certpush.stepca.settings import CaSettings

_PATIENCE_SECONDS = 5.0
_LONGEST_CHAIN = 10


@record(frozen=True, slots=True)
class Verdict:
    """``good`` is None where it could not be told; ``text`` says why in each case."""

    good: bool | None
    text: str


def judge(
    certificates: Sequence[x509.Certificate],
    endpoint: Endpoint | None,
    config: str | None,
    environ: Mapping[str, str],
    now: datetime,
) -> Verdict:
    """Verify against the roots of the configured CAs; where a server was asked, its name and what it sent count too."""
    try:
        found = locate(config, environ)
        configuration = load(found, environ)
        roots = tuple(_roots(configuration, environ))
    except CertpushError as error:
        if config:
            raise
        return Verdict(None, f"not verified: {error.message}")
    if not roots:
        return Verdict(None, "not verified: no CA is configured here")
    return _judged(certificates, endpoint, roots, now)


def _roots(configuration: Configuration, environ: Mapping[str, str]) -> Iterator[x509.Certificate]:
    for name in configuration.ca_tables:
        settings = recognised(public_settings(configuration, name), environ)
        if settings.root is not None and settings.url is not None:
            yield from read_root_file(user_path(settings.root), settings.fingerprint)
        elif is_recognised(settings):
            yield from _fetched(settings, environ)


def _fetched(settings: CaSettings, environ: Mapping[str, str]) -> Sequence[x509.Certificate]:
    """The root by its fingerprint, from the CA: only here is one asked."""
    from certpush.kit.allowance import allowing

    with open_public(settings, environ) as issuer, allowing(seconds=_PATIENCE_SECONDS):
        return issuer.connect().roots


def _judged(
    certificates: Sequence[x509.Certificate], endpoint: Endpoint | None, roots: Sequence[x509.Certificate], now: datetime
) -> Verdict:
    leaf = certificates[0]
    root, path = _lead(leaf, certificates[1:], roots)
    if root is None:
        return Verdict(False, f"no: {_why_not(path[-1], roots)}")
    ended = next((one for one in (*path, root) if not one.not_valid_before_utc <= now <= one.not_valid_after_utc), None)
    if ended is not None:
        which = "it" if ended is leaf else f"{subject_of(ended)} above it"
        return Verdict(False, f"no: {which} is expired, or not valid yet")
    if endpoint is not None and not _covers(leaf, endpoint.name):
        return Verdict(False, f"no: it is for other names than {endpoint.name}")
    return Verdict(True, f"leads to the configured root {fingerprint(root)}")


def _lead(
    leaf: x509.Certificate, above: Sequence[x509.Certificate], roots: Sequence[x509.Certificate]
) -> tuple[x509.Certificate | None, list[x509.Certificate]]:
    """The root that the certificate leads to, if any, and the way there through what was given, in any order."""
    path = [leaf]
    while len(path) <= _LONGEST_CHAIN:
        if path[-1] in roots:
            return path[-1], path
        root = next((one for one in roots if issued_by(path[-1], one)), None)
        if root is not None:
            return root, path
        parent = next((one for one in above if one not in path and _is_ca(one) and issued_by(path[-1], one)), None)
        if parent is None:
            break
        path.append(parent)
    return None, path


def _is_ca(certificate: x509.Certificate) -> bool:
    # Without this, anybody's server certificate could sign another in its place.
    try:
        return bool(certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca)
    except (x509.ExtensionNotFound, x509.DuplicateExtension, x509.UnsupportedGeneralNameType, ValueError):
        return False


def _why_not(top: x509.Certificate, roots: Sequence[x509.Certificate]) -> str:
    issuer = issuer_of(top)
    if issuer == subject_of(top):
        return "it is self-signed, by none of the configured CAs"
    if issuer in map(subject_of, roots):
        return "its issuer has the name of the configured root, and another key"
    return f"nothing given leads from its issuer ({issuer}) to the configured root; is an intermediate missing?"


def _covers(leaf: x509.Certificate, name: str) -> bool:
    try:
        return name_covers(certificate_names(leaf), name)
    except BundleInvalid:
        return False
