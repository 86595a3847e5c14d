"""A TLS handshake with ourselves: what clients will say to a certificate, before any server has it."""

from __future__ import annotations

import contextlib
import ssl

from cryptography import x509
from cryptography.x509.oid import SignatureAlgorithmOID

from certpush.errors import BundleInvalid
from certpush.kit.own_certificate import show_in_tls
from certpush.kit.tls import refusal_in_words, trusting
from certpush.model import CertificateBundle

_FLIGHTS = 4  # a client of TLS 1.3 needs two, three where the server asks it to begin anew
_MOST_MOULDS = 256
_accepted: set[object] = set()
"""Moulds of which a handshake has accepted a certificate; see ``_mould``."""


def refused_by_clients(bundle: CertificateBundle) -> str:
    """Why a client that trusts the bundle's roots would refuse to connect to a server with it; empty where it would not.

    Everything is in memory, nothing is sent. Names and dates are left to the caller: this tells
    what only a TLS library knows, such as name constraints of the CAs, weak keys and digests,
    and critical extensions that nobody understands. So a certificate that differs in nothing
    else from one that was accepted is accepted without another handshake.
    """
    mould = _mould(bundle)
    if mould is not None and mould in _accepted:
        return ""
    problem = _problem(bundle)
    if mould is not None and not problem:
        _remember(mould)
    return problem


def _problem(bundle: CertificateBundle) -> str:
    try:
        _shake_hands(bundle)
    except BundleInvalid as error:
        return error.message
    except ssl.SSLCertVerificationError as error:
        return refusal_in_words(error)
    except ssl.SSLError as error:
        return f"TLS is not agreed on with it ({error.reason or error})"
    return ""


def _shake_hands(bundle: CertificateBundle) -> None:
    showing = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    showing.num_tickets = 0  # nobody comes back
    show_in_tls(showing, bundle)
    looking = trusting(bundle.roots)
    looking.check_hostname = False
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client, server = looking.wrap_bio(back, there), showing.wrap_bio(there, back, server_side=True)
    for _ in range(_FLIGHTS):
        with contextlib.suppress(ssl.SSLWantReadError):
            client.do_handshake()
            return  # the client has judged, and seen that the server has the key
        with contextlib.suppress(ssl.SSLWantReadError):
            server.do_handshake()
    raise BundleInvalid("a TLS handshake with it does not end")


# --- certificates of one mould ----------------------------------------------------------------

_PLAIN_SIGNATURES = {  # all is said by the name; others have parameters
    SignatureAlgorithmOID.ECDSA_WITH_SHA256,
    SignatureAlgorithmOID.ECDSA_WITH_SHA384,
    SignatureAlgorithmOID.ECDSA_WITH_SHA512,
    SignatureAlgorithmOID.ED25519,
    SignatureAlgorithmOID.RSA_WITH_SHA256,
    SignatureAlgorithmOID.RSA_WITH_SHA384,
    SignatureAlgorithmOID.RSA_WITH_SHA512,
}
_ODD = (ValueError, NotImplementedError, x509.DuplicateExtension, x509.UnsupportedGeneralNameType)
_OF_EACH_ITS_OWN = (x509.SubjectAlternativeName, x509.SubjectKeyIdentifier)


def _mould(bundle: CertificateBundle) -> object | None:
    """All by which a TLS library judges, names and dates apart: equal moulds, equal judgement. None where that is not so.

    What the bundle itself is known to be, such as signed by the first of its chain and fit for
    its key, is true of every bundle.
    """
    leaf = bundle.leaf
    if not bundle.chain or leaf.signature_algorithm_oid not in _PLAIN_SIGNATURES:
        return None
    try:
        if any(_has_name_constraints(one) for one in (*bundle.chain, *bundle.roots)):
            return None
        extensions = tuple(
            (one.oid, one.critical, None if isinstance(one.value, _OF_EACH_ITS_OWN) else one.value.public_bytes())
            for one in leaf.extensions
        )
    except _ODD:
        return None
    return (bundle.key.spec, leaf.version, leaf.signature_algorithm_oid, extensions, bundle.chain, bundle.roots)


def _has_name_constraints(authority: x509.Certificate) -> bool:
    return any(isinstance(one.value, x509.NameConstraints) for one in authority.extensions)


def _remember(mould: object) -> None:
    if len(_accepted) >= _MOST_MOULDS:
        _accepted.clear()
    _accepted.add(mould)
