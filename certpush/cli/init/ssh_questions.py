"""The questions about logging in by SSH: the user, the key, and whether everything goes through sudo."""

from __future__ import annotations

from collections.abc import Collection
from typing import TYPE_CHECKING, Any

from certpush.cli.asking import Question, yes_or_no
from certpush.cli.init.reference import file_reference, full_reference, is_reference, refuse_open_file
from certpush.cli.init.text import Value
from certpush.errors import ConfigError
from certpush.kit.settings import Settings, fields_of
from certpush.kit.trust import takes_trust

if TYPE_CHECKING:
    from certpush.cli.init.asking import Asking
    from certpush.target import TargetKind

Table = dict[str, Value]

_IDENTITY = "~/.ssh/certpush_ed25519"
_NONE = "none"
_WAYS = frozenset({"identity", "agent", "password"})


def takes_ssh(settings: type[Settings]) -> bool:
    """Whether a target with these settings can be told how to log in by SSH."""
    return {"identity", "agent", "host_key"} <= {one.encode_name for one in fields_of(settings)}


def ask_ssh(asking: Asking, kind: TargetKind[Any], known: Collection[str]) -> Table:
    """How to log in, where ``known`` does not say it; with an API of its own, a kind may do without.

    Raises:
        ConfigError: an answer is missing or will not do.

    """
    if takes_trust(kind.settings):
        return {} if _WAYS & set(known) else asking.ask("identity", _perhaps_question())
    usual = _usual_user(kind.settings)
    user = asking.ask("user", Question("the user", "--user USER", something, "User to log in as", default=usual))
    way: Table = {} if _WAYS & set(known) else asking.ask("identity", identity_question())
    found: Table = {"user": user, **way}
    if user not in ("root", usual) and "sudo" not in known:
        default = "yes" if asking.interview.person else "no"
        sudo = asking.ask("sudo", Question("sudo", "--sudo", yes_or_no, "Do everything through sudo there, yes or no", default=default))
        found |= {"sudo": True} if sudo else {}
    return found


def identity_question() -> Question[Table]:
    """Ask for the private key, or for the agent that has it."""

    def read(text: str) -> Table:
        if text == "agent":
            return {"agent": True}
        reference = full_reference(text) if is_reference(text) else file_reference(text)
        refuse_open_file(reference)
        return {"identity": reference}

    text = "Private key to log in with (its path, or: agent)"
    return Question("the private key to log in with", "--identity PATH, or --identity agent", read, text, suggestion=_IDENTITY)


def _perhaps_question() -> Question[Table]:
    """Ask the same of a kind for which SSH is the exception."""
    certain = identity_question()

    def read(text: str) -> Table:
        return {} if text == _NONE else certain.read(text)

    text = "Private key to log in with by SSH, where the API is not enough (its path, or: agent, or: none)"
    return Question("the private key for SSH", "--identity PATH, or --identity none", read, text, default=_NONE, suggestion=_IDENTITY)


def something(text: str) -> str:
    """Read an answer that must not be empty."""
    if not text:
        raise ConfigError("there must be an answer", hint="type one")
    return text


def _usual_user(settings: type[Settings]) -> str:
    return next((str(one.default) for one in fields_of(settings) if one.encode_name == "user" and isinstance(one.default, str)), "root")
