"""HTTPS to an appliance that is trusted by a pin or by a CA, through a session of requests, a subclass's too.

Importing this imports requests; do it where the first request is made.
"""

from __future__ import annotations

import http.client
import logging
import time
import weakref
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests
import urllib3
from cryptography import x509
from urllib3.connection import HTTPSConnection

from certpush.errors import TargetRefused, TargetUnreachable
from certpush.kit.allowance import Allowance, allowing
from certpush.kit.connection_errors import causes_of, reason_among
from certpush.kit.escaping import escaped
from certpush.kit.handshake import connect_trusted, leaf_of
from certpush.kit.sessions import BareAdapter, harden
from certpush.kit.trust import Trust

_log = logging.getLogger(__name__)

EXCHANGE_SECONDS = 60.0
MAX_ANSWER = 1024 * 1024

_SOMETHING_ELSE = "does something else answer at this address, such as a proxy or a login page?"
_ONLY_READ = "run again; is it busy, or is the way to it slow?"
_PERHAPS_DONE = "what was asked for may have been done nevertheless: look at what is served now"


class AnswerLost(TargetUnreachable):
    """The request was sent, and no complete answer came: whether it was carried out must be looked at."""


def date_of(response: requests.Response) -> datetime | None:
    """What the server's clock showed when it answered; None where it does not tell."""
    try:
        moment = parsedate_to_datetime(response.headers.get("Date", ""))
    except (ValueError, OverflowError):
        return None
    return moment.astimezone(UTC) if moment.tzinfo else None


class TrustedConnections:
    """Makes connections for sessions, and decides in each TLS handshake whether the server is the right one.

    There is no other way to a connection: before a server has shown a pinned certificate, or
    one that holds up to the roots, not a byte of HTTP is sent. ``where`` names the server in
    errors, as "host:port". One instance is for one thread.
    """

    def __init__(self, trust: Trust, *, where: str) -> None:
        self.trust = trust
        """May be replaced while in use; counts from the next connection on."""
        self.peer: x509.Certificate | None = None
        """The leaf of the latest connection; None before any, and where a pinned one cannot be read."""
        self.where = where
        self.allowance: Allowance | None = None
        """What the exchange that is going on may still cost; see ``exchange``."""
        self._adapters: weakref.WeakSet[BareAdapter] = weakref.WeakSet()

    def serve(self, session: requests.Session) -> None:
        """Let ``session`` speak to the right server alone, whatever it or a caller says of verify, cert, proxies and timeout.

        Nothing of the environment counts; no redirect is followed, no cookie of an answer kept,
        no compressed answer taken, nothing tried twice. What each request raises:

        Raises:
            TargetUnreachable: nothing was sent.
            AnswerLost: it was sent, and no complete answer came.
            PinMismatch: there are pins, and the server shows another certificate; nothing was sent to it.
            TrustError: it does not hold up to the roots; nothing was sent to it.
            TargetRefused: the answer is too large, compressed, or a redirect.

        """
        adapter = _TrustedAdapter(self)
        self._adapters.add(adapter)
        harden(session, adapter)

    def connect(self, connection: HTTPSConnection) -> None:
        """Connect, and shake hands with the right server, as ``connect_trusted`` does."""
        secured = connect_trusted(connection.host, connection.port or 443, self.trust, where=self.where)
        connection.sock, connection.is_verified = secured, True
        self.peer = leaf_of(secured)

    def forget(self) -> None:
        """Close the connections that are kept open: the next request opens a fresh one."""
        for adapter in list(self._adapters):
            adapter.close()


@contextmanager
def exchange(connections: TrustedConnections, *, seconds: float = EXCHANGE_SECONDS, octets: int = MAX_ANSWER) -> Iterator[None]:
    """Limit the time and the bytes received of all requests inside; one outside of any has these limits to itself."""
    outer = connections.allowance
    with allowing(seconds=seconds, octets=octets) as allowance:
        connections.allowance = allowance
        try:
            yield
        finally:
            connections.allowance = outer


class _TrustedAdapter(BareAdapter):
    def __init__(self, connections: TrustedConnections) -> None:
        self._connections = connections
        super().__init__(lambda **options: _TrustedConnection(connections, **options))

    def send(self, request: requests.PreparedRequest, *_args: object, **_options: object) -> requests.Response:
        """Send the request and read the whole answer, within the limits; what else requests would pass changes nothing."""
        request.headers["Accept-Encoding"] = "identity"
        with _telling(self._connections, request.method), _noted(self._connections.where, request) as note:
            response = super().send(request, stream=True)
            try:
                _refuse_oddities(self._connections.where, response)
                _ = response.content  # requests would read it later, where no limit holds and no error is translated
                note(response.status_code)
            except BaseException:
                response.close()
                raise
            return response


class _TrustedConnection(HTTPSConnection):
    def __init__(self, connections: TrustedConnections, **options: object) -> None:
        super().__init__(**options)  # type: ignore[arg-type] # urllib3's own, handed through
        self._connections = connections

    def connect(self) -> None:
        """Connect; errors are certpush's, and pass through urllib3 and requests."""
        self._connections.connect(self)


@contextmanager
def _noted(where: str, request: requests.PreparedRequest) -> Iterator[Callable[[int], None]]:
    """Log what was asked and how long it took: never a header, a query or a body."""
    begun, answered = time.monotonic(), ["no answer"]
    try:
        yield lambda status: answered.append(str(status))
    finally:
        path = request.path_url.partition("?")[0]
        _log.debug("%s: %s %s: %s after %.0f ms", where, request.method, path, answered[-1], (time.monotonic() - begun) * 1000)


@contextmanager
def _telling(connections: TrustedConnections, method: str | None) -> Iterator[None]:
    """Keep to the limits, and tell in our own words what goes wrong once a connection stands."""
    with ExitStack() as stack:
        if connections.allowance is None:
            stack.enter_context(exchange(connections))
        try:
            yield
        except (requests.RequestException, urllib3.exceptions.HTTPError, http.client.HTTPException, OSError, ValueError) as error:
            raise _lost(connections, method, error) from None  # the library's errors hold the request


def _lost(connections: TrustedConnections, method: str | None, error: Exception) -> TargetRefused | AnswerLost:
    if connections.allowance and connections.allowance.exceeded:
        return TargetRefused(f"{connections.where}: the answer is larger than was to be expected", hint=_SOMETHING_ELSE)
    return AnswerLost(
        f"{connections.where}: no complete answer came ({escaped(reason_among(tuple(causes_of(error))))})",
        hint=_ONLY_READ if method == "GET" else _PERHAPS_DONE,
    )


def _refuse_oddities(where: str, response: requests.Response) -> None:
    if 300 <= response.status_code < 400:
        raise TargetRefused(f"{where}: answered with a redirect ({response.status_code}), which is never followed", hint=_SOMETHING_ELSE)
    # Never asked for; and a small one may unpack to gigabytes.
    if response.headers.get("Content-Encoding", "identity").strip().lower() != "identity":
        raise TargetRefused(f"{where}: the answer is compressed, which was not asked for", hint=_SOMETHING_ELSE)
