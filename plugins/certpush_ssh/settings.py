"""What a target of kind ``ssh`` can be told."""

from __future__ import annotations

from typing import Annotated

from certpush.errors import ConfigError
from certpush.kit.layout import LayoutSettings
from certpush.kit.settings import Doc, Duration
from certpush.kit.ssh import check_login
from certpush.kit.ssh import settings as login


class SshTargetSettings(LayoutSettings, kw_only=True):  # type: ignore[call-arg] # msgspec's metaclass takes it; mypy asks object
    """Files on a machine that is reached by SSH."""

    # As certpush.kit.ssh.SshSettings has them; a test keeps the two alike.
    host: login.Host
    port: login.Port = 22
    user: login.User = "root"
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
    rescue_after: Annotated[
        Duration, Doc("after how long the machine puts the old files back by itself, unless the new ones are confirmed before")
    ] = Duration(seconds=180)

    def __post_init__(self) -> None:
        super().__post_init__()
        check_login(self)
        if not 1 <= self.rescue_after.total_seconds() <= 3600:
            raise ConfigError("rescue_after is not between 1s and 1h", hint='give it as long as a switch takes, with some to spare: "180s"')
