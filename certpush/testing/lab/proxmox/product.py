"""What tests see of any Proxmox product: its address, its users, its files, what came in, and what it does wrong."""

from __future__ import annotations

from typing import Self

from certpush.testing.lab.proxmox.accounts import Accounts, Acl
from certpush.testing.lab.proxmox.faults import ProxmoxFaults
from certpush.testing.lab.proxmox.records import Recorded
from certpush.testing.lab.proxmox.service import Service
from certpush.testing.lab.proxmox.workers import Workers
from certpush.testing.server import Server

_TOKEN = "deploy"  # noqa: S105 - its name


def usual_accounts(accounts: Accounts, user: str, rights: dict[str, set[str]], *, token: bool = True) -> Accounts:
    """Fill accounts as a careful administrator does: a user with few rights, and a token of theirs."""
    accounts.add_user("root@pam")
    accounts.add_user(user, rights=rights)
    if token:
        accounts.add_token(f"{user}!{_TOKEN}", rights=rights)
    return accounts


class Product(Server):
    """A product on its port; ``files`` maps names as on the disk to contents, and may be changed."""

    def __init__(self, name: str, service: Service, workers: Workers, accounts: Accounts, files: dict[str, bytes], *, user: str) -> None:
        self.name = name
        self.service = service
        self.accounts = accounts
        self.files = files
        self.user = user
        self._workers = workers

    @property
    def host(self) -> str:
        """The address it listens at."""
        return self.service.listener.host

    @property
    def port(self) -> int:
        """The port it listens at; 0 before the first start."""
        return self.service.listener.port

    @property
    def running(self) -> bool:
        """Whether the port is open."""
        return self.service.listener.listening

    @property
    def connections(self) -> int:
        """How many connections came in so far."""
        return self.service.listener.accepted

    @property
    def requests(self) -> list[Recorded]:
        """What came in, in order."""
        return self.service.requests

    @property
    def faults(self) -> ProxmoxFaults:
        """What it does wrong."""
        return self.service.faults

    @property
    def password(self) -> str:
        """The usual user's password."""
        return self.accounts.users[self.user].password

    @property
    def totp_secret(self) -> str | None:
        """The usual user's second factor, base32; None: there is none. May be set."""
        return self.accounts.users[self.user].totp_secret

    @totp_secret.setter
    def totp_secret(self, secret: str | None) -> None:
        self.accounts.users[self.user].totp_secret = secret

    @property
    def settled(self) -> bool:
        """Whether no old worker accepts any more."""
        return self._workers.settled

    def served(self) -> str | None:
        """What the newest workers show; None where every handshake with them ends in EOF."""
        return self._workers.newest.fingerprint

    def start(self) -> Self:
        """Open the port; what is served is read from the files anew."""
        self.service.start()
        return self

    def stop(self) -> None:
        """Close the port and every connection; files and accounts stay."""
        self.service.stop()


class TokenProduct(Product):
    """A product that takes API tokens."""

    @property
    def token_id(self) -> str:
        """The usual token's full name."""
        return f"{self.user}!{_TOKEN}"

    @property
    def token(self) -> str:
        """The usual token's secret."""
        return self.accounts.users[self.user].tokens[_TOKEN].secret

    @property
    def acl(self) -> Acl:
        """What the usual user and the usual token may."""
        return Acl(self.accounts.rights[self.user], self.accounts.rights[self.token_id])
