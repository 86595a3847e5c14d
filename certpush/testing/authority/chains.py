"""Whether a certificate leads to a root, with the few rules that step-ca's tokens depend on."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, ObjectIdentifier

from certpush.model import issued_by

_DEEPEST = 8


def leads_to(
    leaf: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    at: datetime,
) -> bool:
    """Whether ``leaf`` is for clients and reaches one of ``roots``, all of them valid at that moment."""
    return _is_for_clients(leaf) and _reaches(leaf, intermediates, roots, at, _DEEPEST)


def may_sign(leaf: x509.Certificate) -> bool:
    """Whether the certificate's key may make digital signatures."""
    try:
        return leaf.extensions.get_extension_for_class(x509.KeyUsage).value.digital_signature
    except x509.ExtensionNotFound:
        return False


def _is_for_clients(leaf: x509.Certificate) -> bool:
    try:
        usages: list[ObjectIdentifier] = list(leaf.extensions.get_extension_for_class(x509.ExtendedKeyUsage).value)
    except x509.ExtensionNotFound:
        return True  # no list means any use
    return ExtendedKeyUsageOID.CLIENT_AUTH in usages or ExtendedKeyUsageOID.ANY_EXTENDED_KEY_USAGE in usages


def _reaches(
    child: x509.Certificate,
    intermediates: Sequence[x509.Certificate],
    roots: Sequence[x509.Certificate],
    at: datetime,
    depth: int,
) -> bool:
    if depth == 0 or not child.not_valid_before_utc <= at <= child.not_valid_after_utc:
        return False
    if child in roots:
        return True
    parents = [one for one in (*roots, *intermediates) if one != child and _is_ca(one) and issued_by(child, one)]
    return any(_reaches(parent, intermediates, roots, at, depth - 1) for parent in parents)


def _is_ca(certificate: x509.Certificate) -> bool:
    try:
        return certificate.extensions.get_extension_for_class(x509.BasicConstraints).value.ca
    except x509.ExtensionNotFound:
        return False
