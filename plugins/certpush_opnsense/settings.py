"""What a target of kind ``opnsense`` can be told."""

from __future__ import annotations

import re
from typing import Annotated

import msgspec

from certpush.errors import ConfigError
from certpush.kit.settings import Doc, Duration, Settings, parse_endpoint, parse_host
from certpush.kit.ssh import SshAccount, SshSettings, check_rescue, login_at
from certpush.kit.ssh.settings import Port
from certpush.kit.trust import Trust
from certpush.model import Endpoint, Secret

OURS = "certpush "
"""What the description of every entry begins with that certpush makes."""

_KEY = re.compile(r"[A-Za-z0-9+/=]{16,128}")
_LABEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._:-]{0,79}")


class GuiSettings(Settings):
    """The web GUI and its API, and where SSH is on the same host."""

    host: Annotated[str, Doc("host name or address of the web GUI, perhaps with its port; SSH goes to the same host")]
    port: Annotated[int, msgspec.Meta(ge=1, le=65535), Doc("port of the web GUI and API, unless it stands in host")] = 443
    api_key: Annotated[str, Doc("the key of an API user: System > Access > Users, the line that begins with key= in its file")]
    api_secret: Annotated[Secret, Doc("the secret that belongs to the key: the line that begins with secret= in the same file")]
    label: Annotated[str | None, Doc('what the entry in System > Trust is called behind "certpush "; the host when left out')] = None
    server_name: Annotated[
        str | None, Doc("the name to ask for and to check where the certificate is looked at, when it is not the host")
    ] = None
    request_timeout: Annotated[Duration, Doc("how long one call of the API may take")] = Duration(seconds=60)
    restart_timeout: Annotated[Duration, Doc("how long the web GUI may take to come back before it is restarted once more")] = Duration(
        seconds=20
    )
    certificates_not_synced: Annotated[
        bool, Doc("this firewall is the second of a pair, and its certificates are not overwritten by the first")
    ] = False
    rescue_after: Annotated[
        Duration, Doc("in the first switch: after how long the firewall goes back by itself, unless it is confirmed before")
    ] = Duration(seconds=180)
    trust: Trust = Trust()  # the core's key of this name, and what certpush learned since
    ssh_port: Port = 22


class OpnsenseSettings(GuiSettings, SshAccount):
    """The web GUI of an OPNsense firewall; the login by SSH is needed for the first switch only."""

    def __post_init__(self) -> None:
        _ = self.address
        if self.server_name is not None:
            parse_host(self.server_name)
        if not _KEY.fullmatch(self.api_key):
            # It is not shown: people copy the whole file, with the secret in it.
            raise ConfigError("api_key is not the key of an API user", hint="write what follows key= in the file, and nothing else")
        if self.label is not None and not _LABEL.fullmatch(self.label):
            raise ConfigError(f"label: {self.label[:80]!a} cannot be used", hint="letters, digits, spaces and . _ : - ; 80 at most")
        for key, length in (("request_timeout", self.request_timeout), ("restart_timeout", self.restart_timeout)):
            if not 1 <= length.total_seconds() <= 600:
                raise ConfigError(f"{key} is not between 1s and 10m", hint=f'write {key} = "60s"')
        check_rescue(self.rescue_after)
        _ = self.ssh

    @property
    def address(self) -> Endpoint:
        """Host and port of the API."""
        text = f"[{self.host}]" if self.host.count(":") > 1 and not self.host.startswith("[") else self.host
        found = parse_endpoint(text, default_port=self.port)
        if found.server_name:
            raise ConfigError(
                f"host: {self.host[:120]!a} is more than a host and a port", hint='a name to ask for is written as server_name = "..."'
            )
        return found

    @property
    def endpoint(self) -> Endpoint:
        """Where the certificate of the web GUI is looked at."""
        return Endpoint(self.address.host, self.address.port, self.server_name)

    @property
    def ssh(self) -> SshSettings | None:
        """How to log in by SSH; None where nothing says how."""
        if self.identity is None and self.password is None and not self.agent:
            return None
        return login_at(self.address.host, self.ssh_port, self)

    @property
    def description(self) -> str:
        """What our entry in the store is called."""
        return OURS + (self.label or self.address.host.replace("%", "-"))

    @property
    def former_description(self) -> str:
        """What the entry is called in which the former pair is kept."""
        return f"{self.description} former"
