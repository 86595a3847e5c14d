"""What a target of kind ``pfsense`` can be told."""

from __future__ import annotations

import re
from typing import Annotated, Literal

from certpush.errors import ConfigError
from certpush.kit.settings import Doc, Duration, Settings
from certpush.kit.ssh import check_login
from certpush.kit.ssh import settings as login

_ALSO = re.compile(r"[a-z][a-z0-9_-]*")


class PfSenseSettings(Settings):
    """The web GUI of a pfSense box that is reached by SSH."""

    # As certpush.kit.ssh.SshSettings has them; a test keeps the two alike.
    host: login.Host
    port: login.Port = 22
    user: login.User = "admin"
    identity: login.Identity = None
    identity_passphrase: login.Passphrase = None
    password: login.Password = None
    agent: login.Agent = False
    agent_key: login.AgentKey = None
    sudo: login.Sudo = False
    host_key: login.HostKey = ()
    known_hosts: login.KnownHosts = None
    jump: login.Jump = None
    jump_host_key: login.JumpHostKey = ()
    connect_timeout: login.ConnectTimeout = login.DEFAULT_CONNECT_TIMEOUT
    commit: Annotated[
        Literal["php", "xml"],
        Doc('"php": the box itself writes its configuration; "xml": config.xml is edited, for a box whose PHP cannot be used'),
    ] = "php"
    also: Annotated[
        tuple[str, ...],
        Doc('what else shall change over from the old certificate, by the words of the plan: ["captiveportal", "haproxy"]'),
    ] = ()
    store_root: Annotated[bool, Doc("keep the root of the chain among the box's authorities, too; it is not served")] = False
    rescue_after: Annotated[
        Duration, Doc("after how long the box goes back to the old certificate by itself, unless the new one is confirmed before")
    ] = Duration(seconds=180)

    def __post_init__(self) -> None:
        check_login(self)
        for one in self.also:
            if not _ALSO.fullmatch(one) or one in ("webgui", "chain", "other"):
                raise ConfigError(
                    f"also: {one[:40]!a} is nothing that can change over", hint='such as "captiveportal", "haproxy", "openvpn", "unbound"'
                )
        if not 1 <= self.rescue_after.total_seconds() <= 3600:
            raise ConfigError("rescue_after is not between 1s and 1h", hint='give it as long as a switch takes, with some to spare: "180s"')
