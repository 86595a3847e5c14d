"""A TLS handshake with ourselves: what clients will say to a certificate, before any server has it."""

from __future__ import annotations

import contextlib
import ssl

from certpush.errors import BundleInvalid
from certpush.kit.own_certificate import show_in_tls
from certpush.kit.tls import refusal_in_words, trusting
from certpush.model import CertificateBundle

_FLIGHTS = 4  # TLS 1.3 needs two from each side; one that never ends is none


def refused_by_clients(bundle: CertificateBundle) -> str:
    """Why a client that trusts the bundle's roots would refuse to connect to a server with it; empty where it would not.

    Everything is in memory, nothing is sent. Names and dates are left to the caller: this tells
    what only a TLS library knows, such as name constraints of the CAs, weak keys and digests,
    and critical extensions that nobody understands.
    """
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
    show_in_tls(showing, bundle)
    looking = trusting(bundle.roots)
    looking.check_hostname = False
    there, back = ssl.MemoryBIO(), ssl.MemoryBIO()
    client, server = looking.wrap_bio(back, there), showing.wrap_bio(there, back, server_side=True)
    for _ in range(_FLIGHTS):
        for side in (client, server):
            with contextlib.suppress(ssl.SSLWantReadError):
                side.do_handshake()
