"""What targets of the Proxmox family can be told."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from certpush.errors import ConfigError
from certpush.kit.settings import Doc, Duration, Settings, parse_endpoint, parse_host
from certpush.kit.trust import Trust
from certpush.model import Endpoint, Secret

_USER = re.compile(r"[^\s:/@!]{1,60}@[A-Za-z][A-Za-z0-9._-]+")
_TOKEN_ID = re.compile(r"[^\s:/@!]{1,60}@[A-Za-z][A-Za-z0-9._-]+![A-Za-z][A-Za-z0-9._-]+")
_NODE = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")

Host = Annotated[str, Doc("host name or address of the web UI, perhaps with its port")]
Port = Annotated[int, msgspec.Meta(ge=1, le=65535), Doc("port of the web UI and API, unless it stands in host")]


class LoginSettings(Settings):
    """Where the API is, and how to log in to it by password."""

    host: Host
    port: Port
    user: Annotated[
        str | None, Doc('user to log in as, with the realm: "certpush@pve", "certpush@pbs", "certpush@pmg", "certpush@pdm"')
    ] = None
    password: Annotated[Secret | None, Doc("the user's password")] = None
    totp: Annotated[
        Secret | None, Doc("the secret of the second factor (base32, as it was shown when it was set up), or a code of now")
    ] = None
    server_name: Annotated[
        str | None, Doc("the name to ask for and to check where the certificate is looked at, when it is not the host")
    ] = None
    request_timeout: Annotated[Duration, Doc("how long one call of the API may take; a restart takes seconds")] = Duration(seconds=60)
    trust: Trust = Trust()  # the core's key of this name, and what certpush learned since

    def __post_init__(self) -> None:
        _ = self.address
        if self.server_name is not None:
            parse_host(self.server_name)
        if not 1 <= self.request_timeout.total_seconds() <= 600:
            raise ConfigError("request_timeout is not between 1s and 10m", hint='write request_timeout = "60s"')
        check_password_login(self)

    @property
    def address(self) -> Endpoint:
        """Host and port of the API."""
        return read_address("host", self.host, self.port)

    @property
    def endpoint(self) -> Endpoint:
        """Where the certificate of the web UI is looked at."""
        return Endpoint(self.address.host, self.address.port, self.server_name)


class TokenSettings(LoginSettings):
    """The same, for products that have API tokens."""

    token_id: Annotated[str | None, Doc('id of the API token: "certpush@pve!deploy"')] = None
    token: Annotated[Secret | None, Doc("the token's secret, as it was shown once when the token was made")] = None

    def __post_init__(self) -> None:
        super().__post_init__()
        check_token_login(self)


def read_address(key: str, text: str, port: int) -> Endpoint:
    """Read a host, perhaps with a port; an IPv6 address may stand without brackets. ``key`` is where it stands.

    Raises:
        ConfigError: it is none.

    """
    bracketed = f"[{text}]" if text.count(":") > 1 and not text.startswith("[") else text
    try:
        found = parse_endpoint(bracketed, default_port=port)
    except ConfigError:
        raise ConfigError(
            f"{key}: {text[:120]!a} is no host", hint='write its name or address alone, perhaps with the port: "pve.lan", "10.0.0.12:8006"'
        ) from None
    if found.server_name:
        raise ConfigError(
            f"{key}: {text[:120]!a} is more than a host and a port", hint='a name to ask for is written as server_name = "..."'
        )
    return found


def check_password_login(settings: LoginSettings) -> None:
    """See that user and password belong together.

    Raises:
        ConfigError: they do not.

    """
    if settings.user is not None and not _USER.fullmatch(settings.user):
        if "!" in settings.user:
            raise ConfigError("user: this is the id of a token", hint="write it as token_id, and its secret as token")
        raise ConfigError(f"user: {settings.user[:80]!a} is no user with a realm", hint='write it as "NAME@pve" or "NAME@pam"')
    if (settings.user is None) != (settings.password is None):
        raise ConfigError("user and password belong together, and one of them is missing", hint="write both")
    if settings.totp is not None and settings.user is None:
        raise ConfigError("totp belongs to a login with user and password", hint="tokens have no second factor: leave totp out")
    if settings.user is None and not isinstance(settings, TokenSettings):
        raise ConfigError("user and password are missing", hint='write user = "certpush@pmg" and password = "file:/path"')


def check_token_login(settings: TokenSettings) -> None:
    """See that there is exactly one way to log in, and that the id of the token is one.

    Raises:
        ConfigError: it is not so.

    """
    if settings.token_id is not None and not _TOKEN_ID.fullmatch(settings.token_id):
        # What stands there may hold the secret: people copy the whole header, and it is not shown again.
        hint = 'the id is USER@REALM!NAME, as the web UI shows it: "certpush@pve!deploy"; the secret goes into token'
        raise ConfigError("token_id is not the id of a token", hint=hint)
    if (settings.token_id is None) != (settings.token is None):
        raise ConfigError("token_id and token belong together, and one of them is missing", hint="write both")
    if settings.token_id is not None and settings.user is not None:
        raise ConfigError("both a token and a user are given", hint="write token_id and token, or user and password")
    if settings.token_id is None and settings.user is None:
        raise ConfigError("nothing says how to log in", hint='write token_id = "certpush@pve!deploy" and token = "file:/path"')


def check_node(key: str, name: str) -> None:
    """See that this can be the name of a node.

    Raises:
        ConfigError: it cannot, or it is ``localhost``, which the API takes for reading and breaks on writing.

    """
    if name.lower() == "localhost":
        raise ConfigError(f"{key}: localhost is no node's name", hint="write the name that the web UI shows in its tree, or leave it out")
    if not _NODE.fullmatch(name):
        raise ConfigError(
            f"{key}: {name[:80]!a} is no node's name",
            hint="a node is called by its short host name, as the web UI shows it in its tree: pve1, not pve1.example.com",
        )
