"""How to reach a machine by SSH: the settings, for every kind that logs in."""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from pathlib import Path
from typing import Annotated

import msgspec

from certpush.errors import ConfigError
from certpush.kit.settings import Doc, Duration, Settings, fields_of
from certpush.model import Secret, parse_name

Port = Annotated[int, msgspec.Meta(ge=1, le=65535), Doc("port of the SSH server")]

FREEBSD = "/usr/local/bin"
"""Where FreeBSD has sudo, for `SshConnection.run`; a login's PATH may be without it."""
_USER = re.compile(r"[A-Za-z0-9_.][A-Za-z0-9_.@\\+-]{0,63}\$?")
_PIN = re.compile(r"SHA256:([A-Za-z0-9+/]{43})=?")
_JUMP = re.compile(r"(?P<user>[^@:\[\]]+)@(?:\[(?P<v6>[0-9A-Fa-f:.]+)\]|(?P<host>[^@:\[\]]+))(?::(?P<port>\d{1,5}))?")


class SshServer(Settings):
    """Where an SSH server is."""

    host: Annotated[str, Doc("host name or address to log in to")]
    port: Port = 22


class SshAccount(Settings):
    """Who logs in, and how the machine is recognised. Exactly one of ``identity``, ``password`` and ``agent`` is used, once."""

    user: Annotated[str, Doc("user to log in as")] = "root"
    identity: Annotated[Secret | None, Doc('private key to log in with, by reference: "file:~/.ssh/certpush_ed25519"')] = None
    identity_passphrase: Annotated[Secret | None, Doc("passphrase of the private key, where it has one")] = None
    password: Annotated[Secret | None, Doc("password to log in with, instead of a key")] = None
    agent: Annotated[bool, Doc("log in with the key that the SSH agent holds, instead of a key of our own")] = False
    agent_key: Annotated[str | None, Doc('which of the agent\'s keys, as `ssh-add -l` prints it: "SHA256:..."')] = None
    sudo: Annotated[bool, Doc("do everything through `sudo -n /bin/sh -s`")] = False
    host_key: Annotated[
        str | tuple[str, ...],
        Doc('the server\'s host key, one or several: "SHA256:..." as `ssh-keygen -lf` prints it; `certpush trust` shows it'),
    ] = ()
    known_hosts: Annotated[str | None, Doc("file in the format of OpenSSH's known_hosts; none is read unless named here")] = None
    jump: Annotated[str | None, Doc('reach the host through this one: "user@host" or "user@host:port", with the same key')] = None
    jump_host_key: Annotated[str | tuple[str, ...], Doc("the jump host's own host key, as host_key")] = ()
    connect_timeout: Annotated[Duration, Doc("how long each step of connecting and logging in may take")] = Duration(seconds=15)


class SshSettings(SshServer, SshAccount):
    """How to log in to a machine; a kind that has other keys beside these names this class among its bases."""

    def __post_init__(self) -> None:
        check_login(self)


def login_at(host: str, port: int, account: SshAccount) -> SshSettings:
    """Complete an account with where it is."""
    return SshSettings(host=host, port=port, **{one.name: getattr(account, one.name) for one in fields_of(SshAccount)})


class JumpHost(msgspec.Struct, frozen=True):
    """The machine that the connection goes through."""

    user: str
    host: str
    port: int


def check_login(login: SshSettings) -> None:
    """Refuse settings that cannot be used, or that could lead elsewhere than they read.

    Raises:
        ConfigError: naming the key and what to write instead.

    """
    _refuse_bad_host("host", login.host)
    _refuse_bad_user("user", login.user)
    _refuse_bad_method(login)
    for key, pins in (("host_key", login.host_key), ("jump_host_key", login.jump_host_key)):
        pinned(key, pins)
    if login.known_hosts is not None and not (login.known_hosts.isprintable() and Path(login.known_hosts).expanduser().is_absolute()):
        raise ConfigError(f"known_hosts: {login.known_hosts!a} is not a path", hint="write it in full, or with ~")
    if login.jump is not None:
        parse_jump(login.jump)
    elif login.jump_host_key:
        raise ConfigError("jump_host_key stands without jump", hint='add jump = "user@host", or leave it out')


