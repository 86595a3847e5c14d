"""Is it the right server? Decided inside of the TLS handshake, before a byte of anything else is sent."""

from __future__ import annotations

import hashlib
import socket
import ssl
from collections.abc import Iterator

from cryptography import x509

from certpush.errors import PinMismatch, TargetUnreachable, TrustError
from certpush.kit.allowance import AllowedSocket, PinnedContext, connect
from certpush.kit.connection_errors import NO_TLS, reason_among, was_cut
from certpush.kit.escaping import escaped
from certpush.kit.shown import subject_of
from certpush.kit.tls import refusal_in_words
from certpush.kit.trust import Trust, with_colons, write_pin
from certpush.model import UNREADABLE

_MOST_SHOWN = 3


def connect_trusted(host: str, port: int, trust: Trust, *, where: str) -> ssl.SSLSocket:
    """Open a TLS connection to a server that shows a pinned certificate, or one that holds up to the roots or the system's; to no other.

    A pin is enough, whatever else the certificate is. With roots the chain, the name and the
    dates must be right. What is read and sent keeps to ``certpush.kit.allowance``.

    Raises:
        TargetUnreachable: nobody answers there, or not in TLS.
        PinMismatch: there are pins, and it shows another certificate; nothing was sent to it.
        TrustError: there are none, and its certificate does not hold up to the roots; nothing was sent to it.

    """
    shown, problem = b"", ""
    for context in _ways_to_trust(trust):
        try:
            return _connect(host, port, context, where)
        except _NotPinned as refused:
            shown = refused.leaf
        except ssl.SSLCertVerificationError as refused:
            problem = refusal_in_words(refused)
    raise _refusal(where, trust, shown, problem)


def leaf_of(connection: ssl.SSLSocket) -> x509.Certificate | None:
    """The certificate that the server showed; None where it cannot be read, though it is a pinned one."""
    try:
        return x509.load_der_x509_certificate(connection.getpeercert(binary_form=True) or b"")
    except UNREADABLE:
        return None


class _NotPinned(ssl.SSLError):  # an OSError, so that ssl closes the connection
    def __init__(self, leaf: bytes) -> None:
        super().__init__("not the pinned certificate")
        self.leaf = leaf


class _PinningSocket(AllowedSocket):
    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - the signature of ssl
        super().do_handshake(block)
        leaf = self.getpeercert(binary_form=True) or b""
        context = self.context
        if not isinstance(context, _PinningContext) or _sha256(leaf) not in context.pins:
            raise _NotPinned(leaf)


class _PinningContext(PinnedContext):
    """Shakes hands with a server that shows one of ``pins``; with no other is the handshake brought to an end."""

    sslsocket_class = _PinningSocket
    pins: tuple[str, ...] = ()

    @classmethod
    def accepting(cls, pins: tuple[str, ...]) -> _PinningContext:
        context = cls.trusting_nobody()
        context.pins = pins
        return context


def _ways_to_trust(trust: Trust) -> Iterator[PinnedContext]:
    """The ways in which a server may prove itself, each on a connection of its own; the last also tells what it shows.

    Pins come first, because our own certificates are known by them; and once more at the end:
    old and new workers of a server may answer by turns, each right in its own way.
    """
    if trust.roots:
        if trust.pins:
            yield _PinningContext.accepting(trust.pins)
        verifying = PinnedContext.trusting(trust.roots.encode("ascii"))
        verifying.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN  # an intermediate CA may be the one that is trusted
        yield verifying
    if trust.system:
        yield PinnedContext.trusting_the_system()
    yield _PinningContext.accepting(trust.pins)


def _connect(host: str, port: int, context: PinnedContext, where: str) -> ssl.SSLSocket:
    try:
        plain = connect(host, port)
    except (OSError, ValueError, OverflowError) as error:  # the latter two: an address that is none
        raise TargetUnreachable(
            f"{where}: {reason_among((error,))}", hint="check that the service runs, the port, and that a firewall lets us through"
        ) from error
    try:
        return _secured(plain, host, context)
    except (_NotPinned, ssl.SSLCertVerificationError):
        raise
    except (OSError, ValueError) as error:
        raise TargetUnreachable(f"{where}: {_in_words(error)}", hint="check the port, and the log of the service") from error


def _secured(plain: socket.socket, host: str, context: PinnedContext) -> ssl.SSLSocket:
    secured = context.secure(plain, host)
    try:
        # Python skips the handshake where the peer is gone already; asking for the certificate fails then.
        secured.getpeercert(binary_form=True)
    except (OSError, ValueError):
        secured.close()
        raise
    return secured


def _in_words(error: Exception) -> str:
    cut = isinstance(error, ssl.SSLError) and was_cut(error)
    reason = error.reason if isinstance(error, ssl.SSLError) and not cut else None
    if reason in NO_TLS:
        return "what answers there does not speak TLS"
    if reason:
        return f"TLS is not agreed on ({escaped(reason)})"
    return f"no TLS connection ({reason_among((error,))})"


def _refusal(where: str, trust: Trust, leaf: bytes, problem: str) -> TrustError:
    """Say what the server showed, what was expected, and what a person has to do."""
    fingerprint = _sha256(leaf)
    known = [f"not the pinned {_in_short(trust.pins)}"] if trust.pins else []
    wanted = "; ".join([*known, *([problem] if problem else [])]) or "which nobody has confirmed yet"
    message = f"{where} shows the certificate {with_colons(fingerprint)} ({_whose(leaf)}), {wanted}; nothing was sent to it"
    hint = (
        "on the machine's own console, compare the SHA-256 fingerprint of its certificate; if it is right, "
        f'run `certpush trust NAME`, or write trust = "{write_pin(fingerprint)}"'
    )
    return PinMismatch(message, hint=hint) if trust.pins else TrustError(message, hint=hint)


def _in_short(pins: tuple[str, ...]) -> str:
    """The first few: of a large cluster many are known."""
    more = [f"{len(pins) - _MOST_SHOWN} more"] if len(pins) > _MOST_SHOWN else []
    return ", ".join([*(with_colons(pin) for pin in pins[:_MOST_SHOWN]), *more])


def _whose(leaf: bytes) -> str:
    try:
        return subject_of(x509.load_der_x509_certificate(leaf)) or "without a subject"
    except UNREADABLE:
        return "unreadable"


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
