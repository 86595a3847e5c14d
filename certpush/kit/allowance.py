"""What one exchange with a server may cost at most: time for all of it, and bytes received.

A timeout of a socket begins anew with each byte, so a server that sends one byte a second
would be waited for without end, and a body can be capped while a header line is not. So both
limits are kept where every byte comes in: at the TLS socket.
"""

from __future__ import annotations

import contextlib
import math
import os
import select
import socket
import ssl
import time
from collections.abc import Iterator
from contextvars import ContextVar
from typing import TYPE_CHECKING, Self, cast

from certpush.kit.tls import spelled

if TYPE_CHECKING:
    from typing_extensions import Buffer

CONNECT_SECONDS = 5.0
"""How long one address of a name may take to accept; the next is tried then (IPv6 first, and dead, is common)."""

_VERDICT_SECONDS = 0.5
_BUNDLES = (
    "/etc/ssl/certs/ca-certificates.crt",  # Debian, Ubuntu, Alpine, Arch
    "/etc/pki/tls/certs/ca-bundle.crt",  # Fedora, RHEL
    "/var/lib/ca-certificates/ca-bundle.pem",  # openSUSE
)
"""Where systems keep their CAs, for an OpenSSL that was built for none of them."""


class Allowance:
    """What is left; ``exceeded`` tells that a read was refused because too much had come."""

    def __init__(self, ends: float = math.inf, octets: float = math.inf) -> None:
        self.ends = ends
        self.octets = octets
        self.exceeded = False

    def seconds(self) -> float:
        """Time left.

        Raises:
            TimeoutError: none.

        """
        left = self.ends - time.monotonic()
        if left <= 0:
            raise TimeoutError("the time allowed is over")
        return left

    def take(self, received: int) -> None:
        """Count what came in.

        Raises:
            OSError: it is more than allowed.

        """
        self.octets -= received
        if self.octets < 0:
            self.exceeded = True
            raise OSError("more was received than allowed")


_current: ContextVar[Allowance] = ContextVar("certpush_allowance")


def current() -> Allowance:
    """What the code running now is allowed; without limit outside ``allowing``."""
    return _current.get(Allowance())


@contextlib.contextmanager
def allowing(*, seconds: float, octets: float = math.inf) -> Iterator[Allowance]:
    """Limit what is inside; an outer limit of time stays in force."""
    mine = Allowance(min(current().ends, time.monotonic() + seconds), octets)
    token = _current.set(mine)
    try:
        yield mine
    finally:
        _current.reset(token)


class AllowedSocket(ssl.SSLSocket):
    """A TLS socket that keeps to the allowance, and leaves the certificate that it was shown with its context."""

    def do_handshake(self, block: bool = False) -> None:  # noqa: FBT001, FBT002 - the signature of ssl
        """Shake hands in the time left."""
        self._keep_time()
        super().do_handshake(block)
        context = cast("PinnedContext", self.context)
        context.server_certificate = self.getpeercert(binary_form=True)
        if context.shows_certificate:
            self._hear_verdict()

    def read(self, len: int = 1024, buffer: Buffer | None = None) -> bytes:  # noqa: A002 - the signature of ssl
        """Read in the time left, and count."""
        self._keep_time()
        got = super().read(len, buffer)
        # With a buffer ssl returns how many bytes it read, whatever the type stubs say.
        current().take(cast("int", got) if buffer is not None else got.__len__())
        return got

    def send(self, data: Buffer, flags: int = 0) -> int:
        """Send in the time left."""
        self._keep_time()
        return super().send(data, flags)

    def _hear_verdict(self) -> None:
        """Wait a moment for what the server says to our certificate, before anything is sent.

        In TLS 1.3 it judges after the handshake. When we send at once, its connection is
        reset with our request unread, and the reset may overtake the alert that says why. A
        server that is content sends session tickets here (step-ca does).
        """
        if self.version() != "TLSv1.3":
            return
        select.select([self], [], [], min(_VERDICT_SECONDS, current().seconds()))
        self.setblocking(False)
        with contextlib.suppress(ssl.SSLWantReadError):  # tickets, or nothing: no complaint
            if super().read(1) == b"":
                raise ConnectionResetError("closed after the handshake")

    def _keep_time(self) -> None:
        left = current().seconds()
        self.settimeout(None if left == math.inf else left)


def name_in_certificates(host: str) -> str:
    """The host as certificates name it: without the zone of an address, and the dot at the end of a name."""
    return host.partition("%")[0].rstrip(".")


class PinnedContext(ssl.SSLContext):
    """A TLS context made from nothing but what it is given: no system store, no SSLKEYLOGFILE, no SSL_CERT_FILE.

    ``ssl.create_default_context`` would honour SSLKEYLOGFILE, and requests would add certifi's
    public CAs; either lets others read or answer in the server's place.
    """

    sslsocket_class = AllowedSocket
    shows_certificate: bool = False
    """Whether a certificate of ours is shown to the server."""
    server_certificate: bytes | None = None
    """The leaf (DER) that the server showed in the latest handshake."""

    def secure(self, plain: socket.socket, host: str) -> ssl.SSLSocket:
        """Shake hands over ``plain``, which is closed where that fails; ``host`` is whom the certificate must name."""
        try:
            # A cut answer must not look like one that ended: no end without TLS saying so.
            return self.wrap_socket(plain, server_hostname=spelled(name_in_certificates(host)), suppress_ragged_eofs=False)
        except BaseException:
            plain.close()
            raise

    @classmethod
    def trusting(cls, roots_pem: bytes) -> Self:
        """Accept servers whose certificate leads to these roots and covers the host's name."""
        context = cls._client()
        context.hostname_checks_common_name = False
        context.load_verify_locations(cadata=roots_pem.decode("ascii"))
        return context

    @classmethod
    def trusting_the_system(cls) -> Self:
        """Accept servers that a CA of this machine vouches for; where those are is not for the environment to say."""
        context = cls._client()
        context.hostname_checks_common_name = False
        built_in = ssl.get_default_verify_paths()
        bundle = next((one for one in (built_in.openssl_cafile, *_BUNDLES) if os.path.isfile(one)), None)  # noqa: PTH113 - a text for OpenSSL
        context.load_verify_locations(cafile=bundle, capath=built_in.openssl_capath)
        return context

    @classmethod
    def trusting_nobody(cls) -> Self:
        """Accept any server: only for what is checked by its fingerprint when it has been read, and with nothing secret sent."""
        context = cls._client()
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        return context

    @classmethod
    def _client(cls) -> Self:
        context = cls(ssl.PROTOCOL_TLS_CLIENT)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        # Some builds of Python (Debian's) take a connection that was cut for one that ended.
        context.options &= ~ssl.OP_IGNORE_UNEXPECTED_EOF
        return context


def connect(host: str, port: int) -> socket.socket:
    """Connect to the first address of ``host`` that accepts, all of them in the time left.

    Raises:
        OSError: none did; socket.gaierror where the name is not known.

    """
    failure: OSError = OSError(f"{host} has no address")
    for family, kind, protocol, _, address in socket.getaddrinfo(spelled(host), port, type=socket.SOCK_STREAM):
        candidate = socket.socket(family, kind, protocol)
        try:
            candidate.settimeout(min(CONNECT_SECONDS, current().seconds()))
            candidate.connect(address)
            candidate.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            return candidate
        except OSError as error:
            candidate.close()
            failure = error
    raise failure