def check_rescue(after: Duration) -> None:
    """Refuse a ``rescue_after`` that no switch can be done in, or that leaves a machine without a way back for long.

    Raises:
        ConfigError: it is shorter than a second, or longer than an hour.

    """
    if not 1 <= after.total_seconds() <= 3600:
        raise ConfigError("rescue_after is not between 1s and 1h", hint='give it as long as a switch takes, with some to spare: "180s"')


def pinned(key: str, pins: str | tuple[str, ...]) -> frozenset[str]:
    """The fingerprints (``SHA256:...``) that a setting names, from fingerprints or whole public keys.

    Raises:
        ConfigError: one is neither.

    """
    return frozenset(_one_pin(key, one) for one in ((pins,) if isinstance(pins, str) else pins))


def parse_jump(text: str) -> JumpHost:
    """Read ``user@host[:port]``.

    Raises:
        ConfigError: it is no such thing.

    """
    found = _JUMP.fullmatch(text)
    port = int(found["port"] or 22) if found else 0
    if found is None or not 0 < port < 65536:
        raise ConfigError(f"jump: {text[:80]!a} is not a way to a host", hint='write it as "user@host" or "user@host:port"')
    _refuse_bad_user("jump", found["user"])
    host = found["v6"] or found["host"]
    _refuse_bad_host("jump", host)
    return JumpHost(found["user"], host, port)


def blob_fingerprint(blob: bytes) -> str:
    """The fingerprint of a public key in SSH's own form, as OpenSSH prints it."""
    return "SHA256:" + base64.b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def _one_pin(key: str, text: str) -> str:
    found = _PIN.fullmatch(text.strip())
    if found:
        return f"SHA256:{found[1]}"
    words = text.split()
    try:
        if len(words) >= 2 and words[0].startswith(("ssh-", "ecdsa-", "sk-")):
            return blob_fingerprint(base64.b64decode(words[1], validate=True))
    except binascii.Error:
        pass
    raise ConfigError(
        f"{key}: {text[:80]!a} is not the fingerprint of a host key",
        hint='on the server, `ssh-keygen -lf /etc/ssh/ssh_host_ed25519_key.pub` prints it: "SHA256:..."',
    )


def _refuse_bad_host(key: str, host: str) -> None:
    try:
        wildcard = str(parse_name(host)).startswith("*")
    except ConfigError as error:
        raise ConfigError(
            f"{key}: {host[:80]!a} is not a host", hint="write a host name or an address; the port has its own key"
        ) from error
    if wildcard:
        raise ConfigError(f"{key}: {host!a} is not one host", hint="write its name")


def _refuse_bad_user(key: str, user: str) -> None:
    if not _USER.fullmatch(user):
        raise ConfigError(f"{key}: {user[:80]!a} is not the name of a user", hint="letters, digits and . _ - @ \\ +")


def _refuse_bad_method(login: SshSettings) -> None:
    ways = [key for key, given in (("identity", login.identity), ("password", login.password), ("agent", login.agent)) if given]
    if len(ways) != 1:
        raise ConfigError(
            f"{' and '.join(ways)} are given, and only one is used" if ways else "nothing says how to log in",
            hint='keep one of identity = "file:...", password = "file:...", agent = true',
        )
    if login.identity_passphrase is not None and login.identity is None:
        raise ConfigError("identity_passphrase stands without identity", hint="add identity, or leave it out")
    if login.agent_key is not None:
        if not login.agent:
            raise ConfigError("agent_key stands without agent", hint="add agent = true, or leave it out")
        pinned("agent_key", login.agent_key)
    if login.jump is not None and login.password is not None:
        # The jump host would be told the password of the machine behind it.
        raise ConfigError("a jump host and a password do not go together", hint="log in with a key: identity, or agent = true")
