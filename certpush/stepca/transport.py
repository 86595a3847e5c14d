"""HTTP to one CA, by the standard library: no proxy, no redirect, no retry, no cookie, and nothing of the environment."""

from __future__ import annotations

import http.client
import logging
import select
import threading
import uuid
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime

from certpush._version import __version__
from certpush.errors import CertpushError, IssuerRefused, TrustError
from certpush.model import JsonValue
from certpush.stepca.address import CaAddress
from certpush.stepca.allowance import Allowance, PinnedContext, allowing, connect
from certpush.stepca.jose import compact_json
from certpush.stepca.transport_errors import NotConnected, translate

_log = logging.getLogger(__name__)
EXCHANGE_SECONDS = 30.0
MAX_ANSWER = 1024 * 1024
_PIECE = 64 * 1024


@dataclass(frozen=True, slots=True)
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
        self._connections: weakref.WeakSet[_Connection] = weakref.WeakSet()

    def exchange(self, method: str, path: str, body: Mapping[str, JsonValue] | None = None, *, bearer: str = "") -> Answer:
        """Send one request, once, and read its answer, all within 30 s and 1 MiB.

        Raises:
            IssuerUnreachable: nothing was sent.
            AnswerLost: it was sent, and whether the CA acted on it is not known.
            TrustError: it is not our CA, or it redirects; nothing was sent to the other place.
            IssuerRefused: the answer is larger than 1 MiB, or compressed.

        """
        asked = f"{method} {self.address}{path}"
        request_id = uuid.uuid4().hex
        headers = {**_HEADERS, "X-Request-Id": request_id, **({"Authorization": f"Bearer {bearer}"} if bearer else {})}
        with allowing(seconds=EXCHANGE_SECONDS, octets=MAX_ANSWER) as allowance:
            try:
                answer = self._send(asked, method, path, compact_json(body) if body is not None else None, headers)
            except (http.client.HTTPException, OSError) as error:
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
            connection.request(method, path, body, dict(headers))
            response = connection.getresponse()
            _refuse_redirect(asked, response)
            _refuse_compressed(asked, response)
            content = _whole(response)
        except BaseException:
            connection.close()  # after half an exchange the next answer might be that of this one
            raise
        date, retry_after = response.getheader("Date", ""), response.getheader("Retry-After", "")
        return Answer(asked, response.status, content, headers["X-Request-Id"], _date(date), retry_after)

    def _connection(self) -> _Connection:
        if not hasattr(self._local, "connection"):
            self._local.connection = _Connection(self.address, self.context)
            self._connections.add(self._local.connection)
        connection: _Connection = self._local.connection
        if connection.is_stale:
            connection.close()  # the next request opens it anew
        return connection


_SOMETHING_ELSE = "does something else answer at this address, such as a proxy or a login page?"


def _failed(asked: str, error: Exception, allowance: Allowance) -> CertpushError:
    if allowance.exceeded:
        return IssuerRefused(f"{asked}: the answer is larger than {MAX_ANSWER // 1024} KiB", hint=_SOMETHING_ELSE)
    return translate(asked, error)


def _refuse_redirect(asked: str, response: http.client.HTTPResponse) -> None:
    if 300 <= response.status < 400:
        raise TrustError(
            f"{asked}: answered with a redirect ({response.status}), which is never followed",
            hint="write the CA's own address as url; step-ca itself does not redirect",
        )


def _refuse_compressed(asked: str, response: http.client.HTTPResponse) -> None:
    # Never asked for, so it is not step-ca's; and a small one may unpack to gigabytes.
    if response.getheader("Content-Encoding", "identity") != "identity":
        raise IssuerRefused(f"{asked}: the answer is compressed, which was not asked for", hint=_SOMETHING_ELSE)


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else None


def _whole(response: http.client.HTTPResponse) -> bytes:
    """The body, in pieces: read at once, memory would be set aside for whatever length the server claims."""
    content = b"".join(iter(lambda: response.read(_PIECE), b""))
    if response.length:
        raise http.client.IncompleteRead(content, response.length)
    return content


_HEADERS: Mapping[str, str] = {"Accept": "application/json", "Accept-Encoding": "identity", "User-Agent": f"certpush/{__version__}"}


class _Connection(http.client.HTTPSConnection):
    """A connection with our own context: the context alone says who is trusted."""

    def __init__(self, address: CaAddress, context: PinnedContext) -> None:
        super().__init__(address.host, address.port, context=context)
        self._pinned = context

    @property
    def is_stale(self) -> bool:
        """Whether the other side closed it, or said something unasked."""
        if self.sock is None:
            return False
        readable = select.poll()
        readable.register(self.sock, select.POLLIN)
        return bool(readable.poll(0))

    def connect(self) -> None:
        """Connect and shake hands in the time that is left; every address of the name shares it."""
        try:
            plain = connect(self.host, self.port)
        except OSError as error:
            raise NotConnected(str(error)) from error
        with plain:  # once wrapped it is empty, and closing it does nothing
            self.sock = self._pinned.wrap_socket(plain, server_hostname=self.host)

    def __del__(self) -> None:
        """A thread that ends leaves its connection behind, and nobody else has it."""
        self.close()
