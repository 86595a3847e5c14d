"""The questions about logging in to an API: a token or a key and where its secret is, or a user and where the password is."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from certpush.cli.asking import Question
from certpush.cli.init.reference import file_reference, full_reference, is_reference, refuse_open_file, unread
from certpush.cli.init.text import Value
from certpush.errors import ConfigError
from certpush.kit.settings import convert
from certpush.target import TargetKind

if TYPE_CHECKING:
    from certpush.cli.init.asking import Asking

Table = dict[str, Value]

API_SECRET = "api_secret"  # noqa: S105 - the key of that name
_NO_TOKEN = "none"  # noqa: S105 - the answer of who has none
_ANY = "file:/"
_REALMS = {"proxmox": "pve", "proxmox-backup": "pbs", "proxmox-datacenter": "pdm", "proxmox-mail": "pmg"}


def ask_login(asking: Asking, kind: TargetKind[Any], keys: Collection[str], name: str, known: Mapping[str, Value]) -> Table:
    """How to log in to an appliance, where ``known`` does not say it; ``keys`` are those of its kind.

    Raises:
        ConfigError: an answer is missing or will not do.

    """
    if API_SECRET in keys:
        place = _place("the secret of the API key", "--set api_secret=REFERENCE", asking.folder / f"{name}-secret")
        return {} if API_SECRET in known else {API_SECRET: asking.ask("its_secret", place)}
    by_user = asking.given("user") is not None or {"user", "password"} & known.keys()
    if "token_id" in keys and not by_user:
        token = _token(asking, kind, name, known)
        if token is not None:
            return token
    return _user(asking, kind, name, known) if {"user", "password"} <= set(keys) else {}


def _token(asking: Asking, kind: TargetKind[Any], name: str, known: Mapping[str, Value]) -> Table | None:
    """The keys of a token that are missing; None where there is no token."""
    found: Table = {}
    if "token_id" not in known:
        token_id = asking.ask("token_id", _token_question(kind, known))
        if not token_id:
            return None
        found["token_id"] = token_id
    if "token" not in known:
        place = _place("the token's secret", "--set token=REFERENCE", asking.folder / f"{name}-token")
        found["token"] = asking.ask("its_token", place)
    return found


def _token_question(kind: TargetKind[Any], known: Mapping[str, Value]) -> Question[str]:
    def read(text: str) -> str:
        if text == _NO_TOKEN:
            return ""
        _try(kind, {**known, "token_id": text, "token": _ANY})
        return text

    realm = _REALMS.get(kind.name)
    usual = f"certpush@{realm}!deploy" if realm else None
    text = "Id of its API token (or: none, to log in with a password)"
    return Question("the id of the API token", "--set token_id=USER@REALM!NAME", read, text, suggestion=usual)


def _user(asking: Asking, kind: TargetKind[Any], name: str, known: Mapping[str, Value]) -> Table:
    found: Table = {}
    if "user" not in known:
        found["user"] = asking.ask("user", _user_question(kind, known))
    if "password" not in known:
        place = _place("the password", "--set password=REFERENCE", asking.folder / f"{name}-password")
        found["password"] = asking.ask("its_password", place)
    return found


def _user_question(kind: TargetKind[Any], known: Mapping[str, Value]) -> Question[str]:
    def read(text: str) -> str:
        if not text:
            raise ConfigError("there must be an answer", hint="type one")
        _try(kind, {**known, "user": text, "password": _ANY})
        return text

    realm = _REALMS.get(kind.name)
    usual = f"certpush@{realm}" if realm else None
    return Question("the user", "--user USER@REALM", read, "User to log in as, with its realm", suggestion=usual)


def _place(what: str, flag: str, usual: Path) -> Question[str]:
    """Where a secret is. What is neither a path in full nor a reference may be the secret itself, and is not repeated."""

    def read(text: str) -> str:
        if not is_reference(text) and not text.startswith(("/", "~")):
            raise ConfigError(
                "a secret itself never stands in the configuration, and this is neither the path of a file nor a reference",
                hint='type a path that begins with / or ~, or a reference such as "cred:NAME"; the file may be made later',
            )
        reference = full_reference(text) if is_reference(text) else file_reference(text)
        refuse_open_file(reference)
        return reference

    return Question(f"where {what} is", flag, read, f"File with {what}, which only you can read (or a reference)", suggestion=str(usual))


def _try(kind: TargetKind[Any], table: Mapping[str, Value]) -> None:
    """See what the kind itself says of these answers; the path of the table is not known yet, and not said."""
    try:
        convert(table, kind.settings, path="", read_secret=unread)
    except ConfigError as error:
        raise ConfigError(error.message.removeprefix(": "), hint=error.hint) from None
