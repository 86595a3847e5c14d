"""Looking at what an endpoint serves, on a connection made for this look alone.

Own code on ``ssl``: the judgement never depends on a plugin's client. The look sends nothing
but a handshake, so an untrusted answer is information, not a danger.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, TypeAlias

from certpush.errors import TargetUnreachable
from certpush.kit.shown import Shown, UnreadableCertificate, shown_by
from certpush.model import Endpoint, Served

if TYPE_CHECKING:  # who only looks at what is right does without cryptography, which takes as long to load as all else
    from cryptography import x509

    from certpush.model import Identity

Roots: TypeAlias = "Sequence[x509.Certificate] | bytes"
"""Whom to hold a chain up to: certificates, or their PEM text."""

_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME: dates are compared here, against the clock that is passed in
DEFAULT_TIMEOUT = 10.0


def look(endpoint: Endpoint, roots: Roots, now: datetime, *, timeout: float = DEFAULT_TIMEOUT) -> Served:
    """Connect afresh and tell which certificate is served, and whether its chain and name hold up to ``roots``.

    ``timeout`` is in seconds, for each step of the connection.

    Raises:
        TargetUnreachable: nothing answers there, or it does not speak TLS.

    """
    judge = _context(roots if isinstance(roots, bytes) else tuple(roots))
    leaf, problem = _verified(endpoint, judge, timeout) if judge else (None, "no root to verify it against")
    if leaf is None:
        leaf = _seen(endpoint, timeout)
    verified = not problem
    problem = problem or _dates_problem(leaf, now)
    return Served(
        endpoint=endpoint,
        fingerprint=leaf.fingerprint,
        not_after=leaf.not_after,
        chain_ok=not problem,
        not_before=leaf.not_before,
        subject=leaf.subject,
        issuer=leaf.issuer,
        problem=problem,
        judged=judge is not None,
        verified=verified,
    )


def tls_identity(endpoint: Endpoint, *, compare: str, timeout: float = DEFAULT_TIMEOUT) -> tuple[Identity, ...]:
    """Fetch the certificate that is served without judging it, for a person to compare; ``compare`` says with what.

    Raises:
        TargetUnreachable: nothing answers there, or it does not speak TLS.

    """
    from certpush.kit.trust import with_colons, write_pin
    from certpush.model import Identity

    leaf = _seen(endpoint, timeout)
    shown = (
        with_colons(leaf.fingerprint),
        f"subject {leaf.subject or '(none)'}",
        f"issuer {leaf.issuer or '(none)'}",
        f"valid from {leaf.not_before:%Y-%m-%d %H:%M} to {leaf.not_after:%Y-%m-%d %H:%M} UTC",
    )
    return (Identity("trust", write_pin(leaf.fingerprint), shown, compare),)


def utc_now() -> datetime:
    """The system's clock, UTC."""
    return datetime.now(UTC)


def _verified(endpoint: Endpoint, judge: ssl.SSLContext, timeout: float) -> tuple[Shown | None, str]:
    """The certificate that holds up to the roots of this context; else None, and what is wrong."""
    try:
        return _handshake(endpoint, judge, timeout), ""
    except ssl.SSLCertVerificationError as error:
        return None, refusal_in_words(error)
    except ssl.SSLError as error:  # perhaps too weak for us to talk to; what is there must be seen nevertheless
        return None, f"TLS is not agreed on: {_reason(error)}"


def _seen(endpoint: Endpoint, timeout: float) -> Shown:
    try:
        return _handshake(endpoint, accepting_all(), timeout)
    except ssl.SSLError as error:
        raise TargetUnreachable(f"{endpoint}: no TLS there: {_reason(error)}", hint="check the port") from error


def _handshake(endpoint: Endpoint, context: ssl.SSLContext, timeout: float) -> Shown:
    try:
        with socket.create_connection((spelled(endpoint.host), endpoint.port), timeout) as plain:
            if endpoint.starttls is not None:
                from certpush.kit.starttls import begin_tls

                begin_tls(plain, endpoint.starttls)
            with context.wrap_socket(plain, server_hostname=spelled(endpoint.name)) as tls:
                shown = shown_by(tls)
    except TargetUnreachable as error:
        raise TargetUnreachable(f"{endpoint}: {error.message}", hint=error.hint) from error
    except ssl.SSLError:
        raise
    except (OSError, ValueError, OverflowError) as error:  # the latter two: an address of a plugin that is none
        raise TargetUnreachable(
            f"{endpoint}: {_why(error)}", hint="check that the service runs and that a firewall lets us through"
        ) from error
    except UnreadableCertificate as error:
        raise TargetUnreachable(f"{endpoint}: the server's certificate cannot be read") from error
    return shown


def spelled(host: str) -> Any:
    """The host as bytes where it can be: for text Python would load its tables of international names first."""
    return host.encode("ascii") if host.isascii() else host


@lru_cache(maxsize=32)  # the same few for thousands of looks; whoever changes one makes it by `trusting`
def _context(roots: tuple[x509.Certificate, ...] | bytes) -> ssl.SSLContext | None:
    """A context that trusts these roots; None where there are none, or they cannot be read."""
    try:
        return trusting(roots) if roots else None
    except (ssl.SSLError, ValueError):
        return None


def trusting(roots: Roots) -> ssl.SSLContext:
    """A client's context that trusts these roots alone; dates are left to be compared with a clock of one's own."""
    # Not create_default_context: it would honour SSLKEYLOGFILE and load the system's roots.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=_as_pem(roots).decode("ascii"))
    context.verify_flags |= _NO_CHECK_TIME
    context.hostname_checks_common_name = False  # as browsers have it: only the SANs count
    return context


def _as_pem(roots: Roots) -> bytes:
    if isinstance(roots, bytes):
        return roots
    from certpush.model import to_pem

    return to_pem(*roots)


@cache
def accepting_all() -> ssl.SSLContext:
    """A client's context that takes every certificate: for looking at it alone, never for sending anything. All looks share it."""
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


def _dates_problem(leaf: Shown, now: datetime) -> str:
    if now > leaf.not_after:
        return f"expired on {leaf.not_after:%Y-%m-%d %H:%M} UTC"
    if now < leaf.not_before:
        return f"not valid before {leaf.not_before:%Y-%m-%d %H:%M} UTC"
    return ""
