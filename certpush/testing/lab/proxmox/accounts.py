"""Users, their tokens, and what they may: one database for all nodes of a cluster."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeAlias

from certpush.testing.lab.proxmox.refusals import not_permitted

Clock: TypeAlias = Callable[[], datetime]
Rights: TypeAlias = dict[str, set[str]]
"""Path to privileges; they hold below the path too, up to a deeper path that is listed."""

ADMINISTRATOR = "root@pam"
_ALL = {"Sys.Audit", "Sys.Modify", "Sys.PowerMgmt", "Sys.Syslog", "Sys.Console", "Datastore.Audit", "Datastore.Allocate"}
_PVE_PATHS = ("/", "/access", "/access/groups", "/nodes", "/pool", "/sdn", "/storage", "/vms")


@dataclass
class Token:
    """An API token; a separated one has rights of its own, as far as its user has them too."""

    secret: str = field(repr=False)
    separated: bool = True
    expires: datetime | None = None


@dataclass
class User:
    """A person or a service that logs in."""

    password: str = field(repr=False)
    enabled: bool = True
    totp_secret: str | None = field(default=None, repr=False)
    tokens: dict[str, Token] = field(default_factory=dict)


@dataclass(frozen=True)
class Acl:
    """What a user may, and what a token of theirs may: both may be changed at any time."""

    user: Rights
    token: Rights


class Accounts:
    """The user database: ``users`` by their full names, ``rights`` by the full name of a user or token.

    ``everything`` is what the administrator may, ``always_told`` the paths that are looked at
    whether any right is given there or not.
    """

    def __init__(self, everything: Iterable[str] = _ALL, always_told: Sequence[str] = _PVE_PATHS) -> None:
        self._everything = frozenset(everything)
        self._always_told = always_told
        self.users: dict[str, User] = {}
        self.rights: dict[str, Rights] = {}

    def add_user(self, name: str, password: str = "", rights: Mapping[str, set[str]] | None = None) -> User:
        """Add a user; without a password a random one."""
        self.users[name] = User(password or secrets.token_urlsafe(12))
        self.rights[name] = {path: set(some) for path, some in (rights or {}).items()}
        return self.users[name]

    def add_token(self, name: str, rights: Mapping[str, set[str]] | None = None, *, separated: bool = True) -> Token:
        """Add a token, named as USER@REALM!NAME."""
        user, _, short = name.partition("!")
        token = Token(secrets.token_hex(16), separated)
        self.users[user].tokens[short] = token
        self.rights[name] = {path: set(some) for path, some in (rights or {}).items()}
        return token

    def token(self, name: str) -> Token | None:
        """A token by its full name, where it and its user exist and the user is enabled."""
        user, _, short = name.partition("!")
        found = self.users.get(user)
        return found.tokens.get(short) if found and found.enabled else None

    def accepts_token(self, name: str, secret: str, now: datetime) -> bool:
        """Whether that is the token's secret, and the token has not expired."""
        token = self.token(name)
        return token is not None and secrets.compare_digest(token.secret, secret) and not (token.expires and token.expires < now)

    def privileges(self, caller: str, path: str) -> set[str]:
        """What a user or token may at a path."""
        if caller == ADMINISTRATOR:
            return set(self._everything)
        user, mark, _ = caller.partition("!")
        own = set(self._inherited(caller, path))
        if not mark:
            return own
        token = self.token(caller)
        of_user = self.privileges(user, path)
        return of_user if token and not token.separated else own & of_user

    def require(self, caller: str, path: str, *privileges: str) -> None:
        """Refuse a caller who lacks one of them.

        Raises:
            Refused: 403.

        """
        for one in privileges:
            if one not in self.privileges(caller, path):
                raise not_permitted(f"{path}, {one}")

    def effective(self, caller: str) -> dict[str, set[str]]:
        """What GET /access/permissions tells: paths at which the caller may anything."""
        paths = dict.fromkeys([*self._always_told, *(path for rights in self.rights.values() for path in rights)])
        return {path: some for path in paths if (some := self.privileges(caller, path))}

    def _inherited(self, caller: str, path: str) -> set[str]:
        rights = self.rights.get(caller, {})
        return next((rights[one] for one in _upwards(path) if one in rights), set())


def _upwards(path: str) -> Iterator[str]:
    while path not in ("", "/"):
        yield path
        path = path.rpartition("/")[0]
    yield "/"
