"""The way to the API: JSON over connections that were judged, each answer judged before it is believed."""

from __future__ import annotations

import base64
from datetime import datetime
from typing import Any
from urllib.parse import quote

import requests
from cryptography import x509

from certpush.errors import TargetRefused
from certpush.kit.https import TrustedConnections, date_of, exchange
from certpush.model import Secret
from certpush_opnsense.refusals import understood
from certpush_opnsense.settings import OpnsenseSettings

# A search tells each entry twice, certificate and key, encoded and plain; some stores have hundreds.
_MOST_OCTETS = 32 * 1024 * 1024


class Api:
    """Calls of one firewall. Everything goes through ``connections``, which decide whether it is the right one."""

    def __init__(self, settings: OpnsenseSettings) -> None:
        self.where = str(settings.address)
        self.connections = TrustedConnections(settings.trust, where=self.where)
        self.date: datetime | None = None
        """The firewall's clock at its latest answer."""
        self._base = f"https://{self.where}/api"
        self._seconds = settings.request_timeout.total_seconds()
        self._login = _Login(settings.api_key, settings.api_secret)
        self._session: requests.Session | None = None

    @property
    def peer(self) -> x509.Certificate | None:
        """The certificate that the web GUI showed at the latest call."""
        return self.connections.peer

    def trust(self, *fingerprints: str | None, roots: str = "") -> None:
        """Recognise the firewall by these too, from the next call on."""
        self.connections.trust = self.connections.trust.also(*(one for one in fingerprints if one), roots=roots)

    def post(self, *path: str, body: dict[str, Any] | None = None) -> Any:
        """Call, and understand the answer; sent once. ``AnswerLost`` says that it is not known whether it was done."""
        url = "/".join([self._base, *(quote(one, safe="") for one in path)])
        # A connection of its own each: the web server ends kept ones when it likes, and shows its certificate anew.
        self.connections.forget()
        with exchange(self.connections, seconds=self._seconds, octets=_MOST_OCTETS):
            response = self._opened().post(url, json=body or {}, auth=self._login)
        self.date = date_of(response) or self.date
        return understood(self.where, response)

    def get(self, *path: str) -> Any:
        """Read one thing."""
        url = "/".join([self._base, *(quote(one, safe="") for one in path)])
        self.connections.forget()
        with exchange(self.connections, seconds=self._seconds, octets=_MOST_OCTETS):
            response = self._opened().get(url, auth=self._login)
        self.date = date_of(response) or self.date
        return understood(self.where, response)

    def rows(self, *path: str, phrase: str = "") -> list[dict[str, Any]]:
        """All that a search finds.

        Raises:
            TargetRefused: the answer is none of a search.

        """
        answer = self.post(*path, "search", body={"current": 1, "rowCount": -1, "searchPhrase": phrase})
        rows = answer.get("rows") if isinstance(answer, dict) else None
        if not isinstance(rows, list):
            raise TargetRefused(f"{self.where}: the list of {'/'.join(path)} cannot be understood", hint="upgrade certpush")
        return [row for row in rows if isinstance(row, dict)]

    def close(self) -> None:
        """Give the connection back."""
        if self._session is not None:
            self._session.close()

    def _opened(self) -> requests.Session:
        if self._session is None:
            self._session = requests.Session()
            self.connections.serve(self._session)
        return self._session


class _Login(requests.auth.AuthBase):
    """The header of each call; it cannot be printed."""

    def __init__(self, key: str, secret: Secret) -> None:
        self._key, self._secret = key, secret

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        pair = f"{self._key}:{self._secret.reveal()}".encode()
        request.headers["Authorization"] = f"Basic {base64.b64encode(pair).decode()}"
        return request
