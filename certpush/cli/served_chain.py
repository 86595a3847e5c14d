"""What a TLS server shows: its whole chain as it sends it, trusted or not."""

from __future__ import annotations

import socket
import ssl

from cryptography import x509

from certpush.errors import TargetUnreachable
from certpush.model import UNREADABLE, Endpoint

TIMEOUT_SECONDS = 10.0
_MOST = 20
_PLAIN_WORDS = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG", "RECORD_LAYER_FAILURE")


def served_chain(endpoint: Endpoint, *, timeout: float = TIMEOUT_SECONDS) -> tuple[x509.Certificate, ...]:
    """Connect once and give the certificates that the server sends, the leaf first. Nothing is sent but a handshake.

    ``timeout`` is in seconds, for each step of the connection.

    Raises:
        TargetUnreachable: nothing answers there, it does not speak TLS, or what it sends cannot be read.

    """
    try:
        with (
            socket.create_connection((endpoint.host, endpoint.port), timeout) as plain,
            _accepting_all().wrap_socket(plain, server_hostname=endpoint.name) as tls,
        ):
            sent = _sent(tls)
    except ssl.SSLError as error:
        raise TargetUnreachable(f"{endpoint}: {_without_tls(error)}", hint=_hint(error)) from error
    except OSError as error:
        raise TargetUnreachable(f"{endpoint}: {_reason(error)}", hint="check host, port and that a firewall lets us through") from error
    try:
        return tuple(x509.load_der_x509_certificate(der) for der in sent[:_MOST])
    except UNREADABLE as error:
        raise TargetUnreachable(f"{endpoint}: a certificate that the server sends cannot be read") from error


def _accepting_all() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE  # only to see what is there; whether it is trusted is judged apart
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # an old appliance's weak certificate must be seen, to be replaced
    return context


def _sent(tls: ssl.SSLSocket) -> list[bytes]:
    if hasattr(tls, "get_unverified_chain"):  # public since Python 3.13
        return list(tls.get_unverified_chain())
    chain = tls._sslobj.get_unverified_chain()  # type: ignore[attr-defined] # noqa: SLF001 - what 3.13 made public
    return [ssl.PEM_cert_to_DER_cert(one.public_bytes()) for one in chain]


def _without_tls(error: ssl.SSLError) -> str:
    if error.reason in _PLAIN_WORDS:
        return "something answers there, and it does not speak TLS"
    return f"the TLS handshake failed ({error.reason or type(error).__name__})"


def _hint(error: ssl.SSLError) -> str:
    if error.reason in _PLAIN_WORDS:
        return "is this the plain http port? give the https one: HOST:PORT"
    return "--server-name asks for another name, where the server wants one that it knows"


def _reason(error: OSError) -> str:
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, socket.gaierror):
        return "this name is not known"
    return (error.strerror or type(error).__name__).lower()
