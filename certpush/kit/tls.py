"""Looking at what an endpoint serves, on a connection made for this look alone.

Own code on ``ssl`` and ``cryptography``: the judgement never depends on a plugin's client. The
look sends nothing but a handshake, so an untrusted answer is information, not a danger.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Literal

from cryptography import x509

from certpush.errors import TargetUnreachable
from certpush.kit.escaping import escaped
from certpush.kit.starttls import begin_tls
from certpush.kit.trust import with_colons, write_pin
from certpush.model import UNREADABLE, Endpoint, Identity, Served, fingerprint, to_pem

_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME: dates are compared here, against the clock that is passed in
DEFAULT_TIMEOUT = 10.0


def look(endpoint: Endpoint, roots: Sequence[x509.Certificate], now: datetime, *, timeout: float = DEFAULT_TIMEOUT) -> Served:
    """Connect afresh and tell which certificate is served, and whether its chain and name hold up to ``roots``.

    ``timeout`` is in seconds, for each step of the connection.

    Raises:
        TargetUnreachable: nothing answers there, or it does not speak TLS.

    """
    leaf, problem = _verified(endpoint, roots, timeout) if roots else (None, "no root to verify it against")
    if leaf is None:
        leaf = _seen(endpoint, timeout)
    verified = not problem
    problem = problem or _dates_problem(leaf, now)
    return Served(
        endpoint=endpoint,
        fingerprint=fingerprint(leaf),
        not_after=leaf.not_valid_after_utc,
        chain_ok=not problem,
        not_before=leaf.not_valid_before_utc,
        subject=subject_of(leaf),
        issuer=issuer_of(leaf),
        problem=problem,
        judged=bool(roots),
        verified=verified,
    )


def tls_identity(endpoint: Endpoint, *, compare: str, timeout: float = DEFAULT_TIMEOUT) -> tuple[Identity, ...]:
    """Fetch the certificate that is served without judging it, for a person to compare; ``compare`` says with what.

    Raises:
        TargetUnreachable: nothing answers there, or it does not speak TLS.

    """
    leaf = _seen(endpoint, timeout)
    shown = (
        with_colons(fingerprint(leaf)),
        f"subject {subject_of(leaf) or '(none)'}",
        f"issuer {issuer_of(leaf) or '(none)'}",
        f"valid from {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} to {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC",
    )
    return (Identity("trust", write_pin(fingerprint(leaf)), shown, compare),)


def utc_now() -> datetime:
    """The system's clock, UTC."""
    return datetime.now(UTC)


def _verified(endpoint: Endpoint, roots: Sequence[x509.Certificate], timeout: float) -> tuple[x509.Certificate | None, str]:
    """The certificate that holds up to ``roots``; else None, and what is wrong."""
    try:
        return _handshake(endpoint, _context(tuple(roots)), timeout), ""
    except ssl.SSLCertVerificationError as error:
        return None, refusal_in_words(error)
    except ssl.SSLError as error:  # perhaps too weak for us to talk to; what is there must be seen nevertheless
        return None, f"TLS is not agreed on: {_reason(error)}"


def _seen(endpoint: Endpoint, timeout: float) -> x509.Certificate:
    try:
        return _handshake(endpoint, accepting_all(), timeout)
    except ssl.SSLError as error:
        raise TargetUnreachable(f"{endpoint}: no TLS there: {_reason(error)}", hint="check the port") from error


def _handshake(endpoint: Endpoint, context: ssl.SSLContext, timeout: float) -> x509.Certificate:
    try:
        with socket.create_connection((endpoint.host, endpoint.port), timeout) as plain:
            begin_tls(plain, endpoint.starttls)
            with context.wrap_socket(plain, server_hostname=endpoint.name) as tls:
                der = tls.getpeercert(binary_form=True)
    except TargetUnreachable as error:
        raise TargetUnreachable(f"{endpoint}: {error.message}", hint=error.hint) from error
    except ssl.SSLError:
        raise
    except (OSError, ValueError, OverflowError) as error:  # the latter two: an address of a plugin that is none
        raise TargetUnreachable(
            f"{endpoint}: {_why(error)}", hint="check that the service runs and that a firewall lets us through"
        ) from error
    try:
        return x509.load_der_x509_certificate(der or b"")
    except UNREADABLE as error:
        raise TargetUnreachable(f"{endpoint}: the server's certificate cannot be read") from error


@lru_cache(maxsize=32)  # the same few for thousands of looks; whoever changes one makes it by `trusting`
def _context(roots: tuple[x509.Certificate, ...]) -> ssl.SSLContext:
    return trusting(roots)


def trusting(roots: Sequence[x509.Certificate]) -> ssl.SSLContext:
    """A client's context that trusts these roots alone; dates are left to be compared with a clock of one's own."""
    # Not create_default_context: it would honour SSLKEYLOGFILE and load the system's roots.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=to_pem(*roots).decode("ascii"))
    context.verify_flags |= _NO_CHECK_TIME
    context.hostname_checks_common_name = False  # as browsers have it: only the SANs count
    return context


def accepting_all() -> ssl.SSLContext:
    """A client's context that takes every certificate: for looking at it alone, never for sending anything."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # only to see what is there; nothing is sent
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # an old appliance's weak certificate must be seen, to be replaced
    context.minimum_version = ssl.TLSVersion.MINIMUM_SUPPORTED
    return context


def _reason(error: ssl.SSLError) -> str:
    return error.reason or str(error)


def _why(error: Exception) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    return getattr(error, "strerror", None) or str(error)


def subject_of(certificate: x509.Certificate) -> str:
    """Whom a certificate is for, as text that may be printed: a stranger wrote it."""
    return _shown(certificate, "subject")


def issuer_of(certificate: x509.Certificate) -> str:
    """Who signed a certificate, as text that may be printed."""
    return _shown(certificate, "issuer")


def _shown(certificate: x509.Certificate, which: Literal["subject", "issuer"]) -> str:
    # cryptography reads a name when it is first asked for, so a malformed one shows up here.
    try:
        name: x509.Name = getattr(certificate, which)
        return escaped(name.rfc4514_string())
    except ValueError:
        return "(unreadable)"


def refusal_in_words(error: ssl.SSLCertVerificationError) -> str:
    """What a client has against a certificate, in a person's words where OpenSSL's are not."""
    return _REFUSALS.get(error.verify_code) or str(error.verify_message or error).rstrip(".")


_REFUSALS = {  # X509_V_ERR_* of OpenSSL
    20: "the chain does not lead to our root (an intermediate is missing, or another CA signed it)",
    26: "it, or a CA above it, is not made for servers (extended key usage)",
    34: "it, or a CA above it, has a critical extension that TLS clients do not know",
    47: "a CA above it may not sign for one of the names (name constraints)",
    48: "a CA above it may not sign for one of the names (name constraints)",
    67: "a CA above it has too weak a key",
    68: "it, or a CA above it, is signed with too weak a digest",
}


def _dates_problem(leaf: x509.Certificate, now: datetime) -> str:
    if now > leaf.not_valid_after_utc:
        return f"expired on {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    if now < leaf.not_valid_before_utc:
        return f"not valid before {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
    return ""
