"""Who sends a request, told from its head: a token, or a ticket with what prevents its misuse."""

from __future__ import annotations

import re
from dataclasses import dataclass
from urllib.parse import unquote

from certpush.testing.lab.proxmox.accounts import Accounts, Clock
from certpush.testing.lab.proxmox.http import Head
from certpush.testing.lab.proxmox.tickets import Tickets

A_TOKEN = "!"  # noqa: S105 - stands for any token, at calls that look at none
_API = re.compile(r"/api2/+([a-z][a-z0-9]+)(/.*)?")
_TOKEN_NAME = re.compile(r"[^\s:/]+@[A-Za-z][A-Za-z0-9.\-_]+![A-Za-z][A-Za-z0-9.\-_]+")
_FREE = {("GET", "/access/ticket"), ("POST", "/access/ticket"), ("GET", "/access/domains")}


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
    tickets: Tickets
    clock: Clock
    product: str = "PVE"
    takes_tokens: bool = True

    def admit(self, head: Head) -> str:
        """The full name of the user or token; empty where the call needs none.

        Raises:
            Unknown: the caller is not let in.

        """
        authorization = head.headers.get("authorization", "")
        ticket = self._ticket(head.headers.get("cookie", "")) or self._ticket(authorization)
        token = credential(authorization, f"{self.product}APIToken") if self.takes_tokens and not ticket else ""
        if (head.method, api_path(head)[1]) in _FREE:
            return A_TOKEN if token else ""
        if token:
            return self._by_token(token)
        return self._by_ticket(ticket, head)

    def _ticket(self, header: str) -> str:
        return credential(header, f"{self.product}AuthCookie")

    def _by_token(self, given: str) -> str:
        name, separator, secret = given.rpartition("=")
        if not separator or not _TOKEN_NAME.fullmatch(name) or not self.accounts.accepts_token(name, secret, self.clock()):
            raise Unknown("Authentication failed!")
        return name

    def _by_ticket(self, ticket: str, head: Head) -> str:
        if not ticket:
            raise Unknown("No ticket")
        name, now = self.tickets.user_of(ticket, self.clock()), self.clock()
        user = self.accounts.users.get(name or "")
        if not name or not user or not user.enabled:
            raise Unknown("Authentication failed!")
        if head.method != "GET" and not self.tickets.is_csrf_token(head.headers.get("csrfpreventiontoken", ""), name, now):
            raise Unknown("Permission denied - invalid csrf token")
        return name
