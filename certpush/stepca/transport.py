"""HTTP to one CA, by the standard library's client: it takes nothing from the environment, follows nothing and tries nothing twice.

Not by requests, which appliances are asked with: a command that says one word to a CA would
spend half of its time on loading it (docs/decisions/0027).
"""

from __future__ import annotations

import http.client
import logging
import os
import select
import threading
import weakref
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import msgspec

from certpush._version import __version__
from certpush.errors import CertpushError, IssuerRefused, TrustError
from certpush.kit.allowance import Allowance, PinnedContext, allowing, connect
from certpush.model import JsonValue
from certpush.records import record
from certpush.stepca.address import CaAddress
from certpush.stepca.transport_errors import NotConnected, naming, translate

_log = logging.getLogger(__name__)
EXCHANGE_SECONDS = 30.0
MAX_ANSWER = 1024 * 1024
_ALWAYS = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": f"certpush/{__version__}"}


@record(frozen=True, slots=True)
class Answer:
    """One answer of the CA, complete and within the limits."""

    asked: str
    status: int
    body: bytes
    request_id: str
    date: datetime | None
    retry_after: str


class Transport:
    """Sends requests to one CA over one TLS context; may be used from many threads, each with its own connection."""

    def __init__(self, address: CaAddress, context: PinnedContext) -> None:
        self.address = address
        self.context = context
        self._local = threading.local()
        self._connections: weakref.WeakSet[_CaConnection] = weakref.WeakSet()

    def exchange(self, method: str, path: str, body: Mapping[str, JsonValue] | None = None, *, bearer: str = "") -> Answer:
        """Send one request, once, and read its answer, all within 30 s and 1 MiB.

        Raises:
            IssuerUnreachable: nothing was sent.
            AnswerLost: it was sent, and whether the CA acted on it is not known.
            TrustError: it is not our CA, or it redirects; nothing was sent to the other place.
            IssuerRefused: the answer is larger than 1 MiB, or compressed.

        """
        asked = f"{method} {self.address}{path}"
        request_id = os.urandom(16).hex()
        headers = {**_ALWAYS, "X-Request-Id": request_id, **({"Authorization": f"Bearer {bearer}"} if bearer else {})}
        with naming(request_id), allowing(seconds=EXCHANGE_SECONDS, octets=MAX_ANSWER) as allowance:
            try:
                answer = self._send(asked, method, path, msgspec.json.encode(body) if body is not None else None, headers)
            except (http.client.HTTPException, OSError, ValueError) as error:
                raise _failed(asked, error, allowance) from None
        _log.debug("%s: %s, request-id=%s", asked, answer.status, request_id)
        return answer

    def close(self) -> None:
        """Close every thread's connection; the next request opens a new one."""
        for connection in list(self._connections):
            connection.close()

    def _send(self, asked: str, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        connection = self._connection()
        try:
            connection.request(method, path, body, headers)
            response = connection.getresponse()
            _refuse_redirect(asked, response.status)
            _refuse_compression(asked, response.headers.get("Content-Encoding", "identity"))
            content = response.read()
        except BaseException:
            connection.close()  # what is left of this answer must not be taken for the next
            raise
        return Answer(
            asked,
            response.status,
            content,
            headers["X-Request-Id"],
            _date(response.headers.get("Date", "")),
            response.headers.get("Retry-After", ""),
        )

    def _connection(self) -> _CaConnection:
        """This thread's connection; one that the CA has closed meanwhile is opened anew with the request."""
        if not hasattr(self._local, "connection"):
            self._local.connection = _CaConnection(self.address, self.context)
            self._connections.add(self._local.connection)
        connection: _CaConnection = self._local.connection
        connection.close_if_gone()
        return connection


class _CaConnection(http.client.HTTPConnection):
    """A connection to the first address of the CA that accepts, in TLS, in the time allowed."""

    default_port = 443
    debuglevel = 0  # whatever a program sets for all of them: it would print tokens

    def __init__(self, address: CaAddress, context: PinnedContext) -> None:
        super().__init__(address.host, address.port)
        self._context = context

    def connect(self) -> None:
        """Connect and shake hands; who is trusted is the context's business."""
        try:
            plain = connect(self.host, self.port)
        except OSError as error:
            raise NotConnected(str(error)) from error
        self.sock = self._context.secure(plain, self.host)

    def __del__(self) -> None:
        self.close()  # its thread has ended

    def close_if_gone(self) -> None:
        """Close what the other side has closed: between two answers there is nothing else to be read."""
        if self.sock is not None:
            waiting = select.poll()
            waiting.register(self.sock, select.POLLIN)
            if waiting.poll(0):
                self.close()


_SOMETHING_ELSE = "does something else answer at this address, such as a proxy or a login page?"


def _failed(asked: str, error: Exception, allowance: Allowance) -> CertpushError:
    if allowance.exceeded:
        return IssuerRefused(f"{asked}: the answer is larger than {MAX_ANSWER // 1024} KiB", hint=_SOMETHING_ELSE)
    return translate(asked, error)


def _refuse_redirect(asked: str, status: int) -> None:
    if 300 <= status < 400:
        raise TrustError(
            f"{asked}: answered with a redirect ({status}), which is never followed",
            hint="write the CA's own address as url; step-ca itself does not redirect",
        )


def _refuse_compression(asked: str, encoding: str) -> None:
    # Never asked for, so a compressed answer is not step-ca's; and a small one may unpack to gigabytes.
    if encoding != "identity":
        raise IssuerRefused(f"{asked}: the answer is compressed, which was not asked for", hint=_SOMETHING_ELSE)


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None
