"""HTTP to one CA, by requests, with what is not needed switched off: environment, proxies, redirects, retries, cookies."""

from __future__ import annotations

import logging
import threading
import uuid
import weakref
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import requests
import urllib3

from certpush.errors import CertpushError, IssuerRefused, TrustError
from certpush.kit.allowance import Allowance, PinnedContext, allowing
from certpush.kit.sessions import AllowedConnection, BareAdapter, harden
from certpush.model import JsonValue
from certpush.stepca.address import CaAddress
from certpush.stepca.jose import compact_json
from certpush.stepca.transport_errors import naming, translate

_log = logging.getLogger(__name__)
EXCHANGE_SECONDS = 30.0
MAX_ANSWER = 1024 * 1024


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
        self._sessions: weakref.WeakSet[requests.Session] = weakref.WeakSet()

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
        headers = {"X-Request-Id": request_id, **({"Authorization": f"Bearer {bearer}"} if bearer else {})}
        with naming(request_id), allowing(seconds=EXCHANGE_SECONDS, octets=MAX_ANSWER) as allowance:
            try:
                answer = self._send(asked, method, path, compact_json(body) if body is not None else None, headers)
            except (requests.RequestException, urllib3.exceptions.HTTPError, OSError) as error:
                raise _failed(asked, error, allowance) from None
        _log.debug("%s: %s, request-id=%s", asked, answer.status, request_id)
        return answer

    def close(self) -> None:
        """Close every thread's connection; the next request opens a new one."""
        for session in list(self._sessions):
            session.close()

    def _send(self, asked: str, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        with self._session().request(
            method, f"{self.address}{path}", data=body, headers=headers, stream=True, allow_redirects=False, timeout=EXCHANGE_SECONDS
        ) as response:
            _refuse_redirect(asked, response)
            # Never asked for, so a compressed answer is not step-ca's; and a small one may unpack to gigabytes.
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise IssuerRefused(f"{asked}: the answer is compressed, which was not asked for", hint=_SOMETHING_ELSE)
            content = b"".join(response.iter_content(64 * 1024))
            return Answer(
                asked,
                response.status_code,
                content,
                headers["X-Request-Id"],
                _date(response.headers.get("Date", "")),
                response.headers.get("Retry-After", ""),
            )

    def _session(self) -> requests.Session:
        if not hasattr(self._local, "session"):
            self._local.session = _CaSession(self.context)
            self._sessions.add(self._local.session)
        session: requests.Session = self._local.session
        return session


_SOMETHING_ELSE = "does something else answer at this address, such as a proxy or a login page?"


def _failed(asked: str, error: Exception, allowance: Allowance) -> CertpushError:
    if allowance.exceeded:
        return IssuerRefused(f"{asked}: the answer is larger than {MAX_ANSWER // 1024} KiB", hint=_SOMETHING_ELSE)
    return translate(asked, error)


def _refuse_redirect(asked: str, response: requests.Response) -> None:
    if 300 <= response.status_code < 400:
        raise TrustError(
            f"{asked}: answered with a redirect ({response.status_code}), which is never followed",
            hint="write the CA's own address as url; step-ca itself does not redirect",
        )


def _date(text: str) -> datetime | None:
    try:
        moment = parsedate_to_datetime(text)
        return moment.astimezone(UTC) if moment.tzinfo else None
    except (ValueError, OverflowError):
        return None


class _CaSession(requests.Session):
    def __init__(self, context: PinnedContext) -> None:
        super().__init__()
        self.headers = requests.structures.CaseInsensitiveDict({"Accept": "application/json"})
        harden(self, BareAdapter(AllowedConnection, ssl_context=context))

    def get_redirect_target(self, resp: requests.Response) -> None:
        """Say that there is none: requests would read the whole body of a redirect even where it is not followed."""
