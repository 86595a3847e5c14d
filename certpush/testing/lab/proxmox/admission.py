"""Who sends a request, told from its head: a token, or a ticket with what prevents its misuse."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from certpush.testing.lab.proxmox.accounts import Accounts, Clock
from certpush.testing.lab.proxmox.http import Head

_API = re.compile(r"/api2/+([a-z][a-z0-9]+)(/.*)?")
_TOKEN = re.compile(r"(.*)=(.*)", re.DOTALL)
_TOKEN_NAME = re.compile(r"[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+![A-Za-z][A-Za-z0-9.\-_]+")


class Unknown(Exception):
    """Nobody who may ask; the message becomes the reason of a 401 without body."""


def api_path(head: Head) -> tuple[str, str]:
    """The format that is asked for and the path of the call; both empty where the path is none of the API's."""
    found = _API.fullmatch(head.path)
    return (found[1], found[2] or "/") if found else ("", "")


def credential(header: str, name: str) -> str:
    """What a cookie or an Authorization header says under a name; empty where it says nothing."""
    found = re.search(rf"(?:^|\s){re.escape(name)}(?:=| )([^;]*)", header)
    return unquote(found[1]) if found else ""


@dataclass
class Doorkeeper:
    """Lets callers in whom the accounts know."""

    accounts: Accounts
    clock: Clock
    product: str = "PVE"

    def admit(self, head: Head) -> str:
        """The full name of the user or token; empty where the call needs none.

        Raises:
            Unknown: the caller is not let in.

        """
        token = credential(head.headers.get("authorization", ""), f"{self.product}APIToken")
        if not token:
            raise Unknown("No ticket")
        return self._by_token(token)

    def _by_token(self, given: str) -> str:
        found = _TOKEN.fullmatch(given)
        if not found or not _TOKEN_NAME.fullmatch(found[1]) or not self.accounts.accepts_token(found[1], found[2], self.clock()):
            raise Unknown("Authentication failed!")
        return found[1]
