"""Looking at what an endpoint serves, on a connection made for this look alone.

Own code on ``ssl`` and ``cryptography``: the judgement never depends on a plugin's client. The
look sends nothing but a handshake, so an untrusted answer is information, not a danger.
"""

from __future__ import annotations

import socket
import ssl
from collections.abc import Sequence
from datetime import UTC, datetime

from cryptography import x509

from certpush.errors import TargetUnreachable
from certpush.kit.starttls import begin_tls
from certpush.model import Endpoint, Served, fingerprint, to_pem

_NO_CHECK_TIME = 0x200000  # X509_V_FLAG_NO_CHECK_TIME: dates are compared here, against the clock that is passed in
DEFAULT_TIMEOUT = 10.0


def look(endpoint: Endpoint, roots: Sequence[x509.Certificate], now: datetime, *, timeout: float = DEFAULT_TIMEOUT) -> Served:
    """Connect afresh and tell which certificate is served, and whether its chain and name hold up to ``roots``.

    ``timeout`` is in seconds, for each step of the connection.

    Raises:
        TargetUnreachable: nothing answers there, or it does not speak TLS.

    """
    problem = ""
    if roots:
        try:
            leaf = _handshake(endpoint, _verifying(roots), timeout)
        except ssl.SSLCertVerificationError as error:
            problem = _in_words(error)
            leaf = _handshake(endpoint, _accepting_all(), timeout)
    else:
        problem = "no root to verify it against"
        leaf = _handshake(endpoint, _accepting_all(), timeout)
    problem = problem or _dates_problem(leaf, now)
    return Served(
        endpoint=endpoint,
        fingerprint=fingerprint(leaf),
        not_after=leaf.not_valid_after_utc,
        chain_ok=not problem,
        not_before=leaf.not_valid_before_utc,
        subject=leaf.subject.rfc4514_string(),
        issuer=leaf.issuer.rfc4514_string(),
        problem=problem,
    )


def utc_now() -> datetime:
    """The system's clock, UTC."""
    return datetime.now(UTC)


def _handshake(endpoint: Endpoint, context: ssl.SSLContext, timeout: float) -> x509.Certificate:
    try:
        with socket.create_connection((endpoint.host, endpoint.port), timeout) as plain:
            begin_tls(plain, endpoint.starttls)
            with context.wrap_socket(plain, server_hostname=endpoint.name) as tls:
                der = tls.getpeercert(binary_form=True)
    except ssl.SSLCertVerificationError:
        raise
    except ssl.SSLError as error:
        raise TargetUnreachable(f"{endpoint}: no TLS there: {error.reason or error}", hint="check the port") from error
    except OSError as error:
        reason = "no answer in time" if isinstance(error, TimeoutError) else (error.strerror or str(error))
        raise TargetUnreachable(f"{endpoint}: {reason}", hint="check that the service runs and that a firewall lets us through") from error
    if der is None:
        raise TargetUnreachable(f"{endpoint}: the server showed no certificate")
    try:
        return x509.load_der_x509_certificate(der)
    except ValueError as error:
        raise TargetUnreachable(f"{endpoint}: the server's certificate cannot be read") from error


def _verifying(roots: Sequence[x509.Certificate]) -> ssl.SSLContext:
    # Not create_default_context: it would honour SSLKEYLOGFILE and load the system's roots.
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(cadata=to_pem(*roots).decode("ascii"))
    context.verify_flags |= _NO_CHECK_TIME
    return context


def _accepting_all() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # only to see what is there; nothing is sent
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # an old appliance's weak certificate must be seen, to be replaced
    return context


def _in_words(error: ssl.SSLCertVerificationError) -> str:
    if error.verify_code == 20:  # X509_V_ERR_UNABLE_TO_GET_ISSUER_CERT_LOCALLY
        return "the chain does not lead to our root (an intermediate is missing, or another CA signed it)"
    return str(error.verify_message or error).rstrip(".")


def _dates_problem(leaf: x509.Certificate, now: datetime) -> str:
    if now > leaf.not_valid_after_utc:
        return f"expired on {leaf.not_valid_after_utc:%Y-%m-%d %H:%M} UTC"
    if now < leaf.not_valid_before_utc:
        return f"not valid before {leaf.not_valid_before_utc:%Y-%m-%d %H:%M} UTC"
    return ""
