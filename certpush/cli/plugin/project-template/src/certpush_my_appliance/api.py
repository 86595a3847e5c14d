"""The appliance's API: what is asked, what it answers, and what that means. Nothing here knows of targets."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import requests
from certpush.errors import TargetAuthFailed, TargetRefused
from certpush.kit.https import TrustedConnections, exchange

from certpush_my_appliance.settings import MyApplianceSettings

_ELSE = "does something else answer at this address?"


@dataclass(frozen=True)
class Certificates:
    """What the appliance keeps: fingerprints by name, and the name of the one that it serves."""

    active: str
    fingerprints: dict[str, str]


class Api:
    """Calls of one appliance. It is recognised in each TLS handshake, before the token is sent."""

    def __init__(self, settings: MyApplianceSettings) -> None:
        self._where = str(settings.endpoint)
        self._token = settings.token
        self._session = requests.Session()
        self._connections = TrustedConnections(settings.trust, where=self._where)
        self._connections.serve(self._session)

    def recognise(self, *fingerprints: str | None) -> None:
        """Take the appliance for the right one when it shows one of these, too: call it before a switch."""
        self._connections.trust = self._connections.trust.also(*(one for one in fingerprints if one))

    def certificates(self) -> Certificates:
        """Ask what is there."""
        answer = self._call("GET", "certificates")
        try:
            fingerprints = {str(name): str(one) for name, one in answer["certificates"].items()}
            return Certificates(str(answer["active"]), fingerprints)
        except (TypeError, KeyError, AttributeError) as error:
            raise TargetRefused(f"{self._where}: the list of certificates cannot be understood", hint=_ELSE) from error

    def put(self, name: str, fullchain: bytes, key: bytes) -> None:
        """Store a pair under a name; one of that name is replaced."""
        self._call("PUT", f"certificates/{name}", {"fullchain": fullchain.decode(), "key": key.decode()})

    def activate(self, name: str) -> None:
        """Serve the pair of this name from the next connection on."""
        self._call("POST", "active", {"name": name})

    def delete(self, name: str) -> None:
        """Remove the pair of this name; the appliance refuses it of the one that it serves."""
        self._call("DELETE", f"certificates/{name}")

    def close(self) -> None:
        """Give the connection back."""
        self._session.close()

    def _call(self, method: str, path: str, body: dict[str, str] | None = None) -> Any:  # noqa: ANN401 - what JSON holds
        login = {"Authorization": f"Bearer {self._token.reveal()}"}
        self._connections.forget()  # a connection that is kept still shows the certificate of before
        with exchange(self._connections, seconds=20):
            response = self._session.request(method, f"https://{self._where}/api/{path}", json=body, headers=login)
        return self._understood(response)

    def _understood(self, response: requests.Response) -> Any:  # noqa: ANN401 - what JSON holds
        """Judge the answer. Never quote a request in an error: it holds the key."""
        if response.status_code in {401, 403}:
            raise TargetAuthFailed(
                f"{self._where}: the token was refused ({response.status_code})",
                hint="make a token with the right to manage certificates, and name it by token = ...",
            )
        if not response.ok:
            reason = f"{response.status_code} {response.text[:200].strip() or response.reason}"
            raise TargetRefused(f"{self._where}: refused: {reason}", hint="see the appliance's log")
        try:
            return response.json() if response.content else None
        except ValueError as error:
            raise TargetRefused(f"{self._where}: the answer is no JSON", hint=_ELSE) from error
